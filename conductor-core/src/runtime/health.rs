//! Health as systemd's own readiness and watchdog: the probe's command line, and what goes with it.

use std::time::Duration;

use super::{Instance, socket};
use crate::definition::{Method, Runtime};
use crate::service::{Health, HealthCheck, HttpCheck, Service};
use crate::unit::Lines;
use crate::unit::escape::{CommandLine, command_line};
use crate::value::{Argument, Endpoint, Span};

/// Where the probe is on every host.
pub const PROBE: &str = "/usr/bin/conductor-probe";

/// How many starts in a row are too many. The probe starts again every ten seconds at the most, so
/// that this is an hour of trying at least.
const START_LIMIT_BURST: u32 = 360;

/// The longest that the probe waits before a repeated restart; see `conductor-probe`.
const LONGEST_DELAY: Duration = Duration::from_secs(10);

/// What a start, a check or a report may take beyond its own time on a busy host.
const SLACK: Duration = Duration::from_secs(10);

/// How long an unhealthy instance may take to end before it is killed: it serves nobody.
const ABORT: Duration = Duration::from_secs(5);

/// systemd's own default, which counts where there is no health check.
const DEFAULT_START: Duration = Duration::from_secs(90);

/// Tells whether the probe starts the instances of a service: it watches them, or it stands in for
/// the client of a container engine.
pub fn is_probed(service: &Service) -> bool {
    service.health.is_some() || service.runtime == Runtime::Docker
}

/// Gives the probe's options for the check of an instance. `enter` is what comes before a command
/// that is to run where the instance runs.
pub(super) fn check(instance: &Instance<'_>, enter: &[String]) -> Vec<String> {
    let Instance { service, tokens, .. } = instance;
    let Some(health) = &service.health else {
        return Vec::new();
    };
    let Health { check, interval, timeout, retries, success_threshold, start_period } = health;
    let mut options = match check {
        HealthCheck::Http(http) => self::http(http, instance),
        // A definition with neither port nor socket and with a check of one is refused.
        HealthCheck::Tcp => match instance.endpoint {
            Some(Endpoint::Socket(socket)) => vec![format!("--unix={socket}")],
            endpoint => vec![format!("--tcp={}", address(endpoint))],
        },
        HealthCheck::Command(command) => {
            let words = command.iter().map(Argument::as_str).map(|word| tokens.expand(word));
            let enter = enter.iter().map(|word| format!("--command={word}"));
            enter.chain(words.map(|word| format!("--command={word}"))).collect()
        }
    };
    options.push(format!("--interval={}", time(*interval)));
    options.push(format!("--timeout={}", time(*timeout)));
    options.push(format!("--retries={retries}"));
    options.push(format!("--start-period={}", time(*start_period)));
    if *success_threshold > 1 {
        options.push(format!("--success-threshold={success_threshold}"));
    }
    if let Some(socket) = socket::changed(instance) {
        options.push(format!("--share-socket={socket}"));
    }
    options
}

/// Gives where an instance is reached, as it stands in a URL.
fn address(endpoint: Option<&Endpoint>) -> String {
    match endpoint {
        Some(endpoint @ Endpoint::Tcp { .. }) => endpoint.to_string(),
        Some(Endpoint::Socket(_)) | None => "localhost".to_owned(),
    }
}

fn http(http: &HttpCheck, instance: &Instance<'_>) -> Vec<String> {
    // Without `..`: a new field does not compile until it is passed on.
    let HttpCheck { path, socket, method, headers, status, contains, follow_redirects } = http;
    let path = instance.tokens.expand(path.as_str());
    let socket = socket.as_ref().map(|socket| instance.tokens.expand(socket.as_str()));
    let mut options = match socket.as_deref().or(instance.tokens.socket) {
        Some(socket) => {
            vec![format!("--http=http://localhost{path}"), format!("--unix={socket}")]
        }
        None => vec![format!("--http=http://{}{path}", address(instance.endpoint))],
    };
    if *method == Method::Head {
        options.push("--method=HEAD".to_owned());
    }
    options.extend(headers.iter().map(|(name, value)| format!("--header={name}: {value}")));
    options.extend(status.iter().map(|codes| format!("--status={codes}")));
    options.extend(contains.iter().map(|text| format!("--contains={text}")));
    if *follow_redirects {
        options.push("--follow-redirects".to_owned());
    }
    options
}

/// Returns the command that tells the probe of a stop which begins with a command: a service that answers no
/// more while it finishes its requests is not unhealthy, and a restart would cut them off.
pub(super) fn stop(probe: &str) -> CommandLine {
    command_line("-", &[probe, "stop"])
}

/// Returns the probe's option for the signal that stops the service, if the definition chooses one
/// (`KillSignal=`, systemd.kill(5)): a stop by a signal is for the probe to see.
pub(super) fn stop_signal(service: &Service) -> Option<String> {
    let chosen = service.setting("KillSignal")?;
    let name = chosen.strip_prefix("SIG").unwrap_or(chosen);
    // The probe refuses what it does not know, such as a number or a real-time signal, and then nothing starts.
    let is_known = ["HUP", "INT", "QUIT", "USR1", "USR2", "TERM", "WINCH"].contains(&name);
    is_known.then(|| format!("--stop-signal=SIG{name}"))
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
        // The probe reports after each check and asks for the restart itself; this ends an instance
        // whose probe is gone.
        let report = per_check(health).saturating_add(SLACK);
        lines.push("WatchdogSec", seconds(report));
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

/// Gives how an instance is started again.
///
/// The probe delays repeated restarts itself: systemd's own growing delay cannot begin at zero, is
/// never taken back while the unit runs, and is unknown to systemd 252.
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

/// The longest that a start takes: the probe ends one that never gets healthy before this.
fn start_timeout(service: &Service) -> Duration {
    let Some(health) = &service.health else {
        return DEFAULT_START;
    };
    let checks = health.retries.saturating_add(health.success_threshold);
    let checks = per_check(health).saturating_mul(checks);
    health.start_period.duration().saturating_add(checks).saturating_add(SLACK)
}

/// The longest from one check to the end of the next.
fn per_check(health: &Health) -> Duration {
    health.interval.duration().saturating_add(health.timeout.duration())
}

/// Writes a duration in whole seconds, rounded up.
fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0));
    format!("{seconds}s")
}

/// Writes a span as the probe reads it: one number with its unit.
fn time(span: Span) -> String {
    let duration = span.duration();
    match duration.subsec_nanos() {
        0 => format!("{}s", duration.as_secs()),
        _ => format!("{}ms", duration.as_micros().div_ceil(1000)),
    }
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
