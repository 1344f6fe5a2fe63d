//! Health as systemd's own readiness and watchdog: the probe's command line, and what goes with it.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use probe_protocol::restarts::{LONGEST_DELAY, START_LIMIT_BURST};
use probe_protocol::{Check, Header, StopSignal, Subcommand, Timing, Watch};

use super::Instance;
use crate::definition::{Method, Runtime};
use crate::service::{Health, HealthCheck, HttpCheck, Service};
use crate::unit::Lines;
use crate::unit::escape::{CommandLine, command_line};
use crate::value::{Endpoint, StatusCodes};

/// How long an unhealthy instance may take to end before it is killed: it serves nobody.
const ABORT: Duration = Duration::from_secs(5);

/// systemd's own default, which counts where there is no health check.
const DEFAULT_START: Duration = Duration::from_secs(90);

/// Tells whether the probe starts the instances of a service: it watches them, or it stands in for
/// the client of a container engine.
pub fn is_probed(service: &Service) -> bool {
    service.health.is_some() || service.runtime == Runtime::Docker
}

/// Returns what the probe checks of an instance, if anything. `enter` is what comes before a command that is to
/// run where the instance runs.
pub(super) fn watch(instance: &Instance<'_>, enter: Vec<OsString>) -> Option<Watch> {
    let Instance { service, tokens, .. } = instance;
    let health = service.health.as_ref()?;
    let check = match &health.check {
        HealthCheck::Http(http) => Check::Http(self::http(http, instance)),
        HealthCheck::Tcp => match instance.endpoint {
            Some(Endpoint::Socket(socket)) => Check::Unix(socket.as_str().into()),
            endpoint => Check::Tcp(address(endpoint)),
        },
        HealthCheck::Command(command) => {
            let words = command.iter().map(|word| tokens.expand(word.as_str()).into_owned().into());
            Check::Command(enter.into_iter().chain(words).collect())
        }
    };
    Some(Watch { check, timing: timing(health) })
}

/// Returns how often is checked.
fn timing(health: &Health) -> Timing {
    let Health { check: _, interval, timeout, retries, success_threshold, start_period } = health;
    Timing {
        interval: interval.duration(),
        timeout: timeout.duration(),
        retries: *retries,
        start_period: start_period.duration(),
        success_threshold: *success_threshold,
    }
}

/// Returns where an instance is reached. A definition with neither port nor socket and with a check of one is
/// refused; the probe would refuse port 0.
fn address(endpoint: Option<&Endpoint>) -> SocketAddr {
    let address = endpoint.and_then(Endpoint::socket_address);
    address.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, 0).into())
}

fn http(http: &HttpCheck, instance: &Instance<'_>) -> probe_protocol::HttpCheck {
    // Without `..`: a new field does not compile until it is passed on.
    let HttpCheck { path, socket, method, headers, status, contains, follow_redirects } = http;
    let path = instance.tokens.expand(path.as_str());
    let socket = socket.as_ref().map(|socket| instance.tokens.expand(socket.as_str()));
    let unix = socket.as_deref().or(instance.tokens.socket);
    let host = match (unix, instance.endpoint) {
        (None, Some(endpoint @ Endpoint::Tcp { .. })) => endpoint.to_string(),
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

/// Returns the command that tells the probe of a stop which begins with a command: a service that answers no
/// more while it finishes its requests is not unhealthy, and a restart would cut them off.
pub(super) fn stop(probe: &str) -> CommandLine {
    command_line("-", &[probe, Subcommand::Stop.name()])
}

/// Returns the signal that stops the service, if the definition chooses one (`KillSignal=`, systemd.kill(5)): a
/// stop by a signal is for the probe to see. The probe refuses what it does not know, such as a number or a
/// real-time signal, and then nothing starts.
pub(super) fn stop_signal(service: &Service) -> Option<StopSignal> {
    service.setting("KillSignal")?.parse().ok()
}

/// Gives the directives that make the probe's word systemd's own.
pub(super) fn directives(service: &Service) -> Lines {
    let mut lines = Lines::default();
    if !is_probed(service) {
        return lines;
    }
    // The probe is the main process. What it runs has no say, whoever it belongs to by now.
    lines.push("NotifyAccess", "main");
    if let Some(health) = &service.health {
        lines.push("TimeoutStartSec", seconds(start_timeout(service)));
        // The probe asks for the restart itself; this ends an instance whose probe is gone.
        lines.push("WatchdogSec", seconds(timing(health).watchdog()));
        match service.runtime {
            Runtime::Native => {
                lines.push("WatchdogSignal", "SIGTERM");
                let abort = ABORT.min(service.deploy.stop_timeout.duration());
                lines.push("TimeoutAbortSec", seconds(abort));
            }
            // What stands for the container ends at once, and then the container is removed.
            Runtime::Docker | Runtime::Podman => lines.push("WatchdogSignal", "SIGKILL"),
        }
    }
    lines
}

/// Gives how an instance is started again. The probe delays repeated restarts itself, see
/// [`probe_protocol::restarts`].
pub(super) fn restart(service: &Service) -> Lines {
    let mut lines = Lines::default();
    lines.push("Restart", "always");
    if is_probed(service) {
        lines.push("RestartSec", 0);
    } else {
        lines.push("RestartSec", "100ms");
        lines.push("RestartSteps", 8);
        lines.push("RestartMaxDelaySec", "30s");
    }
    lines
}

/// Gives when an instance that cannot be started is given up, which shows as `failed`.
///
/// The interval is longer than so many starts can take, or the limit could never be reached.
pub(super) fn start_limit(service: &Service) -> Lines {
    let mut lines = Lines::default();
    if is_probed(service) {
        let attempt = start_timeout(service)
            .saturating_add(service.deploy.stop_timeout.duration())
            .saturating_add(LONGEST_DELAY);
        let interval = attempt.saturating_mul(START_LIMIT_BURST);
        lines.push("StartLimitIntervalSec", seconds(interval));
        lines.push("StartLimitBurst", START_LIMIT_BURST);
    } else {
        lines.push("StartLimitIntervalSec", 0);
    }
    lines
}

/// Returns the longest that a start takes.
fn start_timeout(service: &Service) -> Duration {
    let timing = service.health.as_ref().map(timing);
    timing.map_or(DEFAULT_START, |timing| timing.start_timeout())
}

/// Writes a duration in whole seconds, rounded up.
fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0));
    format!("{seconds}s")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// What systemd reads of a time: it counts in microseconds, and takes 2^64 of them for no time.
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
