//! The table of options: what docker and podman are told of a container, for an instance and for a command
//! that runs once.

use probe_protocol::places::PROBE;

use super::{Instance, engine, health, inside, limits, socket};
use crate::service::Service;
use crate::unit::escape::CommandLine;
use crate::value::{Endpoint, Volume};

/// The fields of the journal that docker's journald driver takes from labels.
const FIELDS: &str = "CONDUCTOR_ID,CONDUCTOR_REVISION,CONDUCTOR_INSTANCE,CONDUCTOR_UNIT";

/// A command line that starts a container.
#[derive(Debug, Clone, Copy)]
pub(super) enum Start {
    DockerInstance,
    DockerCommand,
    PodmanInstance,
    PodmanCommand,
}

/// A row of the table: an option, or several that belong together, which not all command lines have, or not all
/// in the same way.
///
/// A new one does not compile until [`Row::write`] says what it is, and is dead code until [`Start::rows`] has it.
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
    ProbeInside,
    NoProcessLimit,
}

impl Start {
    /// Returns the rows of a command line, in its order.
    fn rows(self) -> &'static [Row] {
        use Row::{
            ControlGroup, Detach, Init, InitProgram, Input, Labels, Log, Name, NoProcessLimit,
            ProbeInside, ProcessFile, Ready, Remove, Replace, Terminal,
        };
        match self {
            // The probe that stands in for docker's client adds the name, and detaches.
            Self::DockerInstance => &[Remove, Init, ControlGroup, Log, Labels, ProbeInside],
            Self::DockerCommand => &[Remove, Init, Input, Terminal, Name, Log, ControlGroup],
            Self::PodmanInstance => &[
                Detach,
                Replace,
                Remove,
                Name,
                Ready,
                ControlGroup,
                Log,
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

    /// Adds all options, then image and command.
    pub(super) fn write(self, line: &mut CommandLine, instance: &Instance<'_>) {
        for row in self.rows() {
            row.write(self, line, instance);
        }
        defined(line, instance);
    }
}

impl Row {
    /// Adds what an engine is told.
    fn write(self, start: Start, line: &mut CommandLine, instance: &Instance<'_>) {
        use Start::{DockerCommand, DockerInstance, PodmanCommand, PodmanInstance};
        let Instance { service, tokens, unit, slice, .. } = instance;
        match self {
            Self::Detach => line.word("--detach"),
            // A container of this name may be left from a power cut.
            Self::Replace => line.word("--replace"),
            Self::Remove => line.word("--rm"),
            Self::Init => line.word("--init"),
            Self::InitProgram => line.word(&format!("--init-path={PROBE}")),
            Self::Input => line.word("--interactive"),
            Self::Terminal if !instance.has_terminal() => {}
            Self::Terminal => match start {
                // Docker's own keys to detach would hide Ctrl-P from the command. A new size is told by the
                // kernel: the client would send SIGWINCH as well, some time later.
                DockerInstance | DockerCommand => {
                    line.words([
                        "--tty",
                        "--detach-keys=ctrl-^,ctrl-^,ctrl-^",
                        "--sig-proxy=false",
                    ]);
                }
                PodmanInstance | PodmanCommand => line.words(["--tty", "--detach-keys="]),
            },
            Self::Name => line.words(["--name", &engine::container_name(instance)]),
            // Who says that the container is ready: the probe, or podman as soon as it runs. It is never the
            // container, which does not get to systemd's socket.
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
                // The client's own output is in the journal, or with the caller.
                DockerCommand => line.word("--log-driver=none"),
                PodmanCommand if instance.has_terminal() => line.word("--log-driver=none"),
                PodmanInstance | PodmanCommand => line.word("--log-driver=passthrough"),
            },
            Self::Labels => {
                line.word(&format!("--label=CONDUCTOR_ID={}", service.id));
                line.word(&format!("--label=CONDUCTOR_REVISION={}", tokens.revision));
                line.word(&format!("--label=CONDUCTOR_INSTANCE={}", tokens.instance));
                line.word(&format!("--label=CONDUCTOR_UNIT={unit}"));
            }
            Self::ProbeInside => line.words(inside::mount(instance)),
            // Podman's default of 2048 is no limit of the definition's.
            Self::NoProcessLimit => {
                line.words(service.limits.pids.is_none().then_some("--pids-limit=0"));
            }
        }
    }
}

/// Adds what the definition says of the container, which both engines are told in the same words, then image and
/// command.
fn defined(line: &mut CommandLine, instance: &Instance<'_>) {
    let Instance { tokens, image, endpoint, .. } = instance;
    // Without `..`: whoever adds a field decides here whether the engines are told of it.
    let Service {
        user,
        port,
        env,
        env_files,
        volumes,
        secrets,
        command,
        // In its own table.
        limits: _,
        // With its tokens replaced it is the instance's.
        image: _,
        // A container is a sandbox.
        sandbox: _,
        // They are about the unit, or about deploys.
        id: _,
        description: _,
        revision: _,
        runtime: _,
        instances: _,
        listen: _,
        health: _,
        deploy: _,
        proxy: _,
        jobs: _,
        settings: _,
        origin: _,
        advice: _,
    } = instance.service;
    limits::options(line, instance);
    line.words(user.as_ref().map(|user| format!("--user={user}")));
    if let (Some(Endpoint::Tcp { listen, port }), Some(inside)) = (endpoint, port) {
        line.word(&format!("--publish={}:{inside}", listen.with_port(*port)));
        line.word(&format!("--env=PORT={inside}"));
    }
    if let (Some(socket), Some((kept, shown))) = (tokens.socket, socket::directory(instance)) {
        line.word(&format!("--volume={kept}:{shown}:rw"));
        line.word(&format!("--env=SOCKET={socket}"));
    }
    line.words(env_files.iter().map(|file| format!("--env-file={file}")));
    for (name, value) in env {
        line.word(&format!("--env={name}={}", tokens.expand(value.as_str())));
    }
    for Volume { source, target, read_only } in volumes {
        let (source, target) = (tokens.expand(source.as_str()), tokens.expand(target.as_str()));
        let mode = if *read_only { "ro" } else { "rw" };
        line.word(&format!("--volume={source}:{target}:{mode}"));
    }
    for name in secrets.keys() {
        let directory = engine::directory(instance);
        let shown = format!("/{directory}/secrets/{name}:/run/secrets/{name}:ro");
        line.after_specifier("--volume=", "%t", &shown);
    }
    // What follows is no option, whatever it looks like.
    line.word("--");
    line.words(*image);
    line.words(command.iter().map(|argument| tokens.expand(argument.as_str())));
}
