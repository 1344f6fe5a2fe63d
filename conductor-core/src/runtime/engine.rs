//! Instances in containers: the command lines of docker and podman.

use super::{Instance, Parts};
use crate::service::Limits;
use crate::unit::Lines;
use crate::unit::escape::command_line;
use crate::value::Volume;

/// How long beyond its own deadline an engine may take to stop a container.
const STOP_SLACK: u64 = 5;

/// What a container answers that was told to stop, and what one that had to be killed does.
const STOPPED: &str = "143 137";

pub(super) fn docker(instance: &Instance<'_>) -> Parts {
    const DOCKER: &str = "/usr/bin/docker";
    let name = container_name(instance);
    let mut run = words(&[DOCKER, "run", "--rm", "--init", "--name", &name]);
    run.push(format!("--cgroup-parent={}", instance.slice));
    run.extend(options(instance));
    let seconds = stop_seconds(instance);
    let remove = command_line("-", &[DOCKER, "rm", "--force", &name]);
    let mut exec = Lines::default();
    // A container of this name may be left from a client that was killed.
    exec.push("ExecStartPre", &remove);
    exec.push("ExecStart", command_line("", &run));
    exec.push("ExecStop", command_line("-", &[DOCKER, "stop", "--time", &seconds, &name]));
    exec.push("ExecStopPost", &remove);
    exec.push("SuccessExitStatus", STOPPED);
    Parts { service_type: "exec", exec, ..Parts::default() }
}

pub(super) fn podman(instance: &Instance<'_>) -> Parts {
    const PODMAN: &str = "/usr/bin/podman";
    let name = container_name(instance);
    let mut run = words(&[PODMAN, "run", "--detach", "--replace", "--rm", "--name", &name]);
    // With the unit's own cgroup, systemd sees every process of the container.
    run.extend(words(&["--sdnotify=conmon", "--cgroups=split", "--log-driver=passthrough"]));
    run.extend(options(instance));
    let seconds = stop_seconds(instance);
    let stop = [PODMAN, "stop", "--ignore", "--time", &seconds, &name];
    let remove = [PODMAN, "rm", "--force", "--ignore", &name];
    let mut exec = Lines::default();
    exec.push("NotifyAccess", "all");
    exec.push("Delegate", "yes");
    exec.push("ExecStart", command_line("", &run));
    exec.push("ExecStop", command_line("-", &stop));
    exec.push("ExecStopPost", command_line("-", &remove));
    exec.push("SuccessExitStatus", STOPPED);
    Parts { service_type: "notify", exec, ..Parts::default() }
}

/// Gives the options that both engines know by the same name, then image and command.
fn options(instance: &Instance<'_>) -> Vec<String> {
    let Instance { service, tokens, image, port, .. } = instance;
    let Limits { memory, cpu, pids } = service.limits;
    let mut options = Vec::new();
    if let Some(memory) = memory {
        options.push(format!("--memory={}", memory.bytes()));
        // The same amount for memory and swap together: no swap.
        options.push(format!("--memory-swap={}", memory.bytes()));
    }
    options.extend(cpu.map(|cpu| format!("--cpus={cpu}")));
    options.extend(pids.map(|pids| format!("--pids-limit={pids}")));
    options.extend(service.user.as_ref().map(|user| format!("--user={user}")));
    if let (Some(host), Some(inside)) = (port, service.port) {
        options.push(format!("--publish=127.0.0.1:{host}:{inside}"));
        options.push(format!("--env=PORT={inside}"));
    }
    for file in &service.env_files {
        options.push(format!("--env-file={file}"));
    }
    for (name, value) in &service.env {
        options.push(format!("--env={name}={}", tokens.expand(value.as_str())));
    }
    for Volume { source, target, read_only } in &service.volumes {
        let (source, target) = (tokens.expand(source.as_str()), tokens.expand(target.as_str()));
        let mode = if *read_only { "ro" } else { "rw" };
        options.push(format!("--volume={source}:{target}:{mode}"));
    }
    for (name, path) in &service.secrets {
        options.push(format!("--volume={path}:/run/secrets/{name}:ro"));
    }
    options.extend(image.map(str::to_owned));
    options.extend(
        service.command.iter().map(|argument| tokens.expand(argument.as_str()).into_owned()),
    );
    options
}

/// A container is called like its unit.
fn container_name(instance: &Instance<'_>) -> String {
    let unit = instance.unit.as_str();
    unit.strip_suffix(".service").unwrap_or(unit).to_owned()
}

/// The engine's deadline comes before systemd's, so that it can still kill and clean up.
fn stop_seconds(instance: &Instance<'_>) -> String {
    let seconds = instance.service.deploy.stop_timeout.duration().as_secs();
    seconds.saturating_sub(STOP_SLACK).max(1).to_string()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
