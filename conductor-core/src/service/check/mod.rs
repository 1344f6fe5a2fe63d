//! Turns a raw definition into a service, and notes what is inconsistent.

mod advice;
mod application;
mod capabilities;
mod command;
mod data;
mod depends_on;
mod directives;
mod files;
mod health;
pub(crate) mod hooks;
mod limits;
mod lookalikes;
mod networks;
mod oneshot;
mod parts;
mod pod;
mod ports;
mod process;
mod reached;
mod volumes;

use std::collections::BTreeMap;
use std::fmt::Display;

pub(super) use application::shared_volumes;

use super::{Origin, Places, Service, ServiceFields};
use crate::definition::{
    Definition, Fault, Field, JOBS_AT_A_TIME, Job, MOST_INSTANCES, MOST_PARALLEL, NetworkMode,
    NodeId, Part, PullPolicy, Runtime, Source, Table, defaults,
};
use crate::error::Invalid;
use crate::name::{JobName, Revision};
use crate::value::{Argument, HostPath, ImageReference, Listen, Tokens};
use application::Named;
use health::Published;
use pod::Beside;

/// Sample values of tokens, to check a text before the real values are known.
const SAMPLE: Tokens<'_> =
    Tokens { id: "id", revision: "r1", instance: "1", port: Some("20000"), socket: Some("/run/a") };

/// Checks one definition, and notes problems in the source. Returns `None` if the id is wrong.
///
/// What depends on a refused value is not refused as well.
#[expect(clippy::too_many_lines, reason = "a few lines for each key")]
pub(super) fn service(
    source: &Source<'_>,
    all: &[Part],
    number: usize,
    mut definition: Definition,
) -> Option<Service> {
    let part = all.get(number)?;
    let check = Check { source, root: part.root };
    let mut advice = check.advice(&definition);
    let files = check.files(&definition);
    let is_oneshot = check.oneshot(&mut definition);
    // The command of a new release does not run beside that of the old one.
    let data = data::data(&definition).filter(|_| !is_oneshot);
    // Without `..`: a new field does not compile until it is handled here.
    let Definition {
        id,
        description,
        image,
        revision,
        pull,
        runtime,
        r#type,
        timeout,
        depends_on,
        command,
        entrypoint,
        instances,
        port,
        ports,
        listen,
        networks,
        network_mode,
        pod,
        env,
        env_files,
        secrets,
        volumes,
        user,
        cap_add,
        cap_drop,
        process,
        limits,
        sandbox,
        health,
        deploy,
        proxy,
        mail_to,
        max_parallel,
        on,
        cron,
        // It was read before.
        processes: _,
        systemd,
    } = definition;

    if id.is_absent() {
        check.refuse(check.root, Fault::new("the key id is missing").hint("add id: NAME"));
    }
    check.not_both_revisions(&image, &revision);
    let runtime = known(&runtime);
    if let Some(runtime) = runtime {
        check.image(runtime, &image);
    }
    let no_command = command.is_absent();
    let command = check.command(command, runtime);
    let entrypoint = check.entrypoint(entrypoint, runtime);
    let instances = check
        .at_most(instances, "instances on one host", MOST_INSTANCES)
        .unwrap_or(defaults::INSTANCES);
    if runtime == Some(Runtime::Native) && instances > 0 && no_command {
        let fault = Fault::new("the key command is missing");
        let hint = "add command: [/usr/bin/PROGRAM, ARGUMENT]";
        check.refuse(check.root, fault.hint(hint));
    }
    let has_port = !port.is_absent();
    let on_socket = matches!(&listen, Field::Given(listen) if listen.value == Listen::Socket);
    let is_reached = has_port || on_socket;
    check.listens_on_socket(&listen, &port, &health);
    check.network_mode(&network_mode, &networks, &port, &listen);
    let given = [
        ("networks", located(&networks)),
        ("network_mode", located(&network_mode)),
        ("ports", located(&ports)),
        ("port", located(&port)),
    ];
    let keys = given.into_iter().filter_map(|(key, at)| Some((key, at?))).collect();
    let in_pod = check.pod(pod, runtime, instances, &Beside { process: &process, keys });
    let (networks, fixed) = check.networks(networks, runtime, instances);
    let on_host = match &network_mode {
        Field::Given(mode) => mode.value == NetworkMode::Host,
        _ => runtime == Some(Runtime::Native),
    };
    let ports = check.ports(ports, on_host, &network_mode, instances);
    check.reached_from_outside(&networks, &port, &ports);
    let named = check.container_name(&process, instances);
    let (pod, ports_of_pod, shared) = match in_pod {
        Some((pod, ports, data)) => (Some(pod), ports, Some(data)),
        None => (None, Vec::new(), None),
    };
    let data = ports::fixed(&ports).or(named).or(fixed).or(shared).or(data);
    let (deploy, ordered) = check.takes_over(deploy, runtime, data, instances, !proxy.is_absent());
    advice.extend(ordered);
    let of_pod = pod.is_some();
    let published = Published { ports: if of_pod { &ports_of_pod } else { &ports }, of_pod };
    let health = check.health(health, is_reached, published);
    let hooks = check.hooks(on, health.is_some());
    let has_memory = matches!(&limits, Field::Given(it) if !it.value.memory.is_absent());
    let limits = check.limits(limits, runtime, false);
    let proxy = check.proxy(proxy, is_reached);
    let places = job_places(source, &cron);
    let jobs = check.jobs(cron, runtime, has_memory);
    check.sandbox(&sandbox, runtime);
    check.pull(&pull, runtime);
    check.capabilities(&cap_add, &cap_drop, runtime);
    check.process(&process, runtime);
    check.namespaces(&process, &network_mode);
    check.volumes(&volumes, runtime);
    check.targets(&volumes, &process);
    check.volume_names(&process, &volumes);
    let env = check.env(env, runtime, has_port, on_socket);
    let Named { id, application, position, path } =
        check.named(id.given()?, part.process.as_ref())?;
    let depends_on = check.depends_on(depends_on, &id, application.as_ref(), all);
    let service = Service::checked(ServiceFields {
        origin: Origin {
            file: source.file().to_owned(),
            position,
            path,
            volumes: check.places_of(&volumes, &process),
            ports: ports.iter().map(|port| source.position(port.at)).collect(),
            upstream: proxy.as_ref().map(|proxy| source.position(proxy.at)),
            volume_names: check.volume_places(&process),
            hooks: hooks
                .iter()
                .map(|(event, (_, at))| (*event, (source.file().to_owned(), *at)))
                .collect(),
            jobs: places,
            files,
            keys: Places::new(source, check.root),
        },
        id,
        application,
        description: description.into_value(),
        image: image.into_value(),
        revision: revision.into_value(),
        pull: pull.into_value().unwrap_or_default(),
        runtime: runtime.unwrap_or_default(),
        service_type: r#type.into_value().unwrap_or_default(),
        timeout: timeout.into_value(),
        depends_on,
        command: command.unwrap_or_default(),
        entrypoint,
        instances,
        port: port.into_value(),
        ports: ports.into_iter().map(|port| port.value).collect(),
        listen: listen.into_value().unwrap_or_default(),
        networks,
        network_mode: network_mode.into_value(),
        pod,
        env,
        env_files: list(env_files),
        secrets: table(secrets),
        volumes: list(volumes),
        user: user.into_value(),
        cap_add: list(cap_add).into_iter().collect(),
        cap_drop: list(cap_drop).into_iter().collect(),
        process: process.checked(),
        limits,
        sandbox: sandbox.into_value().unwrap_or(defaults::SANDBOX),
        health,
        deploy,
        proxy: proxy.map(|proxy| proxy.value),
        mail_to: mail_to.into_value(),
        max_parallel: check.number(max_parallel, JOBS_AT_A_TIME, MOST_PARALLEL),
        hooks: hooks.into_iter().map(|(event, (hook, _))| (event, hook)).collect(),
        jobs,
        settings: table(systemd).into_iter().map(|(name, table)| (name, entries(table))).collect(),
        advice,
    });
    check.tokens(&service, has_port, on_socket);
    Some(service)
}

/// Returns the runtime, or `None` if it was refused: no further problem is reported then.
fn known(runtime: &Field<Runtime>) -> Option<Runtime> {
    match runtime {
        Field::Absent => Some(Runtime::default()),
        Field::Refused => None,
        Field::Given(runtime) => Some(runtime.value),
    }
}

fn job_places(
    source: &Source<'_>,
    cron: &Field<Table<JobName, Job>>,
) -> BTreeMap<JobName, (usize, usize)> {
    match cron {
        Field::Given(table) => {
            let names = table.value.0.iter().map(|(name, _)| name);
            names.map(|name| (name.value.clone(), source.position(name.at))).collect()
        }
        Field::Absent | Field::Refused => BTreeMap::new(),
    }
}

struct Check<'s> {
    source: &'s Source<'s>,
    /// The mapping that is the definition.
    root: NodeId,
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

    fn image(&self, runtime: Runtime, image: &Field<Argument>) {
        let image = match image {
            Field::Given(image) => image,
            Field::Absent if runtime != Runtime::Native => {
                let fault = Fault::new("the key image is missing");
                return self.refuse(self.root, fault.hint("add image: NAME"));
            }
            Field::Absent | Field::Refused => return,
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
        if let Err(mut invalid) = checked {
            if lookalikes::variable(&text).is_some() {
                let hint = "variables are not replaced: write the value; deploy gives the revision, which \
                            is the tag";
                invalid.hint = Some(hint.to_owned());
            }
            self.refuse_invalid(image.at, invalid);
        }
    }

    /// Reads a number from 0 to `most`.
    fn at_most<T>(&self, field: Field<T>, what: &str, most: T) -> Option<T>
    where
        T: Copy + PartialOrd + Display,
    {
        let located = field.given()?;
        if located.value > most {
            let fault = Fault::new(format!("{} {what}", located.value));
            self.refuse(located.at, fault.hint(format!("write at most {most}")));
        }
        Some(located.value)
    }

    fn sandbox(&self, sandbox: &Field<bool>, runtime: Option<Runtime>) {
        if let (Field::Given(sandbox), Some(Runtime::Docker | Runtime::Podman)) = (sandbox, runtime)
        {
            let fault = Fault::new("sandbox works only with runtime: native");
            self.refuse(sandbox.at, fault.hint("remove sandbox: a container is isolated already"));
        }
    }

    fn pull(&self, pull: &Field<PullPolicy>, runtime: Option<Runtime>) {
        if let (Field::Given(pull), Some(Runtime::Native)) = (pull, runtime) {
            let fault = Fault::new("pull works only with runtime: docker or runtime: podman");
            let hint = "remove pull: a native image is a directory or a file of the host";
            self.refuse(pull.at, fault.hint(hint));
        }
    }

    fn not_both_revisions(&self, image: &Field<Argument>, revision: &Field<Revision>) {
        let (Field::Given(image), Field::Given(revision)) = (image, revision) else {
            return;
        };
        let own =
            image.value.as_str().parse().ok().and_then(|image: ImageReference| image.revision());
        if let Some(own) = own.filter(|own| *own != revision.value) {
            let fault = Fault::new(format!("the image already names the revision {own}"));
            self.refuse(
                revision.at,
                fault.hint("remove the tag or digest from image, or remove revision"),
            );
        }
    }
}

fn located<T>(field: &Field<T>) -> Option<NodeId> {
    field.located().map(|located| located.at)
}

fn list<T>(field: Field<Vec<Field<T>>>) -> Vec<T> {
    field.into_value().unwrap_or_default().into_iter().filter_map(Field::into_value).collect()
}

fn table<K: Ord, V>(field: Field<Table<K, V>>) -> BTreeMap<K, V> {
    field.into_value().map_or_else(BTreeMap::new, entries)
}

fn entries<K: Ord, V>(table: Table<K, V>) -> BTreeMap<K, V> {
    let given = table.0.into_iter();
    given.filter_map(|(key, value)| Some((key.value, value.into_value()?))).collect()
}
