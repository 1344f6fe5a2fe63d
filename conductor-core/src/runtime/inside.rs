//! A check's command in a container: the probe is shown to it, to end there what takes too long.
//!
//! An engine's client that is killed leaves what it started in the container; one more at every check of
//! a command that hangs.

use std::ffi::OsString;
use std::time::Duration;

use probe_protocol::Limit;

use super::{Instance, PROBE};
use crate::service::{Health, HealthCheck};

/// Where a container sees the probe. It is in no directory of the image, because a volume may be there,
/// and read-only.
const INSIDE: &str = "/.conductor-probe";

/// Returns the option that shows the probe to the container, if its check is a command.
pub(super) fn mount(instance: &Instance<'_>) -> Option<String> {
    command_timeout(instance)?;
    // Unlike --volume, this makes no directory of a file that is not there.
    Some(format!("--mount=type=bind,source={PROBE},target={INSIDE},readonly"))
}

/// Returns what comes before the check's command: the engine's client, and the probe in the container.
pub(super) fn enter(instance: &Instance<'_>, engine: &str, name: &str) -> Vec<OsString> {
    let Some(timeout) = command_timeout(instance) else { return Vec::new() };
    let client = [engine, "exec", name, INSIDE].map(OsString::from);
    client.into_iter().chain(Limit { timeout }.arguments()).collect()
}

/// Returns how long a check's command may take, if the check is one.
fn command_timeout(instance: &Instance<'_>) -> Option<Duration> {
    match &instance.service.health {
        Some(Health { check: HealthCheck::Command(_), timeout, .. }) => Some(timeout.duration()),
        _ => None,
    }
}
