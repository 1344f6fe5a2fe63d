//! Health as readiness and watchdog of systemd: the probe's command line and the directives for it.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use probe_protocol::restarts::{START_LIMIT_BURST, START_LIMIT_INTERVAL};
use probe_protocol::{Check, Header, StopSignal, Subcommand, Timing, Watch};

use super::{Instance, process};
use crate::definition::{Method, Runtime};
use crate::release::retry_timer;
use crate::service::{Health, HealthCheck, HttpCheck, Service};
use crate::unit::Lines;
use crate::unit::escape::{CommandLine, command_line};
use crate::value::{Endpoint, Signal, StatusCodes};

/// How long an unhealthy instance may take to stop before it is killed. It is short: it serves no requests.
const ABORT: Duration = Duration::from_secs(5);

/// systemd's default, which applies without a health check.
const DEFAULT_START: Duration = Duration::from_secs(90);

/// Returns whether the probe starts the instances of a service: it checks them, or it replaces the client
/// of a container engine.
pub fn is_probed(service: &Service) -> bool {
    service.health.is_some() || service.runtime == Runtime::Docker && !service.is_oneshot()
}

/// Returns the probe's check of an instance, if there is one. `enter` comes before the command of a check, so
/// that it runs where the instance runs.
pub(super) fn watch(instance: &Instance<'_>, enter: Vec<OsString>) -> Option<Watch> {
    let Instance { service, tokens, .. } = instance;
    let health = service.health.as_ref()?;
    let check = match &health.check {
        HealthCheck::Http(http) => Check::Http(self::http(http, instance)),
        HealthCheck::Tcp => match instance.endpoint {
            Some(Endpoint::Socket(socket)) if health.port.is_none() => {
                Check::Unix(socket.as_str().into())
            }
            _ => Check::Tcp(address(instance)),
        },
        HealthCheck::Command(command) => {
            let words = command.iter().map(|word| tokens.expand(word.as_str()).into_owned().into());
            Check::Command(enter.into_iter().chain(words).collect())
        }
    };
    Some(Watch { check, timing: timing(health) })
}

/// Returns how often the probe checks.
fn timing(health: &Health) -> Timing {
    let Health {
        check: _,
        port: _,
        interval,
        timeout,
        timeout_is_given: _,
        retries,
        success_threshold,
        start_period,
    } = health;
    Timing {
        interval: interval.duration(),
        timeout: timeout.duration(),
        retries: *retries,
        start_period: start_period.duration(),
        success_threshold: *success_threshold,
    }
}

/// Returns the address of an instance, or of the fixed port that is checked. A definition with a check that needs a
/// port or a socket, and with neither, is refused; the probe would refuse port 0.
fn address(instance: &Instance<'_>) -> SocketAddr {
    let address = instance.endpoint.and_then(Endpoint::socket_address);
    let address = fixed_port(instance.service).or(address);
    address.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, 0).into())
}

/// Returns where the host reaches the fixed port that is checked, if it is one.
fn fixed_port(service: &Service) -> Option<SocketAddr> {
    let checked = service.health.as_ref()?.port?;
    let port = service.published().iter().find(|port| port.is_tcp(checked))?;
    Some(port.reached_at(checked))
}

fn http(http: &HttpCheck, instance: &Instance<'_>) -> probe_protocol::HttpCheck {
    // Without `..`: a new field does not compile until it is passed on.
    let HttpCheck { path, socket, method, headers, status, contains, follow_redirects } = http;
    let path = instance.tokens.expand(path.as_str());
    let socket = socket.as_ref().map(|socket| instance.tokens.expand(socket.as_str()));
    let fixed = fixed_port(instance.service);
    let own = instance.tokens.socket.filter(|_| fixed.is_none());
    let unix = socket.as_deref().or(own);
    let host = match (unix, fixed, instance.endpoint) {
        (None, Some(fixed), _) => fixed.to_string(),
        (None, None, Some(endpoint @ Endpoint::Tcp { .. })) => endpoint.to_string(),
        _ => "localhost".to_owned(),
    };
    let headers = headers
        .iter()
        .map(|(name, value)| Header { name: name.to_string(), value: value.to_string() });
    probe_protocol::HttpCheck {
        url: format!("http://{host}{path}"),
        unix: unix.map(PathBuf::from),
        method: match method {
            Method::Get => probe_protocol::Method::Get,
            Method::Head => probe_protocol::Method::Head,
        },
        headers: headers.collect(),
        status: status.as_ref().map(StatusCodes::statuses),
        contains: contains.as_ref().map(ToString::to_string),
        follow_redirects: *follow_redirects,
    }
}

/// Returns the command that tells the probe about a stop by a command. Without it, a service that finishes
/// its requests and no longer answers would be unhealthy, and be restarted.
pub(super) fn stop(probe: &str) -> CommandLine {
    command_line("-", &[probe, Subcommand::Stop.name()])
}

/// Returns the signal that stops the service, if the definition sets one (`stop_signal`, or `KillSignal=` of
/// systemd.kill(5)): the probe has to recognize the stop. The probe refuses what it does not know, such as a number or a real-time
/// signal, and then the instance does not start.
pub(super) fn stop_signal(service: &Service) -> Option<StopSignal> {
    let given = service.process.stop_signal.as_ref().map(Signal::as_str);
    service.setting("KillSignal").or(given)?.parse().ok()
}

/// Returns the directives with which systemd uses the probe's reports.
pub(super) fn directives(service: &Service) -> Lines {
    let mut lines = Lines::default();
    if !is_probed(service) {
        return lines;
    }
    // The probe is the main process. systemd ignores messages of all other processes.
    lines.push("NotifyAccess", "main");
    if let Some(health) = &service.health {
        lines.push("TimeoutStartSec", seconds(start_timeout(service)));
        // The probe requests the restart itself; this ends an instance whose probe has died.
        lines.push("WatchdogSec", seconds(timing(health).watchdog()));
        match service.runtime {
            Runtime::Native => {
                lines.push("WatchdogSignal", "SIGTERM");
                let abort = ABORT.min(service.deploy.stop_timeout.duration());
                lines.push("TimeoutAbortSec", seconds(abort));
            }
            // The probe passes it on to the container. If systemd kills the probe, the container is removed.
            Runtime::Docker | Runtime::Podman => {
                lines.push("WatchdogSignal", process::stop_signal(service));
                lines.push("TimeoutAbortSec", seconds(service.deploy.stop_timeout.duration()));
            }
        }
    }
    lines
}

/// Returns the directives for restarts. The probe delays repeated restarts itself, see
/// [`probe_protocol::restarts`].
pub(super) fn restart(service: &Service) -> Lines {
    let mut lines = Lines::default();
    if service.is_oneshot() {
        // That it is done is kept until it is stopped, or the host is.
        lines.push("RemainAfterExit", "yes");
        let longest = service.timeout.map(|timeout| timeout.to_string());
        lines.push("TimeoutStartSec", longest.unwrap_or_else(|| "infinity".to_owned()));
        return lines;
    }
    lines.push("Restart", "always");
    lines.push("RestartSec", if is_probed(service) { "0" } else { "100ms" });
    lines
}

/// How many starts of an instance without the probe, which delays none, are too many: systemd's own default.
const BURST_WITHOUT_PROBE: u32 = 5;

/// Returns the start limit, and the timer that starts an instance again which has reached it.
///
/// So a start that fails at once, for whatever reason, is repeated at once and then every ten seconds, as long
/// as it fails.
pub(super) fn start_limit(service: &Service) -> Lines {
    if service.is_oneshot() {
        // It runs once, also if it fails.
        return Lines::default();
    }
    let burst = if is_probed(service) { START_LIMIT_BURST } else { BURST_WITHOUT_PROBE };
    let mut lines = Lines::default();
    lines.push("StartLimitIntervalSec", seconds(START_LIMIT_INTERVAL));
    lines.push("StartLimitBurst", burst);
    lines.push("OnFailure", retry_timer(&service.id));
    lines
}

/// Returns the longest time that a start takes.
fn start_timeout(service: &Service) -> Duration {
    let timing = service.health.as_ref().map(timing);
    timing.map_or(DEFAULT_START, |timing| timing.start_timeout())
}

/// Returns a duration in whole seconds, rounded up.
pub(super) fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0));
    format!("{seconds}s")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Returns a time as systemd reads it: in microseconds, and 2^64 of them as infinity.
    fn is_read(seconds: &str) -> bool {
        let seconds = seconds.strip_suffix('s').and_then(|number| number.parse::<u64>().ok());
        seconds
            .and_then(|seconds| seconds.checked_mul(1_000_000))
            .is_some_and(|usec| usec < u64::MAX)
    }

    #[test]
    fn the_largest_values_give_times_that_systemd_reads() {
        let text = "id: web\nport: 80\ncommand: [/bin/x]\ndeploy: {stop_timeout: 1d}\nhealth: {tcp: true, \
                    retries: 1000, success_threshold: 1000, interval: 1d, timeout: 1d, start_period: 1d}\n";
        let service = Service::parse(Path::new("web.yaml"), text).unwrap();
        for lines in [start_limit(&service), directives(&service)] {
            let text = serde_json::to_value(&lines).unwrap();
            let text = text.as_str().unwrap();
            let times = text.lines().filter_map(|line| line.split_once("Sec=").map(|pair| pair.1));
            assert!(times.clone().count() > 0 && times.clone().all(is_read), "{text}");
        }
    }
}
