//! A check's command in a container: the probe is mounted there, and kills the command at its timeout.
//!
//! If an engine's client is killed, the command keeps running in the container: one more with every check, if
//! it hangs.

use std::ffi::OsString;
use std::time::Duration;

use probe_protocol::Limit;

use super::{Instance, PROBE};
use crate::service::{Health, HealthCheck};

/// The path of the probe in a container. It is not in a directory of the image, because a volume may be
/// mounted there, read-only.
const INSIDE: &str = "/.conductor-probe";

/// Returns the option that mounts the probe into the container, if its check is a command.
pub(super) fn mount(instance: &Instance<'_>) -> Option<String> {
    command_timeout(instance)?;
    // Unlike --volume, this does not create a directory if the file is missing.
    Some(format!("--mount=type=bind,source={PROBE},target={INSIDE},readonly"))
}

/// Returns the words before the check's command: the engine's client, and the probe in the container.
pub(super) fn enter(instance: &Instance<'_>, engine: &str, name: &str) -> Vec<OsString> {
    let Some(timeout) = command_timeout(instance) else { return Vec::new() };
    let client = [engine, "exec", name, INSIDE].map(OsString::from);
    client.into_iter().chain(Limit { timeout }.arguments()).collect()
}

/// Returns the timeout of a check by a command.
fn command_timeout(instance: &Instance<'_>) -> Option<Duration> {
    match &instance.service.health {
        Some(Health { check: HealthCheck::Command(_), timeout, .. }) => Some(timeout.duration()),
        _ => None,
    }
}
