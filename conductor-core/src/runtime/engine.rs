//! Command lines of docker and podman for instances.

use std::time::Duration;

use probe_protocol::places::{DOCKER, DOCKER_SOCKET};
use probe_protocol::{Client, Docker, Exec, UnitPath};

use super::options::Start;
use super::{Instance, PROBE, Parts, health, inside, limits, socket};
use crate::definition::{PullPolicy, Runtime};
use crate::name::pod_unit;
use crate::service::Service;
use crate::unit::Lines;
use crate::unit::escape::{CommandLine, command_line, percent, probe_line};
use crate::value::Span;

const PODMAN: &str = "/usr/bin/podman";

/// How long an engine may take beyond the program's deadline to kill and remove a container.
const STOP_SLACK: Duration = Duration::from_secs(5);

/// The exit statuses of a container that stopped on request, and of one that was killed.
const STOPPED: &str = "143 137";

/// Returns the parts for docker. The probe replaces the client, which takes 31 MB for each container.
pub(super) fn docker(instance: &Instance<'_>) -> Parts {
    let name = name_of_instance(instance);
    let probe = Docker {
        name: name.clone().into(),
        engine: DOCKER.into(),
        socket: DOCKER_SOCKET.into(),
        watch: health::watch(instance, inside::enter(instance, DOCKER, &name)),
        share_socket: socket::changed(instance),
    };
    let mut create = probe_line("", PROBE, &probe.words());
    Start::DockerInstance.write(&mut create, instance);
    let seconds = stop_seconds(instance);
    let remove = on_container(instance, DOCKER, &["rm", "--force"]);
    let mut exec = Lines::default();
    // A container of this name may be left after a power cut.
    exec.push("ExecStartPre", &remove);
    show_secrets(&mut exec, instance);
    socket::make(&mut exec, instance);
    exec.push("ExecStart", create);
    if instance.service.health.is_some() {
        exec.push("ExecStop", health::stop(PROBE));
    }
    exec.push("ExecStop", on_container(instance, DOCKER, &["stop", "-t", &seconds]));
    exec.push("ExecStopPost", &remove);
    socket::remove(&mut exec, instance);
    exec.push("SuccessExitStatus", STOPPED);
    let mut unit = Lines::default();
    for directive in ["Wants", "After"] {
        unit.push(directive, "docker.service");
    }
    let resources = resources(instance);
    Parts { service_type: "notify", unit, exec, resources, ..Parts::default() }
}

/// Returns the parts for podman. Its client exits once the container runs; conmon stays, with 2 MB, as a child
/// of the probe. Without a check, conmon itself is the main process.
pub(super) fn podman(instance: &Instance<'_>) -> Parts {
    let name = name_of_instance(instance);
    let mut run = CommandLine::new("");
    let mut health = Lines::default();
    let is_probed = health::is_probed(instance.service);
    if is_probed {
        let probe = Exec {
            pid_file: Some(UnitPath::Runtime(monitor_file(instance))),
            watch: health::watch(instance, inside::enter(instance, PODMAN, &name)),
            share_socket: socket::changed(instance),
            stop_signal: None,
        };
        run.word(PROBE);
        run.arguments(&probe.words());
    } else {
        // podman's client is the main process until it reports conmon.
        health.push("NotifyAccess", "main");
    }
    run.words([PODMAN, "run"]);
    Start::PodmanInstance.write(&mut run, instance);
    let seconds = stop_seconds(instance);
    let stop = on_container(instance, PODMAN, &["stop", "--ignore", "-t", &seconds]);
    let remove = on_container(instance, PODMAN, &["rm", "--force", "--ignore", "-t", "0"]);
    let mut exec = Lines::default();
    exec.push("Delegate", "yes");
    if instance.service.process.container_name.is_some() {
        // What `--replace` does for the name of a unit, which nobody else gives to a container.
        exec.push("ExecStartPre", &remove);
    }
    show_secrets(&mut exec, instance);
    socket::make(&mut exec, instance);
    exec.push("ExecStart", run);
    if is_probed {
        exec.push("ExecStop", health::stop(PROBE));
    }
    exec.push("ExecStop", stop);
    // If conmon was killed, the first try fails and marks the container as stopped.
    for _ in 0..2 {
        exec.push("ExecStopPost", &remove);
    }
    socket::remove(&mut exec, instance);
    exec.push("SuccessExitStatus", STOPPED);
    Parts {
        service_type: "notify",
        unit: after_pod(instance, true),
        exec,
        health,
        resources: resources(instance),
        limits: limits::directives(instance),
        ..Parts::default()
    }
}

/// Returns the parts for a command that runs once. The client runs as long as the command, and passes on
/// its output.
pub(super) fn docker_once(instance: &Instance<'_>) -> Parts {
    let name = container_name(instance);
    let mut run = CommandLine::new("");
    instance.attach(&mut run, PROBE, false, Some(Client::Docker(name.clone())));
    instance.collect(&mut run, PROBE);
    run.words([DOCKER, "run"]);
    Start::DockerCommand.write(&mut run, instance);
    let mut exec = Lines::default();
    if instance.run.is_some() {
        // Its name is unique, and the command that reports its end removes it.
        show_secrets(&mut exec, instance);
        exec.push("ExecStart", run);
    } else {
        fetch(&mut exec, DOCKER, instance);
        // Only the command's own output is shown, not an error about a missing container.
        let quietly = "exec \"$0\" rm --force \"$1\" 2>/dev/null";
        let remove = command_line("-", &["/bin/sh", "-c", quietly, DOCKER, &name]);
        exec.push("ExecStartPre", &remove);
        show_secrets(&mut exec, instance);
        exec.push("ExecStart", run);
        exec.push("ExecStopPost", &remove);
    }
    let mut unit = Lines::default();
    for directive in ["Wants", "After"] {
        unit.push(directive, "docker.service");
    }
    Parts { unit, exec, resources: resources(instance), ..Parts::default() }
}

/// Returns the parts for a command that runs once.
pub(super) fn podman_once(instance: &Instance<'_>) -> Parts {
    let name = container_name(instance);
    let mut run = CommandLine::new("");
    let client = Client::Podman(UnitPath::Runtime(process_file(instance)));
    instance.attach(&mut run, PROBE, false, Some(client));
    instance.collect(&mut run, PROBE);
    run.words([PODMAN, "run"]);
    Start::PodmanCommand.write(&mut run, instance);
    let mut exec = Lines::default();
    exec.push("Delegate", "yes");
    fetch(&mut exec, PODMAN, instance);
    show_secrets(&mut exec, instance);
    exec.push("ExecStart", run);
    let remove = [PODMAN, "rm", "--force", "--ignore", "-t", "0", &name];
    // As for instances.
    for _ in 0..2 {
        exec.push("ExecStopPost", command_line("-", &remove));
    }
    let limits = limits::directives(instance);
    let unit = after_pod(instance, false);
    Parts { unit, exec, resources: resources(instance), limits, ..Parts::default() }
}

/// Returns the directives that start the pod of a container before it. With another network namespace, an instance has to
/// start again. A command that runs once goes on: it would do its work twice.
fn after_pod(instance: &Instance<'_>, is_restarted: bool) -> Lines {
    let mut unit = Lines::default();
    if let Some(pod) = &instance.service.pod {
        let name = pod_unit(&pod.name);
        let restarted = is_restarted.then_some("PartOf");
        for directive in ["Wants", "After"].into_iter().chain(restarted) {
            unit.push(directive, &name);
        }
    }
    unit
}

/// Adds the command that brings the image of a job back if somebody removed it: the same image, by its digest. Nothing
/// uses it between two runs, so a prune takes it away.
fn fetch(exec: &mut Lines, engine: &str, instance: &Instance<'_>) {
    let Instance { image: Some(tag), image_source: Some(source), service, .. } = instance else {
        return;
    };
    if service.pull == PullPolicy::Never {
        return;
    }
    // Only an error is shown.
    let script = r#""$0" image inspect "$1" >/dev/null 2>&1 || { "$0" pull --quiet "$2" >/dev/null && "$0" tag "$2" "$1"; }"#;
    exec.push("ExecStartPre", command_line("", &["/bin/sh", "-c", script, engine, tag, source]));
}

/// Adds the commands that show secrets to a container. Credentials are readable only by the unit's user, root,
/// but the container may run as another user. So they are copied, readable for all, to a directory that only
/// root can enter, and each file is mounted into the container.
fn show_secrets(exec: &mut Lines, instance: &Instance<'_>) {
    let secrets = &instance.service.secrets;
    if secrets.is_empty() {
        return;
    }
    let mut copy = CommandLine::new("");
    copy.words(["/usr/bin/install", "-D", "--mode=0444"]);
    copy.after_specifier("--target-directory=", "%t", &format!("/{}/secrets", directory(instance)));
    for name in secrets.keys() {
        copy.after_specifier("", "%d", &format!("/{name}"));
    }
    exec.push("ExecStartPre", copy);
}

fn resources(instance: &Instance<'_>) -> Lines {
    let mut lines = Lines::default();
    for (name, path) in &instance.service.secrets {
        lines.push("LoadCredential", format_args!("{name}:{}", percent(path.as_str())));
    }
    lines.push("RuntimeDirectoryMode", "0700");
    lines
}

/// Returns the unit's directory below systemd's runtime directory; see [`super::RUNTIME_DIRECTORY`].
pub(super) fn directory(instance: &Instance<'_>) -> String {
    format!("conductor/{}", container_name(instance))
}

/// Returns the file to which podman writes the PID of the container's monitor; below systemd's runtime directory.
pub(super) fn monitor_file(instance: &Instance<'_>) -> String {
    format!("{}/conmon.pid", directory(instance))
}

/// Returns the file to which podman writes the PID of the command; below systemd's runtime directory.
pub(super) fn process_file(instance: &Instance<'_>) -> String {
    format!("{}/container.pid", directory(instance))
}

/// Returns the name of the container of an instance.
pub(super) fn name_of_instance(instance: &Instance<'_>) -> String {
    let given = instance.service.process.container_name.as_ref();
    given.map_or_else(|| container_name(instance), ToString::to_string)
}

/// Returns a command of the engine's client on the container of an instance.
///
/// Somebody else may have given a name of the definition to a container while the service had none. So what is stopped
/// or removed under such a name must have the label of the service.
fn on_container(instance: &Instance<'_>, engine: &str, command: &[&str]) -> CommandLine {
    const OWN: &str = "id=$1 name=$2; shift 2; \"$0\" ps --all --quiet --filter \"label=CONDUCTOR_ID=$id\" \
                       --filter \"name=^$name\\$\" | xargs --no-run-if-empty \"$0\" \"$@\"";
    let name = name_of_instance(instance);
    if instance.service.process.container_name.is_none() {
        let words = [engine].into_iter().chain(command.iter().copied()).chain([name.as_str()]);
        return command_line("-", &words.collect::<Vec<_>>());
    }
    // In the expression of the filter, a dot is any character.
    let (id, pattern) = (instance.service.id.as_str(), name.replace('.', "[.]"));
    let words = ["/bin/sh", "-c", OWN, engine, id, &pattern];
    command_line("-", &[&words, command].concat())
}

/// Returns the name of the container of a command, which is its unit's.
pub(super) fn container_name(instance: &Instance<'_>) -> String {
    let unit = instance.unit.as_str();
    unit.strip_suffix(".service").unwrap_or(unit).to_owned()
}

/// Returns the name of the container if it is a Docker container.
pub(super) fn docker_container(instance: &Instance<'_>) -> Option<String> {
    (instance.service.runtime == Runtime::Docker).then(|| container_name(instance))
}

/// Returns the engine's deadline, which is the program's, in whole seconds. systemd's is later, see
/// [`stop_deadline`].
fn stop_seconds(instance: &Instance<'_>) -> String {
    let timeout = instance.service.deploy.stop_timeout.duration();
    health::seconds(timeout).trim_end_matches('s').to_owned()
}

/// Returns when systemd kills a container that is being stopped: after the program's deadline, the engine can
/// still kill it and clean up.
pub(super) fn stop_deadline(service: &Service) -> Span {
    let timeout = service.deploy.stop_timeout;
    match service.runtime {
        Runtime::Native => timeout,
        Runtime::Docker | Runtime::Podman => {
            Span::from_duration(timeout.duration().saturating_add(STOP_SLACK))
        }
    }
}
