//! Instances that systemd runs by itself, sandboxed unless the definition says otherwise.

use std::iter;

use probe_protocol::Exec;

use super::run::RUN_SOCKET;
use super::{Instance, PROBE, Parts, Scope, capabilities, health, limits, process, socket};
use crate::definition::NetworkMode;
use crate::name::{VOLUMES, dynamic_user};
use crate::service::Service;
use crate::unit::Lines;
use crate::unit::escape::{CommandLine, path, percent, quote};
use crate::value::{HostPath, Volume, VolumeSource};

/// The sandbox of every native unit. systemd.exec(5) explains each directive.
///
/// Without three directives that break common programs: `MemoryDenyWriteExecute=` (Java, Node.js and Ruby
/// compile while they run), `ProcSubset=pid` (they read `/proc/meminfo`), and `PrivateUsers=` (`PostgreSQL` asks the
/// kernel who its peer is, which would be nobody; and capabilities would be void for the host).
const SANDBOX: [(&str, &str); 21] = [
    ("NoNewPrivileges", "yes"),
    ("CapabilityBoundingSet", ""),
    ("ProtectSystem", "strict"),
    ("ProtectHome", "yes"),
    ("ProtectProc", "invisible"),
    ("ProtectClock", "yes"),
    ("ProtectControlGroups", "yes"),
    ("ProtectHostname", "yes"),
    ("ProtectKernelLogs", "yes"),
    ("ProtectKernelModules", "yes"),
    ("ProtectKernelTunables", "yes"),
    ("PrivateDevices", "yes"),
    ("PrivateTmp", "yes"),
    ("RemoveIPC", "yes"),
    ("LockPersonality", "yes"),
    ("RestrictAddressFamilies", FAMILIES),
    ("RestrictNamespaces", "yes"),
    ("RestrictRealtime", "yes"),
    ("RestrictSUIDSGID", "yes"),
    ("SystemCallArchitectures", "native"),
    ("UMask", "0077"),
];

/// Programs list the host's addresses over netlink: the C library, Go, `node_exporter`. A change needs a capability.
const FAMILIES: &str = "AF_INET AF_INET6 AF_UNIX AF_NETLINK";

/// The same for a program with a capability for ports below 1024. It talks to the network, and holds more than
/// others: the kernel's netlink protocols, which a server rarely needs, are not within its reach.
const FAMILIES_OF_SERVERS: &str = "AF_INET AF_INET6 AF_UNIX";

/// The calls of `ProtectClock=`. Without a capability they read the clock's state, and cannot set it.
const CLOCK_CALLS: &str = "@clock";

/// What hides the host from a program that watches it (`pid: host`): the processes of other users, and the clock.
const WATCHING: [&str; 2] = ["ProtectProc", "ProtectClock"];

/// What `ProtectHome=` hides. Nothing can be mounted there, unless an empty file system hides it.
const HOME: [&str; 3] = ["/home", "/root", "/run/user"];

/// System calls that services make, without those that change the host or need privileges. Another call fails
/// with EPERM, and the process continues.
const SYSTEM_CALLS: [(&str, &str); 4] = [
    ("SystemCallFilter", "@system-service"),
    ("SystemCallFilter", "~@privileged @resources"),
    // Without a capability, they set the owner and the user that are set already, as gunicorn does.
    ("SystemCallFilter", "@chown @setuid"),
    ("SystemCallErrorNumber", "EPERM"),
];

/// The part of the sandbox that a user's manager can set up without privileges.
const USER_SANDBOX: [(&str, &str); 6] = [
    ("NoNewPrivileges", "yes"),
    ("LockPersonality", "yes"),
    ("RestrictAddressFamilies", FAMILIES),
    ("RestrictRealtime", "yes"),
    ("SystemCallArchitectures", "native"),
    ("UMask", "0077"),
];

/// The path of the probe in an instance with its own root: in the `/run` that systemd mounts, because an image
/// may be read-only and have no file to mount the probe on.
const PROBE_IN_IMAGE: &str = "/run/conductor-probe";

/// Returns whether systemd reads a value as true.
fn is_true(value: &str) -> bool {
    ["1", "yes", "y", "true", "t", "on"].iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// Returns whether a native image is a disk image rather than a directory, by its name.
pub(super) fn is_disk_image(path: &str) -> bool {
    [".raw", ".img", ".squashfs", ".erofs"].iter().any(|suffix| path.ends_with(suffix))
}

pub(super) fn parts(instance: &Instance<'_>) -> Parts {
    let Instance { service, tokens, scope, .. } = instance;
    let probed = health::is_probed(service);
    let probe = if instance.image.is_some() { PROBE_IN_IMAGE } else { PROBE };
    let mut line = CommandLine::new("");
    instance.attach(&mut line, probe, instance.shown_socket().is_some(), None);
    instance.collect(&mut line, probe);
    if probed {
        let exec: Exec = Exec {
            pid_file: None,
            watch: health::watch(instance, Vec::new()),
            share_socket: socket::changed(instance),
            stop_signal: health::stop_signal(service),
        };
        line.word(probe);
        line.arguments(&exec.words());
    }
    line.words(service.command.iter().map(|argument| tokens.expand(argument.as_str())));
    let mut exec = Lines::default();
    socket::make(&mut exec, instance);
    exec.push("ExecStart", line);
    if probed && service.setting("ExecStop").is_some() {
        exec.push("ExecStop", health::stop(probe));
    }
    socket::remove(&mut exec, instance);
    Parts {
        service_type: if probed { "notify" } else { "exec" },
        exec,
        environment: environment(instance),
        resources: resources(instance),
        limits: limits::directives(instance),
        sandbox: sandbox(service, *scope),
        ..Parts::default()
    }
}

fn environment(instance: &Instance<'_>) -> Lines {
    let Instance { service, tokens, .. } = instance;
    let mut lines = Lines::default();
    if let Some(port) = tokens.port {
        lines.push("Environment", quote(&format!("PORT={port}")));
    }
    if let Some(socket) = tokens.socket {
        lines.push("Environment", quote(&format!("SOCKET={socket}")));
    }
    for (name, value) in &service.env {
        lines.push("Environment", quote(&format!("{name}={}", tokens.expand(value.as_str()))));
    }
    for file in &service.env_files {
        lines.push("EnvironmentFile", percent(file.as_str()));
    }
    lines
}

fn resources(instance: &Instance<'_>) -> Lines {
    let Instance { service, tokens, image, is_owner, .. } = instance;
    let mut lines = Lines::default();
    user(&mut lines, instance);
    lines.extend(process::directives(instance));
    if let Some(image) = image {
        let directive = if is_disk_image(image) { "RootImage" } else { "RootDirectory" };
        lines.push(directive, percent(image));
        lines.push("MountAPIVFS", "yes");
        let needs_probe = instance.attached().is_some() || instance.collected.is_some();
        if health::is_probed(service) || needs_probe {
            lines.push("BindReadOnlyPaths", format_args!("{PROBE}:{PROBE_IN_IMAGE}"));
        }
        if tokens.socket.is_some() || instance.run.is_some() || instance.collected.is_some() {
            lines.push("RootDirectoryStartOnly", "yes");
        }
    }
    if let Some(socket) = instance.shown_socket() {
        lines.push("BindReadOnlyPaths", format_args!("{socket}:{RUN_SOCKET}"));
    }
    if let Some((kept, shown)) = socket::directory(instance) {
        // It does not exist yet for the command that creates it.
        lines.push("BindPaths", format_args!("-{kept}:{shown}"));
    }
    // What the host mounts there later is seen: so it is unless MountFlags= says otherwise.
    for Volume { source, target, read_only, options: _ } in &service.volumes {
        let directive = if *read_only { "BindReadOnlyPaths" } else { "BindPaths" };
        let target = tokens.expand(target.as_str());
        match source {
            VolumeSource::Path(source) => {
                let source = tokens.expand(source.as_str());
                lines.push(directive, format_args!("{}:{}", path(&source), path(&target)));
            }
            // systemd creates it for the unit's user, without following what the service may have left there.
            VolumeSource::Named(name) => {
                let directory = format!("{VOLUMES}/{}/{name}", service.id);
                if *is_owner {
                    lines.push("StateDirectory", &directory);
                }
                lines.push(directive, format_args!("%S/{directory}:{}", path(&target)));
            }
        }
    }
    if *is_owner && hides_volumes(service) {
        lines.push("StateDirectoryMode", "0700");
    }
    if service.network_mode == Some(NetworkMode::None) {
        lines.push("PrivateNetwork", "yes");
    }
    for (name, path) in &service.secrets {
        lines.push("LoadCredential", format_args!("{name}:{}", percent(path.as_str())));
    }
    lines
}

/// Returns whether only the service's user can enter its named volumes.
///
/// Those of a dynamic user are in a directory of root's anyway. A program that starts as root may become a user who
/// has to enter them. The mode would also be that of the definition's own `StateDirectory=`.
fn hides_volumes(service: &Service) -> bool {
    let is_named = service.volumes.iter().any(|volume| volume.name().is_some());
    is_named
        && service.user.as_ref().is_some_and(|user| !user.is_root())
        && service.setting("StateDirectory").is_none()
}

/// Adds the user of an instance.
fn user(lines: &mut Lines, instance: &Instance<'_>) {
    let Instance { service, scope, .. } = instance;
    if let Some(user) = &service.user {
        lines.push("User", user.name());
        if let Some(group) = user.group() {
            lines.push("Group", group);
        }
        return;
    }
    let is_dynamic = *scope == Scope::System && service.sandbox;
    if is_dynamic {
        lines.push("DynamicUser", "yes");
    }
    // By default systemd names a dynamic user after the unit, and gives the service's directories to that of the
    // unit that started last. Without DynamicUser=, there is no such user.
    if service.setting("DynamicUser").map_or(is_dynamic, is_true) {
        lines.push("User", dynamic_user(&service.id));
    }
}

fn sandbox(service: &Service, scope: Scope) -> Lines {
    let replaced = |name: &str| service.setting(name).is_some();
    let all: Vec<_> = match scope {
        _ if !service.sandbox => Vec::new(),
        Scope::System => SANDBOX.iter().chain(&SYSTEM_CALLS).collect(),
        Scope::User => USER_SANDBOX.iter().collect(),
    };
    let added = &service.cap_add;
    let needs: Vec<_> = added.iter().map(|capability| capabilities::needs(*capability)).collect();
    let is_server = added.iter().any(|capability| capability.as_str() == "NET_BIND_SERVICE");
    let has_devices = !service.process.devices.is_empty();
    let watches_host = service.process.pid.is_some();
    let lifted = |name: &str| {
        needs.iter().any(|needs| needs.lifted.contains(&name))
            || (has_devices && name == "PrivateDevices")
            || (watches_host && WATCHING.contains(&name))
    };
    let mut mounted = service.volumes.iter().map(|volume| &volume.target);
    let mut in_memory = service.process.tmpfs.iter().map(|tmpfs| &tmpfs.target);
    let shows_home = mounted.any(is_home) || in_memory.any(is_home);
    let mut lines = Lines::default();
    for (name, value) in all.into_iter().filter(|(name, _)| !replaced(name) && !lifted(name)) {
        let (value, more) = match *name {
            "CapabilityBoundingSet" => (*value, capabilities::names(added)),
            "RestrictAddressFamilies" => {
                let families = if is_server { FAMILIES_OF_SERVERS } else { FAMILIES };
                (families, joined(needs.iter().map(|needs| needs.families)))
            }
            "ProtectHome" if shows_home => ("tmpfs", String::new()),
            _ => (*value, String::new()),
        };
        lines.push(name, joined([value, &more]));
    }
    let filters_calls = scope == Scope::System && service.sandbox && !replaced("SystemCallFilter");
    let reads_clock = match service.setting("ProtectClock") {
        Some(value) => !is_true(value),
        None => watches_host,
    };
    if filters_calls && reads_clock {
        lines.push("SystemCallFilter", CLOCK_CALLS);
    }
    if added.is_empty() {
        return lines;
    }
    if !replaced("AmbientCapabilities") {
        lines.push("AmbientCapabilities", capabilities::names(added));
    }
    if service.sandbox && !replaced("SystemCallFilter") {
        // A program that has capabilities also drops them.
        let calls = iter::once("capset").chain(needs.iter().map(|needs| needs.system_calls));
        lines.push("SystemCallFilter", joined(calls));
    }
    lines
}

/// Returns whether `ProtectHome=` hides a path.
fn is_home(path: &HostPath) -> bool {
    HOME.iter().any(|home| path.as_path().starts_with(home))
}

/// Joins lists of words, each word once.
fn joined<'t>(lists: impl IntoIterator<Item = &'t str>) -> String {
    let mut words: Vec<&str> = Vec::new();
    for word in lists.into_iter().flat_map(str::split_whitespace) {
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words.join(" ")
}
