//! Converts the health check.

use conductor_core::service::HealthCheck;

use super::Conversion;
use super::model::{Container, Exec, Header, HttpGet, Probe, TcpSocket};
use crate::given::Given;
use crate::text::seconds;

impl Conversion<'_> {
    /// Adds the probes: one until the first success, one for what may be asked, and one for what is started again.
    pub(super) fn probes(given: &Given<'_>, container: &mut Container) {
        let Some(health) = &given.service.health else { return };
        let mut probe = Probe::default();
        match (&health.check, given.checked_port()) {
            (HealthCheck::Command(command), _) => {
                probe.exec = Some(Exec { command: given.words(command, "1") });
            }
            (HealthCheck::Tcp, Some(port)) => probe.tcp_socket = Some(TcpSocket { port }),
            (HealthCheck::Http(http), Some(port)) => {
                let header = |(name, value): (&conductor_core::value::HeaderName, _)| {
                    let value: &conductor_core::value::HeaderValue = value;
                    Header { name: name.to_string(), value: value.to_string() }
                };
                probe.http_get = Some(HttpGet {
                    path: given.text(http.path.as_str(), "1"),
                    port,
                    http_headers: http.headers.iter().map(header).collect(),
                });
            }
            (_, None) => return,
        }
        let period = seconds(health.interval.duration()).max(1);
        probe.period_seconds = Some(period);
        probe.timeout_seconds = Some(seconds(health.timeout.duration()).max(1));
        probe.failure_threshold = Some(u64::from(health.retries));
        // It asks often, so that an instance is ready as soon as with conductor.
        let start = seconds(health.start_period.duration()).max(1);
        let startup =
            Probe { period_seconds: Some(1), failure_threshold: Some(start), ..probe.clone() };
        container.startup_probe = Some(startup);
        let threshold = Some(health.success_threshold).filter(|count| *count > 1);
        container.readiness_probe = Some(Probe { success_threshold: threshold, ..probe.clone() });
        container.liveness_probe = Some(probe);
    }
}
