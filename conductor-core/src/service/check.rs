//! Turns a raw definition into a service, noting what does not fit together.

use std::collections::BTreeMap;

use super::{Deploy, Health, HealthCheck, Job, Limits, Origin, Service, When};
use crate::definition::{
    self, Definition, Fault, Field, Located, NodeId, ROOT, Runtime, Source, Table,
};
use crate::error::Invalid;
use crate::name::{JobName, Revision};
use crate::value::{Argument, HostPath, ImageReference, Span, Tokens, UpstreamName};

/// The most instances of one service on one host.
const MOST_INSTANCES: u16 = 1000;

/// Stand-ins for tokens, to check a text before the real values are known.
const SAMPLE: Tokens<'_> = Tokens {
    id: "id",
    revision: "r1",
    instance: "1",
    port: Some("20000"),
};

/// Checks one definition; problems are noted in the source, and `None` means that the id is one.
pub(super) fn service(source: &Source<'_>, definition: Definition) -> Option<Service> {
    // Without `..`: a new field does not compile until it is dealt with here.
    let Definition {
        id,
        description,
        image,
        revision,
        runtime,
        command,
        instances,
        port,
        env,
        env_files,
        secrets,
        volumes,
        user,
        limits,
        health,
        deploy,
        proxy,
        cron,
        systemd,
    } = definition;
    let check = Check { source };

    if id.is_absent() {
        check.refuse(
            ROOT,
            Fault::new("the key id is missing").hint("add id: NAME"),
        );
    }
    check.not_both_revisions(&image, &revision);
    let runtime_at = runtime.clone().given();
    let runtime = runtime.into_value().unwrap_or_default();
    let mut not_yet = NotYet {
        check: &check,
        fields: Vec::new(),
    };
    if let (Some(at), Runtime::Docker | Runtime::Podman) = (&runtime_at, runtime) {
        not_yet.add(at.at, "only native services are run");
    }
    not_yet.field(&health, "health checks are not run");
    not_yet.field(&proxy, "no proxy is configured");
    not_yet.field(&cron, "no timers are made");
    let deploy = check.deploy(deploy, &mut not_yet);

    let image = image.given();
    check.image(runtime, image.as_ref(), ROOT, &mut not_yet);
    let command = check.command(command, runtime);
    let instances = instances.given();
    if let Some(count) = instances
        .as_ref()
        .filter(|count| count.value > MOST_INSTANCES)
    {
        let fault = Fault::new(format!("{} instances on one host", count.value));
        check.refuse(count.at, fault.hint(format!("at most {MOST_INSTANCES}")));
    }
    let instances = instances.map_or(1, |count| count.value);
    if runtime == Runtime::Native && instances > 0 && command.is_none() {
        let fault = Fault::new("the key command is missing");
        let hint = "a native service needs one: command: [/usr/bin/PROGRAM, ARGUMENT]";
        check.refuse(ROOT, fault.hint(hint));
    }
    let not_yet = not_yet.fields;
    let port = port.into_value();
    let located = id.given()?;
    let service = Service {
        origin: Origin {
            file: source.file().to_owned(),
            position: source.position(located.at),
        },
        id: located.value,
        description: description.into_value(),
        image: image.map(|image| image.value),
        revision: revision.into_value(),
        runtime,
        command: command.unwrap_or_default(),
        instances,
        port,
        env: table(env),
        env_files: list(env_files),
        secrets: table(secrets),
        volumes: list(volumes),
        user: user.into_value(),
        limits: check.limits(limits),
        health: check.health(health, port.is_some()),
        deploy,
        upstream: check.upstream(proxy, port.is_some()),
        jobs: check.jobs(cron),
        settings: table(systemd)
            .into_iter()
            .map(|(name, table)| (name, entries(table)))
            .collect(),
        not_yet: not_yet
            .into_iter()
            .map(|(at, why)| source.problem(at, why))
            .collect(),
    };
    if port.is_none() && service.uses_token("port") {
        let fault = Fault::new("{port} is used, but there is no port");
        let hint = "add port: NUMBER; write {{port}} for the literal text";
        check.refuse(ROOT, fault.hint(hint));
    }
    Some(service)
}

/// Collects the fields that are valid and not acted upon.
struct NotYet<'c, 's> {
    check: &'c Check<'s>,
    fields: Vec<(NodeId, Fault)>,
}

impl NotYet<'_, '_> {
    fn field<T>(&mut self, field: &Field<T>, what: &str) {
        if let Field::Given(Located { at, .. }) = field {
            self.add(*at, what);
        }
    }

    fn add(&mut self, at: NodeId, what: &str) {
        let key = self.check.source.path(at);
        let fault = Fault::new(format!(
            "valid, but this version does not act on it: {what}"
        ));
        self.fields.push((
            at,
            fault.hint(format!("remove {key} to apply the service without it")),
        ));
    }
}

struct Check<'s> {
    source: &'s Source<'s>,
}

impl Check<'_> {
    fn refuse(&self, at: NodeId, fault: Fault) {
        self.source.refuse(at, fault);
    }

    fn refuse_invalid(&self, at: NodeId, invalid: Invalid) {
        let fault = Fault::new(invalid.message);
        self.refuse(
            at,
            match invalid.hint {
                Some(hint) => fault.hint(hint),
                None => fault,
            },
        );
    }

    fn image(
        &self,
        runtime: Runtime,
        image: Option<&Located<Argument>>,
        root: NodeId,
        not_yet: &mut NotYet<'_, '_>,
    ) {
        let Some(image) = image else {
            if runtime != Runtime::Native {
                let fault = Fault::new("the key image is missing");
                self.refuse(root, fault.hint("docker and podman need one: image: NAME"));
            }
            return;
        };
        let text = SAMPLE.expand(image.value.as_str());
        let checked = match runtime {
            Runtime::Docker | Runtime::Podman => text.parse::<ImageReference>().map(drop),
            Runtime::Native => text.parse::<HostPath>().map(drop).map_err(|invalid| {
                invalid.hint(
                    "runtime: native takes a directory; for an image from a registry \
                              write runtime: docker or runtime: podman",
                )
            }),
        };
        if let Err(invalid) = checked {
            self.refuse_invalid(image.at, invalid);
        } else if runtime == Runtime::Native && crate::runtime::is_disk_image(&text) {
            not_yet.add(image.at, "disk images are not mounted");
        }
    }

    fn not_both_revisions(&self, image: &Field<Argument>, revision: &Field<Revision>) {
        let (Field::Given(image), Field::Given(revision)) = (image, revision) else {
            return;
        };
        let own = image
            .value
            .as_str()
            .parse()
            .ok()
            .and_then(|image: ImageReference| image.revision());
        if let Some(own) = own.filter(|own| *own != revision.value) {
            let fault = Fault::new(format!("the image says {own} already"));
            self.refuse(
                revision.at,
                fault.hint("leave the tag out of image, or remove revision"),
            );
        }
    }

    /// Reads a command. systemd takes the program of a native one as an absolute path only.
    fn command(
        &self,
        command: Field<Vec<Field<Argument>>>,
        runtime: Runtime,
    ) -> Option<Vec<Argument>> {
        let command = command.given()?;
        let whole = command
            .value
            .iter()
            .all(|argument| matches!(argument, Field::Given(_)));
        let arguments: Vec<Argument> = command
            .value
            .into_iter()
            .filter_map(Field::into_value)
            .collect();
        let Some(program) = arguments.first() else {
            if whole {
                let fault = Fault::new("the command is empty");
                self.refuse(
                    command.at,
                    fault.hint("write the program and its arguments"),
                );
            }
            return Some(arguments);
        };
        let program = SAMPLE.expand(program.as_str());
        if whole && runtime == Runtime::Native {
            if let Err(invalid) = program.parse::<HostPath>() {
                let why = Fault::new(format!("the program: {}", invalid.message));
                let hint = "systemd wants the program's absolute path, such as /usr/bin/python3";
                self.refuse(command.at, why.hint(hint));
            }
        } else if program.is_empty() {
            self.refuse(
                command.at,
                Fault::new("the program is empty").hint("name a program"),
            );
        }
        Some(arguments)
    }

    fn limits(&self, limits: Field<definition::Limits>) -> Limits {
        let definition::Limits { memory, cpu, pids } = limits.into_value().unwrap_or_default();
        Limits {
            memory: memory.into_value(),
            cpu: cpu.into_value(),
            pids: self.at_least_one(pids, "processes"),
        }
    }

    fn at_least_one<T: PartialEq + Default>(&self, field: Field<T>, what: &str) -> Option<T> {
        let located = field.given()?;
        if located.value == T::default() {
            self.refuse(
                located.at,
                Fault::new(format!("0 {what}")).hint("write 1 or more"),
            );
        }
        Some(located.value)
    }

    fn health(&self, health: Field<definition::Health>, has_port: bool) -> Option<Health> {
        let health = health.given()?;
        let definition::Health {
            http,
            tcp,
            command,
            interval,
            timeout,
            retries,
            start_period,
        } = health.value;
        let tcp_at = tcp
            .clone()
            .given()
            .filter(|tcp| tcp.value)
            .map(|tcp| tcp.at);
        let http = http.given();
        let network = http.as_ref().map(|http| http.at).or(tcp_at);
        if let Some(at) = network.filter(|_| !has_port) {
            let fault = Fault::new("there is no port to check");
            self.refuse(at, fault.hint("add port: NUMBER to the service"));
        }
        let command = self.command(command, Runtime::Docker);
        let check = match (http, tcp_at, command) {
            (Some(http), None, None) => HealthCheck::Http(http.value),
            (None, Some(_), None) => HealthCheck::Tcp,
            (None, None, Some(command)) => HealthCheck::Command(command),
            _ => {
                let fault = Fault::new("not exactly one of http, tcp and command");
                self.refuse(health.at, fault.hint("for example http: /health"));
                return None;
            }
        };
        Some(Health {
            check,
            interval: self.span(interval, Span::from_secs(5)),
            timeout: self.span(timeout, Span::from_secs(2)),
            retries: self.at_least_one(retries, "retries").unwrap_or(3),
            start_period: start_period.into_value().unwrap_or(Span::from_secs(60)),
        })
    }

    /// Reads a span that must not be zero.
    fn span(&self, field: Field<Span>, default: Span) -> Span {
        let Some(located) = field.given() else {
            return default;
        };
        if located.value.duration().is_zero() {
            self.refuse(
                located.at,
                Fault::new("no time at all").hint("for example 5s"),
            );
        }
        located.value
    }

    fn deploy(&self, deploy: Field<definition::Deploy>, not_yet: &mut NotYet<'_, '_>) -> Deploy {
        let definition::Deploy {
            before,
            order,
            batch,
            drain,
            stop_timeout,
            keep,
        } = deploy.into_value().unwrap_or_default();
        not_yet.field(&before, "nothing runs before the instances start");
        not_yet.field(&batch, "all instances start at a time");
        not_yet.field(&drain, "no proxy is drained");
        not_yet.field(&keep, "no old release is kept");
        Deploy {
            before: self.command(before, Runtime::Docker),
            order: order.into_value().unwrap_or_default(),
            batch: self.at_least_one(batch, "instances at a time"),
            drain: drain.into_value().unwrap_or(Span::from_secs(30)),
            stop_timeout: self.span(stop_timeout, Span::from_secs(30)),
            keep: keep.into_value().unwrap_or(2),
        }
    }

    fn upstream(&self, proxy: Field<definition::Proxy>, has_port: bool) -> Option<UpstreamName> {
        let proxy = proxy.given()?;
        let Some(nginx) = proxy.value.nginx.given() else {
            self.refuse(
                proxy.at,
                Fault::new("no proxy is named").hint("nginx: {upstream: NAME}"),
            );
            return None;
        };
        if nginx.value.upstream.is_absent() {
            let fault = Fault::new("the key upstream is missing");
            self.refuse(nginx.at, fault.hint("nginx: {upstream: NAME}"));
        }
        if !has_port {
            let fault = Fault::new("there is no port to proxy to");
            self.refuse(nginx.at, fault.hint("add port: NUMBER to the service"));
        }
        nginx.value.upstream.into_value()
    }

    fn jobs(&self, cron: Field<Table<JobName, definition::Job>>) -> BTreeMap<JobName, Job> {
        let table = cron.into_value().map_or(Vec::new(), |table| table.0);
        let jobs = table.into_iter().filter_map(|(name, job)| {
            let job = job.given()?;
            Some((name.value, self.job(job)?))
        });
        jobs.collect()
    }

    fn job(&self, job: Located<definition::Job>) -> Option<Job> {
        let at = job.at;
        let definition::Job {
            schedule,
            calendar,
            command,
            timezone,
            jitter,
            catch_up,
            timeout,
            on_failure,
        } = job.value;
        let refused = matches!(schedule, Field::Refused) || matches!(calendar, Field::Refused);
        let when = match (schedule.into_value(), calendar.into_value()) {
            (Some(schedule), None) => Some(When::Crontab(schedule)),
            (None, Some(calendar)) => Some(When::Calendar(calendar)),
            _ if refused => None,
            _ => {
                let fault = Fault::new("not exactly one of schedule and calendar");
                self.refuse(at, fault.hint("for example schedule: \"*/30 * * * *\""));
                None
            }
        };
        if command.is_absent() {
            self.refuse(
                at,
                Fault::new("the key command is missing").hint("add command: [PROGRAM]"),
            );
        }
        let command = self.command(command, Runtime::Docker);
        Some(Job {
            when: when?,
            command: command?,
            timezone: timezone.into_value(),
            jitter: jitter.into_value(),
            catch_up: catch_up.into_value().unwrap_or(false),
            timeout: timeout.into_value(),
            on_failure: on_failure.into_value(),
        })
    }
}

fn list<T>(field: Field<Vec<Field<T>>>) -> Vec<T> {
    field
        .into_value()
        .unwrap_or_default()
        .into_iter()
        .filter_map(Field::into_value)
        .collect()
}

fn table<K: Ord, V>(field: Field<Table<K, V>>) -> BTreeMap<K, V> {
    field.into_value().map_or_else(BTreeMap::new, entries)
}

fn entries<K: Ord, V>(table: Table<K, V>) -> BTreeMap<K, V> {
    let given = table.0.into_iter();
    given
        .filter_map(|(key, value)| Some((key.value, value.into_value()?)))
        .collect()
}
