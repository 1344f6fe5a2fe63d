//! Instances in containers: the command lines of docker and podman.

use probe_protocol::places::{DOCKER, DOCKER_SOCKET};
use probe_protocol::{Client, Docker, Exec, UnitPath};

use super::{Instance, PROBE, Parts, health, inside, limits, socket};
use crate::definition::Runtime;
use crate::unit::Lines;
use crate::unit::escape::{CommandLine, command_line, percent, probe_line};
use crate::value::{Endpoint, Volume};

const PODMAN: &str = "/usr/bin/podman";

/// How long beyond its own deadline an engine may take to stop a container.
const STOP_SLACK: u64 = 5;

/// What a container answers that was told to stop, and what one that had to be killed does.
const STOPPED: &str = "143 137";

/// The fields of the journal that docker's journald driver takes from labels.
const FIELDS: &str = "CONDUCTOR_ID,CONDUCTOR_REVISION,CONDUCTOR_INSTANCE,CONDUCTOR_UNIT";

/// The probe stands in for the client, which would cost 31 MB for each container.
pub(super) fn docker(instance: &Instance<'_>) -> Parts {
    let name = container_name(instance);
    let Instance { service, tokens, unit, .. } = instance;
    let probe = Docker {
        name: name.clone().into(),
        engine: DOCKER.into(),
        socket: DOCKER_SOCKET.into(),
        watch: health::watch(instance, inside::enter(instance, DOCKER, &name)),
        share_socket: socket::changed(instance),
    };
    let mut create = probe_line("", PROBE, &probe.words());
    create.words(["--rm", "--init"]);
    create.word(&format!("--cgroup-parent={}", instance.slice));
    create.words(["--log-driver=journald", &format!("--log-opt=labels={FIELDS}")]);
    create.word(&format!("--log-opt=tag={}", service.id));
    create.word(&format!("--label=CONDUCTOR_ID={}", service.id));
    create.word(&format!("--label=CONDUCTOR_REVISION={}", tokens.revision));
    create.word(&format!("--label=CONDUCTOR_INSTANCE={}", tokens.instance));
    create.word(&format!("--label=CONDUCTOR_UNIT={unit}"));
    create.words(inside::mount(instance));
    options(&mut create, instance);
    let remove = command_line("-", &[DOCKER, "rm", "--force", &name]);
    let mut exec = Lines::default();
    // A container of this name may be left from a power cut.
    exec.push("ExecStartPre", &remove);
    show_secrets(&mut exec, instance);
    socket::make(&mut exec, instance);
    exec.push("ExecStart", create);
    if service.health.is_some() {
        exec.push("ExecStop", health::stop(PROBE));
    }
    let seconds = stop_seconds(instance);
    exec.push("ExecStop", command_line("-", &[DOCKER, "stop", "-t", &seconds, &name]));
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

/// podman's own client goes once the container runs; what stays is conmon, of 2 MB, as a child of the probe.
/// Without a check it is the main process itself.
pub(super) fn podman(instance: &Instance<'_>) -> Parts {
    let name = container_name(instance);
    let mut run = CommandLine::new("");
    let mut health = Lines::default();
    let pid_file = format!("{}/conmon.pid", directory(instance));
    let is_probed = health::is_probed(instance.service);
    if is_probed {
        let probe = Exec {
            pid_file: Some(UnitPath::Runtime(pid_file.clone())),
            watch: health::watch(instance, inside::enter(instance, PODMAN, &name)),
            share_socket: socket::changed(instance),
            stop_signal: None,
        };
        run.word(PROBE);
        run.arguments(&probe.words());
    } else {
        // podman's client is the main process until it names conmon.
        health.push("NotifyAccess", "main");
    }
    run.words([PODMAN, "run", "--detach", "--replace", "--rm", "--name", &name]);
    // Who says that the container is ready: the probe, or podman as soon as it runs. It is never the container,
    // which does not get to systemd's socket.
    if is_probed {
        run.word("--sdnotify=ignore");
        run.after_specifier("--conmon-pidfile=", "%t", &format!("/{pid_file}"));
    } else {
        run.word("--sdnotify=conmon");
    }
    // With the unit's own cgroup, systemd sees every process of the container.
    run.words(["--cgroups=split", "--log-driver=passthrough"]);
    run.words(inside::mount(instance));
    if instance.service.limits.pids.is_none() {
        // Its default of 2048 is no limit of the definition's.
        run.word("--pids-limit=0");
    }
    options(&mut run, instance);
    let seconds = stop_seconds(instance);
    let stop = [PODMAN, "stop", "--ignore", "-t", &seconds, &name];
    let remove = [PODMAN, "rm", "--force", "--ignore", "-t", "0", &name];
    let mut exec = Lines::default();
    exec.push("Delegate", "yes");
    show_secrets(&mut exec, instance);
    socket::make(&mut exec, instance);
    exec.push("ExecStart", run);
    if is_probed {
        exec.push("ExecStop", health::stop(PROBE));
    }
    exec.push("ExecStop", command_line("-", &stop));
    // The first try fails for a container whose conmon was killed, and marks it as stopped.
    for _ in 0..2 {
        exec.push("ExecStopPost", command_line("-", &remove));
    }
    socket::remove(&mut exec, instance);
    exec.push("SuccessExitStatus", STOPPED);
    Parts {
        service_type: "notify",
        exec,
        health,
        resources: resources(instance),
        ..Parts::default()
    }
}

/// The client stays for as long as the command runs, and passes on what it writes.
pub(super) fn docker_once(instance: &Instance<'_>) -> Parts {
    let name = container_name(instance);
    let mut run = CommandLine::new("");
    instance.attach(&mut run, PROBE, false, Some(Client::Docker(name.clone())));
    run.words([DOCKER, "run", "--rm", "--init", "--interactive"]);
    if instance.has_terminal() {
        // Docker's own keys to detach would hide Ctrl-P from the command. A new size is told by the kernel:
        // the client would send SIGWINCH as well, some time later.
        run.words(["--tty", "--detach-keys=ctrl-^,ctrl-^,ctrl-^", "--sig-proxy=false"]);
    }
    run.words(["--name", &name, "--log-driver=none"]);
    run.word(&format!("--cgroup-parent={}", instance.slice));
    options(&mut run, instance);
    let mut exec = Lines::default();
    if instance.run.is_some() {
        // Nobody else has its name, and what reports its end removes it.
        show_secrets(&mut exec, instance);
        exec.push("ExecStart", run);
    } else {
        // What is shown is the command's own output, not that there is nothing to remove.
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

/// As for docker.
pub(super) fn podman_once(instance: &Instance<'_>) -> Parts {
    let name = container_name(instance);
    let mut run = CommandLine::new("");
    let pid_file = format!("{}/container.pid", directory(instance));
    let client = Client::Podman(UnitPath::Runtime(pid_file.clone()));
    instance.attach(&mut run, PROBE, false, Some(client));
    run.words([PODMAN, "run", "--replace", "--rm", "--init", "--interactive"]);
    if instance.attached().is_some() {
        run.after_specifier("--pidfile=", "%t", &format!("/{pid_file}"));
    }
    run.word(&format!("--init-path={PROBE}"));
    run.words(["--name", &name]);
    run.words(["--cgroups=split", "--sdnotify=ignore"]);
    if instance.has_terminal() {
        run.words(["--tty", "--detach-keys=", "--log-driver=none"]);
    } else {
        run.word("--log-driver=passthrough");
    }
    if instance.service.limits.pids.is_none() {
        run.word("--pids-limit=0");
    }
    options(&mut run, instance);
    let mut exec = Lines::default();
    exec.push("Delegate", "yes");
    show_secrets(&mut exec, instance);
    exec.push("ExecStart", run);
    let remove = [PODMAN, "rm", "--force", "--ignore", "-t", "0", &name];
    // As for instances.
    for _ in 0..2 {
        exec.push("ExecStopPost", command_line("-", &remove));
    }
    Parts { exec, resources: resources(instance), ..Parts::default() }
}

/// Gives the options that both engines know by the same name, then image and command.
fn options(line: &mut CommandLine, instance: &Instance<'_>) {
    let Instance { service, tokens, image, endpoint, .. } = instance;
    limits::options(line, instance);
    line.words(service.user.as_ref().map(|user| format!("--user={user}")));
    if let (Some(Endpoint::Tcp { listen, port }), Some(inside)) = (endpoint, service.port) {
        line.word(&format!("--publish={}:{inside}", listen.with_port(*port)));
        line.word(&format!("--env=PORT={inside}"));
    }
    if let (Some(socket), Some((kept, shown))) = (tokens.socket, socket::directory(instance)) {
        line.word(&format!("--volume={kept}:{shown}:rw"));
        line.word(&format!("--env=SOCKET={socket}"));
    }
    line.words(service.env_files.iter().map(|file| format!("--env-file={file}")));
    for (name, value) in &service.env {
        line.word(&format!("--env={name}={}", tokens.expand(value.as_str())));
    }
    for Volume { source, target, read_only } in &service.volumes {
        let (source, target) = (tokens.expand(source.as_str()), tokens.expand(target.as_str()));
        let mode = if *read_only { "ro" } else { "rw" };
        line.word(&format!("--volume={source}:{target}:{mode}"));
    }
    for name in service.secrets.keys() {
        line.after_specifier(
            "--volume=",
            "%t",
            &format!("/{}/secrets/{name}:/run/secrets/{name}:ro", directory(instance)),
        );
    }
    // What follows is no option, whatever it looks like.
    line.word("--");
    line.words(*image);
    line.words(service.command.iter().map(|argument| tokens.expand(argument.as_str())));
}

/// Credentials are readable by the unit's own user, root; who runs in the container may be another.
/// So they are copied to where only root gets, readable for whoever sees the single file.
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

/// Gives the unit's directory below systemd's runtime directory; see [`super::RUNTIME_DIRECTORY`].
pub(super) fn directory(instance: &Instance<'_>) -> String {
    format!("conductor/{}", container_name(instance))
}

/// A container is called like its unit.
fn container_name(instance: &Instance<'_>) -> String {
    let unit = instance.unit.as_str();
    unit.strip_suffix(".service").unwrap_or(unit).to_owned()
}

/// Gives the name of the container if it is one of Docker's.
pub(super) fn docker_container(instance: &Instance<'_>) -> Option<String> {
    (instance.service.runtime == Runtime::Docker).then(|| container_name(instance))
}

/// The engine's deadline comes before systemd's, so that it can still kill and clean up.
fn stop_seconds(instance: &Instance<'_>) -> String {
    let seconds = instance.service.deploy.stop_timeout.duration().as_secs();
    seconds.saturating_sub(STOP_SLACK).max(1).to_string()
}
