//! The form in which a person writes a service.
//!
//! The types here are what serde reads and what the JSON Schema is made of; their documentation
//! is the schema's. [`crate::service`] holds the validated model.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::field::{Field, Table};
use super::limits::Limits;
use crate::name::{JobName, ProxyName, Revision, ServiceId};
use crate::value::{
    Argument, BodyText, Calendar, CredentialName, Crontab, Description, Directive, EnvName,
    EnvValue, HeaderName, HeaderValue, HostPath, Listen, Port, RequestPath, Section, Setting, Span,
    StatusCodes, TimeZone, UnitReference, UpstreamName, UserName, Volume,
};

/// The most instances of one service on one host.
pub(crate) const MOST_INSTANCES: u16 = 1000;
/// The most checks in a row that have to fail, or to succeed.
pub(crate) const MOST_CHECKS: u32 = 1000;
/// The most old releases that are kept.
pub(crate) const MOST_RELEASES: u16 = 1000;

/// A service: what to run, how many of it, and how to tell that it is well.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("required" = ["id"]))]
pub struct Definition {
    /// The name of the service, unique on a host.
    pub id: Field<ServiceId>,
    /// One line that says what the service is.
    pub description: Field<Description>,
    /// docker, podman: the name of the image. native: a directory or disk image with the root of
    /// the file system; without it the command runs on the host's own.
    pub image: Field<Argument>,
    /// The version to run: the image's tag, or its digest. Usually given by `deploy --revision`.
    pub revision: Field<Revision>,
    /// What runs the command; native needs nothing but systemd.
    pub runtime: Field<Runtime>,
    /// The program and its arguments, passed on byte for byte without a shell.
    #[schemars(length(min = 1))]
    pub command: Field<Vec<Field<Argument>>>,
    /// How many instances run side by side; 1 unless given.
    #[schemars(range(max = MOST_INSTANCES))]
    pub instances: Field<u16>,
    /// The port that the service listens on; each instance gets a port of the host.
    pub port: Field<Port>,
    /// The address of the host at which the instances are reached; 127.0.0.1 unless given. A
    /// container's port is published there. `socket`: each instance listens on a unix socket, and there
    /// is no port.
    pub listen: Field<Listen>,
    /// Environment variables.
    pub env: Field<Table<EnvName, EnvValue>>,
    /// Files with environment variables, in systemd's `EnvironmentFile=` format.
    pub env_files: Field<Vec<Field<HostPath>>>,
    /// Secrets, shown to the instances as files: name to path on the host.
    pub secrets: Field<Table<CredentialName, HostPath>>,
    /// Directories of the host that the instances see.
    pub volumes: Field<Vec<Field<Volume>>>,
    /// The user to run as. native without it: a user made up for the time the instance runs.
    pub user: Field<UserName>,
    /// The most that each instance may use.
    pub limits: Field<Limits>,
    /// native: whether the units are kept from changing the host; true unless given. Without it, and
    /// without a user, they run as the superuser.
    pub sandbox: Field<bool>,
    /// How to tell that an instance is well.
    pub health: Field<Health>,
    /// How a new version takes over.
    pub deploy: Field<Deploy>,
    /// The proxy in front of the instances, by its name in the host settings; there is nginx
    /// unless they say otherwise.
    #[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
    pub proxy: Field<Table<ProxyName, Proxy>>,
    /// Commands that run by the clock, in the service's image.
    pub cron: Field<Table<JobName, Job>>,
    /// Directives for the instances' units, by section; one given here replaces conductor's own.
    pub systemd: Field<Table<Section, Table<Directive, Setting>>>,
}

/// What runs the command of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Runtime {
    /// The Docker engine.
    Docker,
    /// Podman.
    Podman,
    /// systemd itself.
    #[default]
    Native,
}

/// How to tell that an instance is well: exactly one of http, tcp and command.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("oneOf" = [
    {"required": ["http"]},
    {"required": ["tcp"], "properties": {"tcp": {"const": true}}},
    {"required": ["command"]},
]))]
pub struct Health {
    /// Well if a request of this path is answered as expected.
    pub http: Field<RequestPath>,
    /// Well if the port takes a connection.
    pub tcp: Field<bool>,
    /// Well if this command exits with 0; docker, podman: run in the container.
    #[schemars(length(min = 1))]
    pub command: Field<Vec<Field<Argument>>>,
    /// http: the unix socket that the instance listens on, in place of the port.
    pub socket: Field<HostPath>,
    /// http: the method of the request; GET unless given.
    pub method: Field<Method>,
    /// http: header fields of the request, such as Host.
    pub headers: Field<Table<HeaderName, HeaderValue>>,
    /// http: the status codes that are expected; 200-399 unless given.
    pub status: Field<StatusCodes>,
    /// http: text that the answer has to contain.
    pub contains: Field<BodyText>,
    /// http: whether redirects are followed; a redirect itself is judged unless given.
    pub follow_redirects: Field<bool>,
    /// The time between two checks; 5s unless given.
    pub interval: Field<Span>,
    /// The longest that one check may take; 2s unless given.
    pub timeout: Field<Span>,
    /// How many checks in a row have to fail before the instance is restarted; 3 unless given.
    #[schemars(range(min = 1, max = MOST_CHECKS))]
    pub retries: Field<u32>,
    /// How many checks in a row have to succeed until an instance is ready; 1 unless given.
    #[schemars(range(min = 1, max = MOST_CHECKS))]
    pub success_threshold: Field<u32>,
    /// How long after its start the failures of an instance do not count; 60s unless given.
    pub start_period: Field<Span>,
}

/// The method of a health check's request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// The whole answer.
    #[default]
    Get,
    /// Only its head.
    Head,
}

/// How a new version takes over.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct Deploy {
    /// A command that runs once before any new instance starts.
    #[schemars(length(min = 1))]
    pub before: Field<Vec<Field<Argument>>>,
    /// Whether new instances start before or after the old ones stop; start-first unless given.
    pub order: Field<Order>,
    /// How many instances start at a time; all unless given.
    #[schemars(range(min = 1, max = MOST_INSTANCES))]
    pub batch: Field<u16>,
    /// The longest wait for the proxy's old connections; 30s unless given.
    pub drain: Field<Span>,
    /// The longest that an instance may take to stop before it is killed; 30s unless given.
    pub stop_timeout: Field<Span>,
    /// How many old releases are kept for a rollback; 2 unless given.
    #[schemars(range(max = MOST_RELEASES))]
    pub keep: Field<u16>,
    /// How long new instances have to stay healthy before they take over; not at all unless given.
    pub min_healthy_time: Field<Span>,
}

/// Which side of a change comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// New instances start, then old ones stop: no gap.
    #[default]
    StartFirst,
    /// Old instances stop, then new ones start: for what must not run twice.
    StopFirst,
}

/// What the proxy is told.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("required" = ["upstream"]))]
pub struct Proxy {
    /// The name of the upstream that lists the instances.
    pub upstream: Field<UpstreamName>,
}

/// A command that runs by the clock; exactly one of schedule and calendar says when.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("required" = ["command"], "oneOf" = [
    {"required": ["schedule"]},
    {"required": ["calendar"]},
]))]
pub struct Job {
    /// When, in crontab syntax.
    pub schedule: Field<Crontab>,
    /// When, in systemd's syntax.
    pub calendar: Field<Calendar>,
    /// The program and its arguments.
    #[schemars(length(min = 1))]
    pub command: Field<Vec<Field<Argument>>>,
    /// The time zone of the schedule; the host's unless given.
    pub timezone: Field<TimeZone>,
    /// The longest random delay.
    pub jitter: Field<Span>,
    /// Whether a run that was missed while the host was off is made up for.
    pub catch_up: Field<bool>,
    /// The longest that a run may take.
    pub timeout: Field<Span>,
    /// The unit to start when a run fails.
    pub on_failure: Field<UnitReference>,
    /// The unit to start when a run succeeds.
    pub on_success: Field<UnitReference>,
    /// What becomes of a run that is due while the one before it still runs; skip unless given.
    pub overlap: Field<Overlap>,
    /// Whether it runs by the clock; true unless given.
    pub enabled: Field<bool>,
    /// Environment variables, on top of the service's.
    pub env: Field<Table<EnvName, EnvValue>>,
    /// Limits, each in place of the service's.
    pub limits: Field<Limits>,
    /// The user to run as, in place of the service's.
    pub user: Field<UserName>,
    /// What the command reads on its standard input; nothing unless given.
    pub stdin: Field<EnvValue>,
}

/// What becomes of a run that is due while the one before it still runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Overlap {
    /// It is left out.
    #[default]
    Skip,
    /// It begins as soon as the one before has ended; several that are due become one.
    Queue,
}
