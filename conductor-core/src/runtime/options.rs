//! The table of options of docker and podman, for the container of an instance and of a command that runs
//! once.

use probe_protocol::places::PROBE;

use super::{Instance, engine, health, inside, limits, process, socket};
use crate::definition::{NetworkMode, PullPolicy, Runtime};
use crate::name::{NetworkAlias, NetworkName, engine_volume};
use crate::service::{Connection, Service, ServiceFields};
use crate::unit::escape::CommandLine;
use crate::value::{Endpoint, Volume, VolumeSource};

/// The labels that docker's journald driver writes as fields of the journal.
const FIELDS: &str = "CONDUCTOR_ID,CONDUCTOR_REVISION,CONDUCTOR_INSTANCE,CONDUCTOR_UNIT";

/// A command line that starts a container.
#[derive(Debug, Clone, Copy)]
pub(super) enum Start {
    DockerInstance,
    DockerCommand,
    PodmanInstance,
    PodmanCommand,
}

/// A row of the table: an option, or several that belong together, which differ between command lines.
///
/// A new one does not compile until [`Row::write`] handles it, and is dead code until [`Start::rows`] has it.
#[derive(Debug, Clone, Copy)]
enum Row {
    Detach,
    Replace,
    Remove,
    Init,
    InitProgram,
    Input,
    Terminal,
    Name,
    Ready,
    ProcessFile,
    ControlGroup,
    Log,
    Labels,
    OwnLabel,
    ProbeInside,
    NoProcessLimit,
}

impl Start {
    /// Returns the rows of a command line, in its order.
    fn rows(self) -> &'static [Row] {
        use Row::{
            ControlGroup, Detach, Init, InitProgram, Input, Labels, Log, Name, NoProcessLimit,
            OwnLabel, ProbeInside, ProcessFile, Ready, Remove, Replace, Terminal,
        };
        match self {
            // The probe, which replaces docker's client, adds the name, and detaches.
            Self::DockerInstance => &[Remove, Init, ControlGroup, Log, Labels, ProbeInside],
            Self::DockerCommand => &[Remove, Init, Input, Terminal, Name, Log, ControlGroup],
            Self::PodmanInstance => &[
                Detach,
                Replace,
                Remove,
                Init,
                InitProgram,
                Name,
                Ready,
                ControlGroup,
                Log,
                OwnLabel,
                ProbeInside,
                NoProcessLimit,
            ],
            Self::PodmanCommand => &[
                Replace,
                Remove,
                Init,
                Input,
                ProcessFile,
                InitProgram,
                Name,
                ControlGroup,
                Ready,
                Terminal,
                Log,
                NoProcessLimit,
            ],
        }
    }

    /// Returns whether it starts an instance, and not a command that runs once.
    pub(super) fn is_instance(self) -> bool {
        matches!(self, Self::DockerInstance | Self::PodmanInstance)
    }

    /// Adds all options, then image and command.
    pub(super) fn write(self, line: &mut CommandLine, instance: &Instance<'_>) {
        for row in self.rows() {
            row.write(self, line, instance);
        }
        defined(self, line, instance);
    }
}

impl Row {
    /// Adds the options of a row.
    fn write(self, start: Start, line: &mut CommandLine, instance: &Instance<'_>) {
        use Start::{DockerCommand, DockerInstance, PodmanCommand, PodmanInstance};
        let Instance { service, tokens, unit, slice, .. } = instance;
        match self {
            Self::Detach => line.word("--detach"),
            // A container of this name may be left after a power cut.
            // With a name of the definition, it could be that of somebody else.
            Self::Replace if start.is_instance() && service.process.container_name.is_some() => {}
            Self::Replace => line.word("--replace"),
            Self::Remove => line.word("--rm"),
            Self::Init | Self::InitProgram if !process::has_init(instance) => {}
            Self::Init => line.word("--init"),
            Self::InitProgram => line.word(&format!("--init-path={PROBE}")),
            Self::Input => line.word("--interactive"),
            Self::Terminal if !instance.has_terminal() => {}
            Self::Terminal => match start {
                // Docker's default keys to detach would keep Ctrl-P from the command. The kernel reports a
                // new size; the client would send a second SIGWINCH later.
                DockerInstance | DockerCommand => {
                    line.words([
                        "--tty",
                        "--detach-keys=ctrl-^,ctrl-^,ctrl-^",
                        "--sig-proxy=false",
                    ]);
                }
                PodmanInstance | PodmanCommand => line.words(["--tty", "--detach-keys="]),
            },
            Self::Name => {
                let name = match start.is_instance() {
                    true => engine::name_of_instance(instance),
                    false => engine::container_name(instance),
                };
                line.words(["--name", &name]);
            }
            // By which its own container is found.
            Self::OwnLabel if service.process.container_name.is_none() => {}
            Self::OwnLabel => line.word(&format!("--label=CONDUCTOR_ID={}", service.id)),
            // The probe reports that the container is ready, or podman does as soon as it runs. The container
            // cannot: it has no access to systemd's socket.
            Self::Ready => match start {
                PodmanInstance if health::is_probed(service) => {
                    line.word("--sdnotify=ignore");
                    let file = engine::monitor_file(instance);
                    line.after_specifier("--conmon-pidfile=", "%t", &format!("/{file}"));
                }
                PodmanInstance => line.word("--sdnotify=conmon"),
                PodmanCommand => line.word("--sdnotify=ignore"),
                DockerInstance | DockerCommand => {}
            },
            Self::ProcessFile if instance.attached().is_none() => {}
            Self::ProcessFile => {
                let file = engine::process_file(instance);
                line.after_specifier("--pidfile=", "%t", &format!("/{file}"));
            }
            Self::ControlGroup => match start {
                DockerInstance | DockerCommand => line.word(&format!("--cgroup-parent={slice}")),
                // With the unit's own cgroup, systemd sees every process of the container.
                PodmanInstance | PodmanCommand => line.word("--cgroups=split"),
            },
            Self::Log => match start {
                DockerInstance => {
                    line.words(["--log-driver=journald", &format!("--log-opt=labels={FIELDS}")]);
                    line.word(&format!("--log-opt=tag={}", service.id));
                }
                // The client's output is already in the journal, or goes to the caller.
                DockerCommand => line.word("--log-driver=none"),
                PodmanCommand if instance.has_terminal() => line.word("--log-driver=none"),
                // The driver passes on descriptors, and a terminal has others.
                PodmanInstance if service.process.tty == Some(true) => {
                    line.word("--log-driver=journald");
                }
                PodmanInstance | PodmanCommand => line.word("--log-driver=passthrough"),
            },
            Self::Labels => {
                line.word(&format!("--label=CONDUCTOR_ID={}", service.id));
                line.word(&format!("--label=CONDUCTOR_REVISION={}", tokens.revision));
                line.word(&format!("--label=CONDUCTOR_INSTANCE={}", tokens.instance));
                line.word(&format!("--label=CONDUCTOR_UNIT={unit}"));
            }
            Self::ProbeInside => line.words(inside::mount(instance)),
            // podman's default of 2048 is not a limit of the definition.
            Self::NoProcessLimit => {
                line.words(service.limits.pids.is_none().then_some("--pids-limit=0"));
            }
        }
    }
}

/// Returns the option for a volume.
fn volume(
    Volume { source, target, read_only, options }: &Volume,
    instance: &Instance<'_>,
) -> String {
    let Instance { service, tokens, .. } = instance;
    let target = tokens.expand(target.as_str());
    let (kind, source) = match source {
        VolumeSource::Path(path) => ("bind", tokens.expand(path.as_str())),
        VolumeSource::Named(name) => ("volume", service.engine_volume(name).into()),
    };
    let words: Vec<_> = options.iter().map(|option| option.as_str()).collect();
    let words = words.join(",");
    let has_labels = options.iter().any(|option| !option.is_propagation());
    let mount = || mount(service, kind, &source, &target, *read_only);
    match service.runtime {
        _ if options.is_empty() => mount(),
        // The other option has no word for labels.
        Runtime::Docker if has_labels => {
            format!("--volume={source}:{target}:{},{words}", if *read_only { "ro" } else { "rw" })
        }
        Runtime::Docker => format!("{},bind-propagation={words}", mount()),
        Runtime::Podman | Runtime::Native => format!("{},{words}", mount()),
    }
}

fn mount(service: &Service, kind: &str, source: &str, target: &str, read_only: bool) -> String {
    match service.runtime {
        // With --volume, docker would create a missing directory, owned by root. The option is a line of CSV, in which
        // a quoted field may contain commas; a path has no quotes.
        Runtime::Docker => {
            let mode = if read_only { ",readonly" } else { "" };
            format!("--mount=type={kind},\"source={source}\",\"target={target}\"{mode}")
        }
        Runtime::Podman | Runtime::Native => {
            let mode = if read_only { "ro" } else { "rw" };
            format!("--volume={source}:{target}:{mode}")
        }
    }
}

/// Returns the option for a network. The instance of a service has names and addresses in it, by its id.
fn network(
    runtime: Runtime,
    name: &NetworkName,
    connection: &Connection,
    id: Option<&str>,
) -> String {
    let Connection { aliases, ipv4_address, ipv6_address, settings: _ } = connection;
    let mut words = Vec::new();
    if let Some(id) = id {
        let names = std::iter::once(id).chain(aliases.iter().map(NetworkAlias::as_str));
        words.extend(names.map(|alias| format!("alias={alias}")));
        words.extend(ipv4_address.map(|address| format!("ip={address}")));
        words.extend(ipv6_address.map(|address| format!("ip6={address}")));
    }
    let words = words.join(",");
    match runtime {
        // With --network-alias, docker gives the name in one network only.
        Runtime::Docker if words.is_empty() => format!("--network=name={name}"),
        Runtime::Docker => format!("--network=name={name},{words}"),
        Runtime::Podman | Runtime::Native if words.is_empty() => format!("--network={name}"),
        Runtime::Podman | Runtime::Native => format!("--network={name}:{words}"),
    }
}

/// Adds the options from the definition, which both engines have under the same names, then image and
/// command.
fn defined(start: Start, line: &mut CommandLine, instance: &Instance<'_>) {
    let Instance { tokens, image, pinned, image_volumes, endpoint, .. } = instance;
    // Without `..`: for each new field it must be decided here whether it becomes an option.
    let ServiceFields {
        user,
        cap_add,
        cap_drop,
        port,
        ports,
        networks,
        network_mode,
        pod,
        env,
        env_files,
        volumes,
        secrets,
        command,
        entrypoint,
        pull,
        // In tables of their own.
        limits: _,
        process: _,
        // The instance has it with its tokens replaced.
        image: _,
        // A container is a sandbox.
        sandbox: _,
        // They concern the unit, or deploys.
        id: _,
        application: _,
        description: _,
        revision: _,
        runtime: _,
        service_type: _,
        timeout: _,
        depends_on: _,
        instances: _,
        listen: _,
        health: _,
        deploy: _,
        proxy: _,
        mail_to: _,
        max_parallel: _,
        hooks: _,
        jobs: _,
        settings: _,
        origin: _,
        advice: _,
    } = &**instance.service;
    limits::options(line, instance);
    line.words(user.as_ref().map(|user| format!("--user={user}")));
    line.words(cap_drop.iter().map(|capability| format!("--cap-drop={capability}")));
    line.words(cap_add.iter().map(|capability| format!("--cap-add={capability}")));
    // A name leads to everything that has it, and a job does not do what its service does.
    let id = start.is_instance().then(|| instance.service.id.as_str());
    for (name, connection) in networks {
        line.word(&network(instance.service.runtime, name, connection, id));
    }
    line.words(pod.as_ref().map(|pod| format!("--pod={}", pod.name)));
    process::options(line, start, instance);
    line.words(network_mode.map(|mode| match mode {
        NetworkMode::Host => "--network=host",
        NetworkMode::None => "--network=none",
    }));
    if let (Some(Endpoint::Tcp { port, .. }), true) =
        (endpoint, instance.service.is_in_host_network())
    {
        line.word(&format!("--env=PORT={port}"));
    } else if let (Some(Endpoint::Tcp { listen, port }), Some(inside)) = (endpoint, port) {
        line.word(&format!("--publish={}:{inside}", listen.with_port(*port)));
        line.word(&format!("--env=PORT={inside}"));
    }
    if !instance.service.is_in_host_network() {
        line.words(ports.iter().map(|port| format!("--publish={port}")));
    }
    if let (Some(socket), Some((kept, shown))) = (tokens.socket, socket::directory(instance)) {
        line.word(&format!("--volume={kept}:{shown}:rw"));
        line.word(&format!("--env=SOCKET={socket}"));
    }
    line.words(env_files.iter().map(|file| format!("--env-file={file}")));
    for (name, value) in env {
        line.word(&format!("--env={name}={}", tokens.expand(value.as_str())));
    }
    line.words(volumes.iter().map(|given| volume(given, instance)));
    for (name, target) in *image_volumes {
        let id = &instance.service.id;
        let source = engine_volume(id, name);
        line.word(&mount(instance.service, "volume", &source, target.as_str(), false));
    }
    for name in secrets.keys() {
        let directory = engine::directory(instance);
        let shown = format!("/{directory}/secrets/{name}:/run/secrets/{name}:ro");
        line.after_specifier("--volume=", "%t", &shown);
    }
    // Both engines take one word, the rest stands before the command. An empty word removes the image's own.
    let (program, more) = match entrypoint.as_deref() {
        Some([program, more @ ..]) => (Some(tokens.expand(program.as_str())), more),
        Some([]) => (Some("".into()), &[][..]),
        None => (None, &[][..]),
    };
    line.words(program.map(|program| format!("--entrypoint={program}")));
    // What is pinned is there, or was removed by hand: no registry has it.
    let never = *pinned || *pull == PullPolicy::Never;
    line.words(never.then_some("--pull=never"));
    // What follows are not options, even with a dash.
    line.word("--");
    line.words(*image);
    let words = more.iter().chain(command);
    line.words(words.map(|word| tokens.expand(word.as_str())));
}
