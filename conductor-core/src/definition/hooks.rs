//! The hooks of a service: what is told to whom when something happens.

use schemars::JsonSchema;
use serde::Deserialize;

use super::defaults;
use super::field::Field;
use crate::value::{HookText, HookUrl, HostPath, Span, UnitReference, UserName};

/// What is told to whom when something happens to the service, once for each event.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct Hooks {
    /// An instance ended although nobody stopped it.
    pub crash: Field<HookKeys>,
    /// An instance was restarted because its health checks failed.
    pub unhealthy: Field<HookKeys>,
    /// An instance ended five times without being up for a minute in between, or systemd gave up starting
    /// it for a while.
    pub crash_loop: Field<HookKeys>,
    /// A change of the service failed: `apply`, `deploy`, `rollback` or `restart`.
    pub deploy_failed: Field<HookKeys>,
    /// An instance that had crashed or was unhealthy is healthy again; after a crash loop, or without a
    /// health check, when it has been up for a minute.
    pub recovered: Field<HookKeys>,
    /// A run of a job failed.
    pub job_failed: Field<HookKeys>,
}

/// What is done at an event: exactly one of command, unit, url and `url_file`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, rename = "Hook", extend("oneOf" = [
    {"required": ["command"]},
    {"required": ["unit"]},
    {"required": ["url"]},
    {"required": ["url_file"]},
]))]
pub struct HookKeys {
    /// A program of the host, by its absolute path, and its arguments. `CONDUCTOR_EVENT`, `CONDUCTOR_ID`
    /// and others say what happened.
    #[schemars(length(min = 1))]
    pub command: Field<Vec<Field<HookText>>>,
    /// A unit of the host that is started.
    pub unit: Field<UnitReference>,
    /// A URL to which a JSON object is posted, with the host's curl. Every user of the host can read it.
    pub url: Field<HookUrl>,
    /// A file with such a URL, which only root has to be able to read.
    pub url_file: Field<HostPath>,
    /// The user that the command runs as. Unless given, a user of its own without any rights.
    pub user: Field<UserName>,
    /// The longest time that the command, or the request, may take; then it is ended.
    #[schemars(extend("default" = defaults::HOOK_TIMEOUT))]
    pub timeout: Field<Span>,
}
