//! What the keys of `definition/process.rs` become: options of an engine, and directives of a native unit.

use super::Instance;
use super::options::Start;
use crate::definition::{Engines, Native, Runtime};
use crate::service::Service;
use crate::unit::Lines;
use crate::unit::escape::{CommandLine, percent};
use crate::value::{Device, Signal};

/// The signals that the probe passes on to a container.
const PASSED_ON: [&str; 8] =
    ["SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGTERM", "SIGWINCH"];

/// Adds the options of an engine, but for those that belong to others in the table of options.
pub(super) fn options(line: &mut CommandLine, start: Start, instance: &Instance<'_>) {
    let Instance { service, tokens, .. } = instance;
    for (meaning, values) in service.process.given() {
        let option = match (meaning.key, meaning.engines) {
            (_, Engines::Option(option)) => option,
            ("userns", _) => "--userns",
            ("read_only", _) => "--read-only",
            // The output of a command that runs once goes to its caller, who asks for a terminal if it wants one.
            ("tty", _) if start.is_instance() => "--tty",
            _ => continue,
        };
        line.words(values.iter().map(|value| format!("{option}={}", tokens.expand(value))));
    }
    // podman would mount writable file systems at /run, /tmp and /var/tmp.
    let is_read_only = service.process.read_only == Some(true);
    if is_read_only && service.runtime == Runtime::Podman {
        line.word("--read-only-tmpfs=false");
    }
    line.words(service.process.options.iter().map(|option| tokens.expand(option.as_str())));
}

/// Returns whether a small init is the first process of a container. In the namespace of the host, the first
/// process is the host's.
pub(super) fn has_init(instance: &Instance<'_>) -> bool {
    let process = &instance.service.process;
    process.init != Some(false) && process.pid.is_none()
}

/// Returns the signal with which an unhealthy container is asked to end.
pub(super) fn stop_signal(service: &Service) -> &str {
    let signal = service.process.stop_signal.as_ref().map(Signal::as_str);
    signal.filter(|signal| PASSED_ON.contains(signal)).unwrap_or("SIGTERM")
}

/// Returns the directives of a native unit.
pub(super) fn directives(instance: &Instance<'_>) -> Lines {
    let Instance { service, tokens, .. } = instance;
    let process = &service.process;
    let mut lines = Lines::default();
    for (meaning, values) in process.given() {
        if let Native::Directive(name) = meaning.native {
            for value in values {
                lines.push(name, percent(&tokens.expand(&value)));
            }
        }
    }
    for (name, limit) in &process.ulimits {
        let name = format!("Limit{}", name.as_str().to_ascii_uppercase());
        lines.push(&name, limit.of_systemd());
    }
    for tmpfs in &process.tmpfs {
        let target = tokens.expand(tmpfs.target.as_str());
        lines.push("TemporaryFileSystem", percent(&tmpfs.of_systemd(&target)));
    }
    if process.read_only == Some(true) && !service.sandbox {
        lines.push("ProtectSystem", "strict");
    }
    if !process.devices.is_empty() {
        // /dev/null and similar are allowed, and what is listed.
        lines.push("DevicePolicy", "closed");
    }
    for device in &process.devices {
        if let Device::Node { source, access, .. } = device {
            let access = access.as_deref().unwrap_or("rwm");
            lines.push("DeviceAllow", format_args!("{} {access}", percent(source.as_str())));
        }
    }
    lines
}
