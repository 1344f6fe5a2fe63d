//! The raw types of a definition, as a person writes it.
//!
//! serde reads these types, and the JSON Schema is generated from them: their documentation is that of the
//! schema. [`crate::service`] has the validated model.

use probe_protocol::{Statuses, Timing};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::defaults;
use super::depends_on::DependsOn;
use super::field::{Field, Table};
use super::hooks::Hooks;
use super::limits::Limits;
use super::networks::Networks;
use super::pod::Pod;
use super::process::ProcessKeys;
use super::processes::Processes;
use crate::name::{JobName, ProxyName, Revision, ServiceId};
use crate::value::{
    Argument, BodyText, Calendar, Capability, CredentialName, Crontab, Description, Directive,
    EnvName, EnvValue, FixedPort, HeaderName, HeaderValue, HostPath, Listen, MailTo, Port,
    RequestPath, Section, Setting, Span, StatusCodes, TimeZone, UnitReference, UpstreamName, User,
    Volume,
};

/// The most instances of one service on one host.
pub(crate) const MOST_INSTANCES: u16 = 1000;
/// The largest number for `max_parallel`: the probe opens so many files.
pub(crate) const MOST_PARALLEL: u16 = 256;
/// What follows that number in messages.
pub(crate) const JOBS_AT_A_TIME: &str = "jobs at a time";
/// The most checks in a row that have to fail, or to succeed.
pub(crate) const MOST_CHECKS: u32 = 1000;
/// The most old releases that are kept.
pub(crate) const MOST_RELEASES: u16 = 1000;

/// A service: what to run, how many instances, and how to check their health.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("required" = ["id"], "patternProperties" = {"^x-": true}))]
pub struct Definition {
    /// The name of the service, unique on a host: `a-z`, `0-9`, `_` and single dashes inside, at
    /// most 64 characters.
    pub id: Field<ServiceId>,
    /// One line that says what the service is.
    pub description: Field<Description>,
    /// native: a directory that becomes the root of the file system, or a disk image (`.raw`,
    /// `.img`, `.squashfs`, `.erofs`); without it the command runs on the host's own file system.
    /// docker, podman: the name of an image.
    pub image: Field<Argument>,
    /// The version: a tag, or a `sha256:` digest. Optional if the image contains one, or if the
    /// host itself provides the program; that revision is called `host`. Usually given by `deploy
    /// --revision`.
    pub revision: Field<Revision>,
    /// docker, podman: when `apply` and `deploy` pull the image; their option `--pull` overrides it.
    #[schemars(extend("default" = PullPolicy::default()))]
    pub pull: Field<PullPolicy>,
    /// What runs the command; native needs only systemd.
    #[schemars(extend("default" = Runtime::default()))]
    pub runtime: Field<Runtime>,
    /// Whether the command goes on running, or runs to its end.
    #[schemars(extend("default" = ServiceType::default()))]
    pub r#type: Field<ServiceType>,
    /// oneshot: the longest time that the command may run; then it is ended and has failed. No limit
    /// unless given.
    pub timeout: Field<Span>,
    /// The services that have to be up before an instance of this one starts, in the same `apply` and at
    /// boot: a list, or a mapping with a `condition` for each.
    pub depends_on: Field<DependsOn>,
    /// The program and its arguments, passed on byte for byte without a shell. native: an absolute
    /// path.
    #[schemars(length(min = 1))]
    pub command: Field<Vec<Field<Argument>>>,
    /// docker, podman: replaces the image's ENTRYPOINT, which stands before `command`. `[]` removes
    /// it. Jobs, `deploy.before` and `conductor run` have it too, unless they have their own.
    pub entrypoint: Field<Vec<Field<Argument>>>,
    /// The number of instances that run side by side.
    #[schemars(range(max = MOST_INSTANCES), extend("default" = defaults::INSTANCES))]
    pub instances: Field<u16>,
    /// The port that the service listens on. Each instance gets its own port of the host, passed in
    /// `PORT`; for containers, this is the port inside.
    pub port: Field<Port>,
    /// Ports of the host that are always the same: `HOST:INSIDE`, with an address of the host before
    /// it, or `/udp` after it: `8080:80`, `127.0.0.1:5432:5432`, `53:53/udp`, `[::1]:80:80`,
    /// `8000-8002:8000-8002`. Without an address, all addresses of the host. native, or with
    /// `network_mode: host`: the ports at which the program itself listens, `8080`. Only one process
    /// can have them, so the service has one instance, and the old one stops before the new one
    /// starts.
    pub ports: Field<Vec<Field<FixedPort>>>,
    /// The address at which the host reaches the instances. A container's port is published there,
    /// and health checks connect to it. `socket`: each instance listens on a unix socket instead,
    /// and there is no `port`.
    #[schemars(extend("default" = Listen::default()))]
    pub listen: Field<Listen>,
    /// docker, podman: networks in which containers find each other by the ids of their services.
    /// `apply` makes a network that the engine does not have, and it is removed with its last user;
    /// one that somebody else made is used and stays. A mapping gives the instances more names:
    /// `{backend: {aliases: [db]}}`. Jobs, `deploy.before` and `conductor run` are in the networks,
    /// too, without a name.
    pub networks: Field<Networks>,
    /// The network of the instances, in place of their own or of those of `networks`.
    pub network_mode: Field<NetworkMode>,
    /// podman: the pod whose address the containers share with those of other services: they reach each
    /// other at 127.0.0.1. A name, or a mapping with how `apply` makes the pod: `{name: shop, ports: ["8080:80"]}`. The
    /// service has one instance, and the old one stops before the new one starts. The pod is removed with
    /// its last user. Jobs, `deploy.before` and `conductor run` are in it, too.
    pub pod: Field<Pod>,
    /// Environment variables; values are passed on byte for byte. conductor sets `PORT` or `SOCKET`
    /// if the service has a port or a socket. Variables that systemd sets for a unit's processes
    /// are rejected: `NOTIFY_SOCKET`, `EXIT_STATUS`, `RUNTIME_DIRECTORY`, `LISTEN_FDS` and similar.
    /// Every user of the host can read the values (`systemctl show`): put secrets into `secrets`. Names
    /// with dots are for containers.
    pub env: Field<Table<EnvName, EnvValue>>,
    /// Files with environment variables. native: in the format of `EnvironmentFile=`, and they
    /// override `env`. docker, podman: in the engine's format (`NAME=value`, no quotes), and `env`
    /// overrides them.
    pub env_files: Field<Vec<Field<HostPath>>>,
    /// A map of names to paths on the host; systemd credentials, available as files: in
    /// `$CREDENTIALS_DIRECTORY`, in containers as `/run/secrets/NAME`.
    pub secrets: Field<Table<CredentialName, HostPath>>,
    /// Directories of the host that the instances see: `SOURCE:TARGET`, `SOURCE:TARGET:ro`. A source
    /// that does not exist is an error, and its file system is mounted before an instance starts
    /// (`RequiresMountsFor=`). A name instead of a path, `data:/data`, is a volume of the service
    /// that is created when it is first used. More options after a comma, as the engines have them: `z`
    /// and `Z` (labels of `SELinux`; docker, podman), `U` and `idmap` (podman), `rslave` (native: so it is),
    /// `rshared` and `rprivate` (docker, podman).
    pub volumes: Field<Vec<Field<Volume>>>,
    /// The user to run as, and its group if it is another one than the user's own: `app`, `1000:1000`. native services without it get a dynamic user (`DynamicUser=`), the same
    /// for all instances, releases, jobs and runs of the service: `conductor-ID`, shortened if it
    /// is longer than 31 characters.
    pub user: Field<User>,
    /// Linux capabilities that the program has, such as `NET_BIND_SERVICE` for ports below 1024; with
    /// or without `CAP_`. native: it has no others, as any user. docker, podman: in addition to the
    /// engine's own, or `ALL`.
    pub cap_add: Field<Vec<Field<Capability>>>,
    /// docker, podman: capabilities that the program does not have, or `ALL`. A native service has none
    /// but those of `cap_add`.
    pub cap_drop: Field<Vec<Field<Capability>>>,
    /// How the processes run: keys of the definition itself, which have a table of their own.
    #[serde(rename = "$conductor::ProcessKeys")]
    #[schemars(flatten)]
    pub process: ProcessKeys,
    /// The most that each instance may use.
    pub limits: Field<Limits>,
    /// native: `false` turns the whole sandbox off; such a service runs as root unless `user` is
    /// set.
    #[schemars(extend("default" = defaults::SANDBOX))]
    pub sandbox: Field<bool>,
    /// The health check.
    pub health: Field<Health>,
    /// How a new version takes over.
    pub deploy: Field<Deploy>,
    /// The proxy in front of the instances, by its name in the host settings: `nginx` unless they
    /// define others.
    #[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
    pub proxy: Field<Table<ProxyName, Proxy>>,
    /// Where the output of jobs is mailed, as by cron: addresses, separated by commas. The default of all
    /// jobs.
    pub mail_to: Field<MailTo>,
    /// How many of its jobs run at the same time. Others that are due wait for their turn, in the order
    /// in which they were due, and their `timeout` begins when they run. Any number unless given.
    #[schemars(range(min = 1, max = MOST_PARALLEL))]
    pub max_parallel: Field<u16>,
    /// Hooks: what is told to whom when something happens to the service.
    pub on: Field<Hooks>,
    /// Scheduled jobs, by name.
    pub cron: Field<Table<JobName, Job>>,
    /// The processes of an application, by name: services `ID-NAME` that run the same image at the same
    /// revision and are deployed together, all healthy or all back. Each has keys of a definition: `type`,
    /// `timeout`, `command`, `instances`, `container_name`, `port`, `ports`, `listen`, `health`, `proxy`, `cron`,
    /// `max_parallel` and `deploy.before` only there; `id`, `image`, `revision`, `runtime` and `pull` only once, above; all others
    /// where all processes have them, or in a process, where a mapping adds to the shared one and any
    /// other value replaces it.
    pub processes: Field<Processes>,
    /// Directives for the instances' units, by section (`Unit`, `Service`), written unchanged:
    /// specifiers (`%n`) work, a list sets a directive several times, and only systemd checks the
    /// values. A directive of the sandbox replaces conductor's. Others are written after
    /// conductor's, and override them if systemd uses the last value. `ExecStart`, `Type`, `Slice`,
    /// `NotifyAccess`, `SyslogIdentifier`, `Description`, `Environment` and `User` are
    /// reserved for conductor.
    pub systemd: Field<Table<Section, Table<Directive, Setting>>>,
}

/// What runs the command of a service.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema, PartialOrd, Ord,
)]
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

/// When the image of a service is pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PullPolicy {
    /// If the engine does not have it.
    #[default]
    Missing,
    /// Each time. If its name means another image than the one that runs, the instances are replaced.
    Always,
    /// Not at all, also not by a job: without it, nothing is changed.
    Never,
}

/// The network of a service's instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NetworkMode {
    /// That of the host. The program itself listens at the port that `PORT` has. A native service
    /// is in it anyway.
    Host,
    /// None: only the instance's own loopback. native: `PrivateNetwork=yes`.
    None,
}

/// Whether the command of a service goes on running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ServiceType {
    /// It goes on running, and is started again if it ends.
    #[default]
    Service,
    /// It runs to its end: once in each deploy, and at each boot. It is done if it exits with 0.
    Oneshot,
}

/// How to check the health of an instance: exactly one of http, tcp and command.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("oneOf" = [
    {"required": ["http"]},
    {"required": ["tcp"], "properties": {"tcp": {"const": true}}},
    {"required": ["command"]},
]))]
pub struct Health {
    /// The path of a request to the instance's port; healthy if the answer is as expected.
    pub http: Field<RequestPath>,
    /// `true`: healthy if the port, or the socket, accepts a connection and does not close it at once.
    pub tcp: Field<bool>,
    /// Healthy if the command exits with 0. It runs in the container if there is one, which sees
    /// the probe as `/.conductor-probe` for this purpose. Processes that it leaves running are
    /// killed.
    #[schemars(length(min = 1))]
    pub command: Field<Vec<Field<Argument>>>,
    /// http: a unix socket instead of the port, or of the service's own socket; a symbolic link is
    /// not followed.
    pub socket: Field<HostPath>,
    /// http, tcp: the port of the host in `ports` that is checked. It is needed if there is no `port`
    /// and more than one TCP port in `ports`.
    pub port: Field<Port>,
    /// http: the method of the request.
    #[schemars(extend("default" = Method::default()))]
    pub method: Field<Method>,
    /// http: header fields, such as `Host`; every user of the host can read them, like those of
    /// `env`.
    pub headers: Field<Table<HeaderName, HeaderValue>>,
    /// http: the expected status codes. A redirect counts with its own status, unless it is
    /// followed.
    #[schemars(extend("default" = Statuses::DEFAULT))]
    pub status: Field<StatusCodes>,
    /// http: text that must occur in the first 64 KiB of the answer.
    pub contains: Field<BodyText>,
    /// http: `true` follows up to five redirects, all of them to the service itself, and judges the
    /// last answer.
    #[schemars(extend("default" = defaults::FOLLOW_REDIRECTS))]
    pub follow_redirects: Field<bool>,
    /// The time between two checks.
    #[schemars(extend("default" = defaults::span(Timing::DEFAULT.interval)))]
    pub interval: Field<Span>,
    /// The longest time for a whole check, also if the answer arrives slowly; `10s` for `command`.
    #[schemars(extend("default" = defaults::span(Timing::DEFAULT.timeout)))]
    pub timeout: Field<Span>,
    /// The number of failures in a row after which an instance is restarted.
    #[schemars(range(min = 1, max = MOST_CHECKS), extend("default" = Timing::DEFAULT.retries))]
    pub retries: Field<u32>,
    /// The number of successes in a row until an instance is ready.
    #[schemars(range(min = 1, max = MOST_CHECKS), extend("default" = Timing::DEFAULT.success_threshold))]
    pub success_threshold: Field<u32>,
    /// The time after the start in which failures do not count, until the first success.
    #[schemars(extend("default" = defaults::span(Timing::DEFAULT.start_period)))]
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
    /// A hook: a command that runs once before any new instance starts.
    #[schemars(length(min = 1))]
    pub before: Field<Vec<Field<Argument>>>,
    /// docker, podman: the ENTRYPOINT for `before`; the service's, or else the image's, unless given.
    pub before_entrypoint: Field<Vec<Field<Argument>>>,
    /// The longest time that `before` may take; then it is ended and has failed.
    #[schemars(extend("default" = defaults::BEFORE_TIMEOUT))]
    pub before_timeout: Field<Span>,
    /// Which instances change first. The default is `start-first`, but `stop-first` for a service
    /// with one instance, no `proxy`, and data that two processes must not use at the same time: a
    /// writable volume, or `StateDirectory`, `BindPaths` or `ReadWritePaths` under `systemd`. With
    /// `ports` it is `stop-first` in any case.
    pub order: Field<Order>,
    /// The number of instances that start at a time; all unless given.
    #[schemars(range(min = 1, max = MOST_INSTANCES))]
    pub batch: Field<u16>,
    /// The longest wait for the proxy's old connections.
    #[schemars(extend("default" = defaults::DRAIN))]
    pub drain: Field<Span>,
    /// The longest time that an instance may take to stop before it is killed.
    #[schemars(extend("default" = defaults::STOP_TIMEOUT))]
    pub stop_timeout: Field<Span>,
    /// The number of old releases that are kept for a rollback.
    #[schemars(range(max = MOST_RELEASES), extend("default" = defaults::KEEP))]
    pub keep: Field<u16>,
    /// How long new instances must stay healthy before they take over.
    #[schemars(extend("default" = defaults::MIN_HEALTHY_TIME))]
    pub min_healthy_time: Field<Span>,
    /// What `apply` and `deploy` do if the contents of a file in `env_files` or `secrets` changed since
    /// the release was deployed: `replace` the instances, or `ignore` it, for a program that reads
    /// its files again by itself.
    #[schemars(extend("default" = ChangedFiles::default()))]
    pub changed_files: Field<ChangedFiles>,
}

/// What happens if the contents of a file changed that instances read when they start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChangedFiles {
    /// The instances are replaced, by the steps of a deploy.
    #[default]
    Replace,
    /// Nothing: the program reads the files again by itself.
    Ignore,
}

/// Whether new instances start before or after the old ones stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// New instances start, then old ones stop: no downtime.
    #[default]
    StartFirst,
    /// Old instances stop, then new ones start: for a program that must not run twice.
    StopFirst,
}

/// What the proxy's configuration lists.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("required" = ["upstream"]))]
pub struct Proxy {
    /// The upstream that lists the instances: letters, digits, `_`, `-` and `.`; each upstream
    /// belongs to one service.
    pub upstream: Field<UpstreamName>,
}

/// A scheduled job: a command and its times; exactly one of schedule, calendar and every.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("required" = ["command"], "oneOf" = [
    {"required": ["schedule"]},
    {"required": ["calendar"]},
    {"required": ["every"]},
]))]
pub struct Job {
    /// When, in crontab syntax: five fields, or `@hourly`, `@daily`, `@midnight`, `@weekly`,
    /// `@monthly`, `@yearly`, `@annually`, `@reboot`. An expression that cron rejects is an error.
    pub schedule: Field<Crontab>,
    /// When, in systemd's syntax (`Mon..Fri 09:00`), checked by systemd's rules; instead of
    /// `schedule`.
    pub calendar: Field<Calendar>,
    /// The time from the end of a run to the next, such as `10min`; instead of `schedule`. The first run
    /// comes one such time after `apply` or `cron resume` started the timer, or after the boot. At
    /// least a second.
    pub every: Field<Span>,
    /// The program and its arguments, without a shell. native: an absolute path, or a name.
    #[schemars(length(min = 1))]
    pub command: Field<Vec<Field<Argument>>>,
    /// docker, podman: the ENTRYPOINT for the command; the service's, or else the image's, unless
    /// given.
    pub entrypoint: Field<Vec<Field<Argument>>>,
    /// A time zone of the IANA database; the host's unless given.
    pub timezone: Field<TimeZone>,
    /// The longest random delay of each run.
    pub jitter: Field<Span>,
    /// Whether a run that was missed while the host was off starts as soon as it is on.
    #[schemars(extend("default" = defaults::CATCH_UP))]
    pub catch_up: Field<bool>,
    /// The longest time of a run; then it is ended and has failed. No limit unless given.
    pub timeout: Field<Span>,
    /// A unit to start when a run fails; `%n` is the job's unit.
    pub on_failure: Field<UnitReference>,
    /// A unit to start when a run succeeds; `%n` is the job's unit.
    pub on_success: Field<UnitReference>,
    /// Where the output of a run is mailed, through the host's `/usr/sbin/sendmail`, if there is output or
    /// the run fails; the service's unless given. `""`: nowhere.
    pub mail_to: Field<MailTo>,
    /// What happens to a run that is due while the previous one is still active.
    #[schemars(extend("default" = Overlap::default()))]
    pub overlap: Field<Overlap>,
    /// native: what happens to processes that the command leaves behind when it has ended.
    #[schemars(extend("default" = Children::default()))]
    pub children: Field<Children>,
    /// `false`: the job is not scheduled, but `cron run-now` runs it.
    #[schemars(extend("default" = defaults::ENABLED))]
    pub enabled: Field<bool>,
    /// Environment variables, in addition to the service's.
    pub env: Field<Table<EnvName, EnvValue>>,
    /// Each replaces the service's.
    pub limits: Field<Limits>,
    /// The user to run as; replaces the service's.
    pub user: Field<User>,
    /// The standard input of the command, byte for byte; empty unless given.
    pub stdin: Field<EnvValue>,
}

/// What happens to processes that a job's command leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Children {
    /// systemd ends them.
    #[default]
    Kill,
    /// They go on, as under cron, also when the job runs again or is removed, until the service is removed.
    Keep,
}

/// What happens to a run that is due while the previous one still runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Overlap {
    /// It is skipped. That needs systemd 257; an older one queues it.
    #[default]
    Skip,
    /// It starts when the previous one has ended; several that are due become one.
    Queue,
}
