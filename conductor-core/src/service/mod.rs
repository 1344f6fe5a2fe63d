//! The validated model: a service in which every value has been checked.

pub(crate) mod check;
mod conflicts;
mod dependencies;
mod files;
mod networks;
mod places;
mod pod;
mod read;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::path::{Path, PathBuf};

use probe_protocol::{Hook, HookEvent};
use serde::Serialize;

pub use crate::definition::CheckedLimits as Limits;
pub use crate::definition::Process;
pub use conflicts::check_conflicts;
pub use dependencies::{Dependency, OnHost, check_dependencies};
pub use files::{HostFile, Purpose};
pub use networks::{Connection, NetworkSettings};
pub use places::Places;
pub use pod::Pod;

use crate::cron::CalendarEvent;
use crate::definition::{
    ChangedFiles, Children, Method, NetworkMode, Order, Overlap, PullPolicy, Runtime, ServiceType,
};
use crate::error::Problem;
use crate::name::{
    JobName, NetworkName, ProxyName, Revision, ServiceId, VolumeName, engine_volume,
};
use crate::value::{
    Argument, BodyText, Calendar, Capability, CredentialName, Crontab, Description, Directive,
    EnvName, EnvValue, FixedPort, HeaderName, HeaderValue, HostPath, ImageReference, Listen,
    MailTo, Port, RequestPath, Section, Setting, Span, StatusCodes, TimeZone, Tokenized as _,
    UnitReference, UpstreamName, User, Volume,
};

/// A service, without the revision that runs and without the ports of its instances.
///
/// Its fields can be read, and not be set: each service was checked as a whole when its definition was read, from
/// [text](Self::parse) or from a [value](Self::from_value).
///
/// ```
/// use conductor_core::service::Service;
///
/// let value = serde_json::json!({"id": "web", "command": ["/usr/bin/web"], "instances": 2});
/// let service = Service::from_value(&value).unwrap();
/// assert_eq!((service.id.as_str(), service.instances), ("web", 2));
/// ```
///
/// ```compile_fail,E0594
/// # use conductor_core::service::Service;
/// # let value = serde_json::json!({"id": "web", "command": ["/usr/bin/web"]});
/// let mut service = Service::from_value(&value).unwrap();
/// service.instances = 2000;
/// ```
#[derive(Debug, Clone)]
pub struct Service(ServiceFields);

impl Deref for Service {
    type Target = ServiceFields;

    fn deref(&self) -> &ServiceFields {
        &self.0
    }
}

/// The fields of a [`Service`], to be read. New versions add some: match them with `..`, unless what you do has to be
/// decided for each.
#[derive(Debug, Clone)]
pub struct ServiceFields {
    /// The name of the service.
    pub id: ServiceId,
    /// The application of which it is a process.
    pub application: Option<ServiceId>,
    /// One line that describes it.
    pub description: Option<Description>,
    /// The image, with its tokens; a reference or a path, by runtime.
    pub image: Option<Argument>,
    /// The revision that the definition names.
    pub revision: Option<Revision>,
    /// When its image is pulled.
    pub pull: PullPolicy,
    /// What runs the command.
    pub runtime: Runtime,
    /// Whether the command goes on running.
    pub service_type: ServiceType,
    /// The longest that it may run, if it runs to its end; `None` for no limit.
    pub timeout: Option<Span>,
    /// The services on which it depends.
    pub depends_on: BTreeMap<ServiceId, Dependency>,
    /// The program and its arguments, with their tokens. If empty, the image's own command.
    pub command: Vec<Argument>,
    /// What replaces the image's ENTRYPOINT, with its tokens.
    pub entrypoint: Option<Vec<Argument>>,
    /// How many instances run.
    pub instances: u16,
    /// The port that the definition names.
    pub port: Option<Port>,
    /// The ports of the host that it always has.
    pub ports: Vec<FixedPort>,
    /// What the instances listen on, if they listen.
    pub listen: Listen,
    /// The networks of its containers, each with what its instances are in it.
    pub networks: BTreeMap<NetworkName, Connection>,
    /// The network of the host, or none, in place of them.
    pub network_mode: Option<NetworkMode>,
    /// The pod in which its containers are, in place of both.
    pub pod: Option<Pod>,
    /// Environment variables, with their tokens.
    pub env: BTreeMap<EnvName, EnvValue>,
    /// Files with environment variables; later ones win.
    pub env_files: Vec<HostPath>,
    /// Secrets: the name that the instance sees, and the path on the host.
    pub secrets: BTreeMap<CredentialName, HostPath>,
    /// Directories of the host that the instances see, with their tokens.
    pub volumes: Vec<Volume>,
    /// The user to run as.
    pub user: Option<User>,
    /// Capabilities that the program has.
    pub cap_add: BTreeSet<Capability>,
    /// Capabilities that the program does not have; of containers only.
    pub cap_drop: BTreeSet<Capability>,
    /// How the processes run.
    pub process: Process,
    /// The most that each instance may use.
    pub limits: Limits,
    /// Whether native units run in a sandbox.
    pub sandbox: bool,
    /// How to check the health of an instance.
    pub health: Option<Health>,
    /// How a new version takes over.
    pub deploy: Deploy,
    /// The proxy in front of the instances.
    pub proxy: Option<Proxy>,
    /// Where the output of jobs is mailed that do not say so themselves.
    pub mail_to: Option<MailTo>,
    /// How many of its scheduled jobs run at the same time.
    pub max_parallel: Option<u16>,
    /// What is done when something happens to it.
    pub hooks: BTreeMap<HookEvent, Hook>,
    /// The scheduled jobs.
    pub jobs: BTreeMap<JobName, ScheduledJob>,
    /// Directives from the definition that replace conductor's own.
    pub settings: BTreeMap<Section, BTreeMap<Directive, Setting>>,
    /// The place of the definition.
    pub origin: Origin,
    /// Warnings: what is valid, but probably not intended.
    pub advice: Vec<Problem>,
}

/// The place where a service was read: of its id, its upstream, its hooks and its jobs.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The file.
    pub file: PathBuf,
    /// Line and column, both from 1.
    pub position: (usize, usize),
    /// The path of the service in the file: empty, or that of a process.
    pub path: String,
    /// Line and column of the name of the service's upstream.
    pub upstream: Option<(usize, usize)>,
    /// Line and column of its fixed ports.
    pub ports: Vec<(usize, usize)>,
    /// Line and column of its entries in `volume_names`.
    pub volume_names: BTreeMap<VolumeName, (usize, usize)>,
    /// File, line and column of its hooks, which may be those of the host.
    pub hooks: BTreeMap<HookEvent, (PathBuf, (usize, usize))>,
    /// The path, line and column of each of its own named volumes.
    pub volumes: BTreeMap<VolumeName, (String, (usize, usize))>,
    /// Line and column of the names of its jobs.
    pub jobs: BTreeMap<JobName, (usize, usize)>,
    /// The files and directories of the host that it refers to.
    pub files: Vec<HostFile>,
    /// Where each of its keys is.
    pub keys: Places,
}

/// The proxy and the upstream of the instances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// The proxy, by its name in the host settings.
    pub name: ProxyName,
    /// The upstream that lists the instances.
    pub upstream: UpstreamName,
}

/// How to check the health of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    /// The check.
    pub check: HealthCheck,
    /// The fixed port of the host that it asks, in place of the instance's own port or socket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<Port>,
    /// The time between two checks.
    pub interval: Span,
    /// The longest that one check may take.
    pub timeout: Span,
    /// Whether the definition names the timeout.
    #[serde(skip)]
    pub timeout_is_given: bool,
    /// How many checks in a row have to fail.
    pub retries: u32,
    /// How many checks in a row have to succeed before an instance is ready.
    pub success_threshold: u32,
    /// How long after the start failures do not count.
    pub start_period: Span,
}

/// What a health check does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthCheck {
    /// A request.
    Http(HttpCheck),
    /// A connection to the port.
    Tcp,
    /// A command; in the container, where there is one.
    Command(Vec<Argument>),
}

/// A request and the expected answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HttpCheck {
    /// The path, with its tokens.
    pub path: RequestPath,
    /// The unix socket that gets the request in place of the port, with its tokens.
    pub socket: Option<HostPath>,
    /// The method.
    pub method: Method,
    /// Header fields.
    pub headers: BTreeMap<HeaderName, HeaderValue>,
    /// The status codes that are expected; `None` for 200 to 399.
    pub status: Option<StatusCodes>,
    /// Text that the answer has to contain.
    pub contains: Option<BodyText>,
    /// Whether redirects are followed.
    pub follow_redirects: bool,
}

/// How a new version takes over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deploy {
    /// A command that runs once before any new instance starts.
    pub before: Option<Vec<Argument>>,
    /// What replaces the ENTRYPOINT for that command.
    pub before_entrypoint: Option<Vec<Argument>>,
    /// The longest that it may take.
    pub before_timeout: Span,
    /// Whether new instances start before or after the old ones stop.
    pub order: Order,
    /// Whether the definition names the order.
    pub order_is_given: bool,
    /// The data of the instances that decided the order; `None` if the definition did, or there is none.
    pub data: Option<String>,
    /// How many instances start at a time; `None` for all.
    pub batch: Option<u16>,
    /// The longest wait for the proxy's old connections.
    pub drain: Span,
    /// The longest that an instance may take to stop.
    pub stop_timeout: Span,
    /// How many old releases are kept.
    pub keep: u16,
    /// How long new instances have to stay healthy before they take over.
    pub min_healthy_time: Span,
    /// What happens if the contents of a file changed that instances read when they start.
    pub changed_files: ChangedFiles,
}

/// A scheduled job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduledJob {
    /// When it runs.
    pub when: When,
    /// The program and its arguments, with their tokens.
    pub command: Vec<Argument>,
    /// What replaces the ENTRYPOINT for the command, with its tokens.
    pub entrypoint: Option<Vec<Argument>>,
    /// The time zone of the schedule; `None` for the host's.
    pub timezone: Option<TimeZone>,
    /// The longest random delay.
    pub jitter: Option<Span>,
    /// Whether a run that was missed while the host was off starts at the next boot.
    pub catch_up: bool,
    /// The longest that a run may take.
    pub timeout: Option<Span>,
    /// The unit to start when a run fails.
    pub on_failure: Option<UnitReference>,
    /// The unit to start when a run succeeds.
    pub on_success: Option<UnitReference>,
    /// Where the output of a run is mailed, in place of the service's addresses.
    pub mail_to: Option<MailTo>,
    /// What happens to a run that is due while the previous one still runs.
    pub overlap: Overlap,
    /// What happens to processes that it leaves behind.
    pub children: Children,
    /// Whether it runs at its times.
    pub enabled: bool,
    /// Environment variables, in addition to the service's.
    pub env: BTreeMap<EnvName, EnvValue>,
    /// Limits, each in place of the service's.
    pub limits: Limits,
    /// The user to run as, in place of the service's.
    pub user: Option<User>,
    /// What the command reads on its standard input.
    pub stdin: Option<EnvValue>,
}

/// When a job runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// In crontab syntax.
    Crontab(Crontab),
    /// In systemd's syntax.
    Calendar(Calendar),
    /// This long after the end of the last run, and after the start of its timer.
    Every(Span),
}

impl ScheduledJob {
    /// Returns the names of the time zones that it needs.
    pub fn time_zones(&self) -> Vec<String> {
        let events = self.when.calendar_events(self.timezone.as_ref());
        events.iter().filter_map(|event| event.time_zone().map(str::to_owned)).collect()
    }
}

impl When {
    /// Returns the calendar events of a timer: none for `@reboot` and an interval, one, or two, of which either
    /// is enough.
    ///
    /// `timezone` is that of the schedule, which has none itself.
    pub fn calendar_events(&self, timezone: Option<&TimeZone>) -> Vec<CalendarEvent> {
        let timezone = timezone.map(TimeZone::as_str);
        match self {
            Self::Crontab(crontab) => crontab.expression().calendar_events(timezone),
            Self::Calendar(calendar) => {
                let event = calendar.event().clone().bounded();
                vec![match timezone {
                    Some(zone) => event.in_time_zone(zone),
                    None => event,
                }]
            }
            Self::Every(_) => Vec::new(),
        }
    }
}

impl Service {
    /// Makes a service of fields that were checked together.
    pub(crate) fn checked(fields: ServiceFields) -> Self {
        Self(fields)
    }

    /// Returns the fields, to take values out of them.
    pub fn into_fields(self) -> ServiceFields {
        self.0
    }

    /// Changes fields to others that were checked, too.
    pub(crate) fn set(&mut self, change: impl FnOnce(&mut ServiceFields)) {
        change(&mut self.0);
    }

    /// Returns the service with fields changed to others that were checked, too.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut ServiceFields)) -> Self {
        self.set(change);
        self
    }

    /// Returns a service with other fields, which nothing checks: for tests that need what no definition says.
    #[doc(hidden)]
    #[must_use]
    pub fn unchecked(self, change: impl FnOnce(&mut ServiceFields)) -> Self {
        self.with(change)
    }

    /// Returns the service as it is if another file defined it.
    pub(crate) fn with_file(self, file: &Path) -> Self {
        self.with(|fields| {
            let old = std::mem::replace(&mut fields.origin.file, file.to_owned());
            for (known, _) in fields.origin.hooks.values_mut().filter(|(known, _)| *known == old) {
                file.clone_into(known);
            }
            for problem in fields.advice.iter_mut().filter(|problem| problem.file == old) {
                file.clone_into(&mut problem.file);
            }
        })
    }

    /// Returns the service at a revision.
    ///
    /// # Errors
    /// Its image is fixed to another revision, which is returned.
    pub fn at_revision(&self, revision: &Revision) -> Result<Self, Revision> {
        match self.image_revision() {
            Some(own) if own != *revision => Err(own),
            _ => Ok(self.clone().with(|fields| fields.revision = Some(revision.clone()))),
        }
    }

    /// Returns the last value of a systemd directive in the definition.
    pub(crate) fn setting(&self, name: &str) -> Option<&str> {
        let mut tables = self.settings.values().flatten();
        let (_, setting) = tables.find(|(directive, _)| directive.as_str() == name)?;
        setting.values().last().map(String::as_str)
    }

    /// Returns the ports of the host that lead to its instances, its own or those of its pod.
    pub fn published(&self) -> &[FixedPort] {
        self.pod.as_ref().map_or(&self.ports, |pod| &pod.ports)
    }

    /// Returns whether its instances are in the network of the host, and listen there themselves.
    pub(crate) fn is_in_host_network(&self) -> bool {
        match self.network_mode {
            Some(NetworkMode::Host) => true,
            Some(NetworkMode::None) => false,
            None => self.runtime == Runtime::Native,
        }
    }

    /// Returns whether its instances report what happens to them, because a hook is told of it.
    pub fn reports(&self) -> bool {
        self.hooks.keys().any(|event| event.is_of_instance())
    }

    /// Returns whether its command runs to its end.
    pub fn is_oneshot(&self) -> bool {
        self.service_type == ServiceType::Oneshot
    }

    /// Returns where the output of a job is mailed, if it is.
    pub fn mail_to<'s>(&'s self, job: &'s ScheduledJob) -> Option<&'s MailTo> {
        let mail_to = job.mail_to.as_ref().or(self.mail_to.as_ref());
        mail_to.filter(|mail_to| !mail_to.addresses().is_empty())
    }

    /// Returns the names of its own volumes, in order: without those that only the engine has.
    pub(crate) fn named_volumes(&self) -> Vec<VolumeName> {
        let is_own = |name: &&VolumeName| !self.process.volume_names.contains_key(*name);
        let names: BTreeSet<_> =
            self.volumes.iter().filter_map(Volume::name).filter(is_own).cloned().collect();
        names.into_iter().collect()
    }

    /// Returns the name that the engine has for a volume.
    pub(crate) fn engine_volume(&self, name: &VolumeName) -> String {
        let given = self.process.volume_names.get(name);
        given.map_or_else(|| engine_volume(&self.id, name), ToString::to_string)
    }

    /// Returns the revision in the definition, if there is one: the key `revision`, or that of the image.
    pub fn own_revision(&self) -> Option<Revision> {
        self.revision.clone().or_else(|| self.image_revision())
    }

    /// Returns the files that instances read when they start, if a changed content replaces the instances.
    pub fn counted_files(&self) -> impl Iterator<Item = &HostPath> {
        let counts = self.deploy.changed_files == ChangedFiles::Replace;
        let files = self.env_files.iter().chain(self.secrets.values());
        files.filter(move |_| counts)
    }

    /// Returns the revision that the image names.
    pub fn image_revision(&self) -> Option<Revision> {
        if self.runtime == Runtime::Native {
            return None;
        }
        let image: ImageReference = self.image.as_ref()?.as_str().parse().ok()?;
        image.revision()
    }

    /// Returns the revision of a service for which none is given: `host` for a native service whose program
    /// the host itself provides.
    pub fn default_revision(&self) -> Option<Revision> {
        const HOST: &str = "host";
        match self.runtime {
            Runtime::Native if !self.uses_token("revision") && !self.jobs_use("revision") => {
                HOST.parse().ok()
            }
            _ => None,
        }
    }

    /// Returns whether a text of an instance contains a token.
    pub(crate) fn uses_token(&self, token: &str) -> bool {
        self.tokenized().any(|text| text.uses(token))
    }

    /// Returns whether a text of a job contains a token.
    fn jobs_use(&self, token: &str) -> bool {
        self.jobs.values().any(|job| {
            let command = job.command.iter().chain(job.entrypoint.iter().flatten());
            let command = command.map(Argument::as_str);
            command.chain(job.env.values().map(EnvValue::as_str)).any(|text| text.uses(token))
        })
    }

    /// Returns every text of an instance that may contain tokens.
    fn tokenized(&self) -> impl Iterator<Item = &str> {
        let volumes = self.volumes.iter();
        let health = match self.health.as_ref().map(|health| &health.check) {
            Some(HealthCheck::Http(HttpCheck { path, socket, .. })) => {
                socket.iter().map(HostPath::as_str).chain([path.as_str()]).collect()
            }
            Some(HealthCheck::Command(command)) => command.iter().map(Argument::as_str).collect(),
            Some(HealthCheck::Tcp) | None => Vec::new(),
        };
        let command = self.entrypoint.iter().flatten().chain(&self.command);
        let process = self.process.working_dir.iter().map(HostPath::as_str);
        let process = process.chain(self.process.labels.values().map(EnvValue::as_str));
        let process = process.chain(self.process.tmpfs.iter().map(|tmpfs| tmpfs.target.as_str()));
        (self.image.iter().chain(command).map(Argument::as_str))
            .chain(self.env.values().map(EnvValue::as_str))
            .chain(volumes.flat_map(|volume| {
                let source = volume.path().map(HostPath::as_str);
                source.into_iter().chain([volume.target.as_str()])
            }))
            .chain(health)
            .chain(process)
    }
}
