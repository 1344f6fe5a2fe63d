//! How the units of a service report to its hooks, and where these are.

use probe_protocol::{Event, HOOKS, HookEvent, Moment};

use crate::runtime::PROBE;
use crate::service::Service;
use crate::unit::Lines;

/// What the name of the shared unit begins with that reports a failed unit.
pub(super) const EVENT: &str = "conductor-event@";

/// Returns the text of a target with the hooks of its service. systemd ignores sections whose names begin with `X-`.
pub(super) fn with_hooks(mut text: String, service: &Service) -> String {
    if service.hooks.is_empty() {
        return text;
    }
    text.extend(["\n", HOOKS, "\n"]);
    for (event, hook) in &service.hooks {
        text.extend([hook.line(*event).as_str(), "\n"]);
    }
    text
}

/// Adds what an instance reports. `units` is the directory of unit files.
///
/// The commands run as root outside of the sandbox and of the image, and their failure is none of the instance.
pub(super) fn report(unit: &mut Lines, exec: &mut Lines, service: &Service, units: &str) {
    if !service.reports() {
        return;
    }
    let command = |moment| format!("-+{PROBE} {}", Event::text(moment, &format!("{units}/%n")));
    let up = if service.health.is_some() { Moment::Healthy } else { Moment::Up };
    exec.push("ExecStartPost", command(up));
    exec.push("ExecStopPost", command(Moment::Ended));
    // If no process can start, none of its commands can either.
    unit.push("OnFailure", format_args!("{EVENT}%N.service"));
}

/// Adds that the failure of a job is reported.
pub(super) fn report_job(unit: &mut Lines, service: &Service) {
    if service.hooks.contains_key(&HookEvent::JobFailed) {
        unit.push("OnFailure", format_args!("{EVENT}%N.service"));
    }
}
