//! The command lines and directives of each runtime.

mod capabilities;
mod collect;
mod engine;
mod health;
mod inside;
mod limits;
mod native;
mod options;
mod process;
mod program;
mod run;
mod socket;

use crate::definition::{Children, Runtime};
use crate::name::{UnitName, VolumeName};
use crate::service::Service;
use crate::unit::Lines;
use crate::unit::escape;
use crate::value::{Endpoint, HostPath, Port, Span, Tokens, Volume};

pub(crate) use collect::output_file;
pub use health::is_probed;
pub use probe_protocol::places::PROBE;
pub use program::{Program, needed_user, program};
pub use run::{Attached, RUN_SOCKET, RunParts};
pub use socket::SOCKETS;

/// The parts of an instance's unit that depend on its runtime.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    /// The service's `Type=`.
    pub(crate) service_type: &'static str,
    /// Directives of the section `[Unit]`.
    pub(crate) unit: Lines,
    /// The commands.
    pub(crate) exec: Lines,
    /// Directives for restarts.
    pub(crate) restart: Lines,
    /// Directives for its health.
    pub(crate) health: Lines,
    /// Environment variables, and files with environment variables.
    pub(crate) environment: Lines,
    /// File systems, users, secrets.
    pub(crate) resources: Lines,
    /// Limits.
    pub(crate) limits: Lines,
    /// Directives of the sandbox.
    pub(crate) sandbox: Lines,
}

/// Which systemd runs the units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    /// The host's.
    #[default]
    System,
    /// A user's own (`systemctl --user`). It cannot change users or drop capabilities, so native units have only
    /// the part of the sandbox that needs no privileges.
    User,
}

/// One instance, with all values for its unit.
pub(crate) struct Instance<'a> {
    pub(crate) service: &'a Service,
    pub(crate) unit: &'a UnitName,
    pub(crate) slice: &'a UnitName,
    pub(crate) image: Option<&'a str>,
    /// Whether the image is a tag of conductor's own, which no registry has.
    pub(crate) pinned: bool,
    /// From where exactly that image comes again, if somebody removed it.
    pub(crate) image_source: Option<&'a str>,
    /// The volumes of the engine for the paths at which the image keeps data, each with its path.
    pub(crate) image_volumes: &'a [(VolumeName, HostPath)],
    pub(crate) tokens: Tokens<'a>,
    /// The address at which the host reaches it, if it has one.
    pub(crate) endpoint: Option<&'a Endpoint>,
    pub(crate) scope: Scope,
    /// Whether its user is the service's, who owns the named volumes.
    pub(crate) is_owner: bool,
    /// What a unit that runs once needs in addition.
    pub(crate) run: Option<&'a RunParts>,
    /// What happens to children of the command, if its output is kept until the unit ends, to be mailed.
    pub(crate) collected: Option<Children>,
}

/// Returns the parts from the service's runtime and health check.
pub(crate) fn parts(instance: &Instance<'_>) -> Parts {
    let service = instance.service;
    let is_oneshot = service.is_oneshot();
    let mut parts = match service.runtime {
        Runtime::Native => native::parts(instance),
        Runtime::Docker if is_oneshot => engine::docker_once(instance),
        Runtime::Docker => engine::docker(instance),
        Runtime::Podman if is_oneshot => engine::podman_once(instance),
        Runtime::Podman => engine::podman(instance),
    };
    let native = service.runtime == Runtime::Native;
    if is_oneshot {
        parts.service_type = "oneshot";
    } else if native {
        parts.exec.push("SuccessExitStatus", TERMINATED);
    }
    parts.unit.extend(health::start_limit(service));
    mounts(&mut parts.unit, instance);
    socket::order(&mut parts.unit, instance);
    parts.restart.extend(health::restart(service));
    parts.health.extend(health::directives(service));
    if is_probed(service) || service.runtime != Runtime::Native {
        // The probe counts restarts in it; secrets are shown to containers from it.
        parts.resources.push("RuntimeDirectory", RUNTIME_DIRECTORY);
        parts.resources.push("RuntimeDirectoryPreserve", "restart");
    }
    let own = service.process.runtime_directory.as_ref().filter(|_| native);
    if let Some(name) = own {
        parts.resources.push("RuntimeDirectory", name);
    }
    if own.is_some() || native && service.setting("RuntimeDirectory").is_some() {
        // The definition's own directory is the same for all instances and releases: one that stops, or whose
        // failure is reset, must not take it away from the others (seen on systemd 257).
        parts.resources.push("RuntimeDirectoryPreserve", "yes");
    }
    parts
}

/// Returns the parts from the service's runtime for a unit that runs the service's command once.
pub(crate) fn once(instance: &Instance<'_>) -> Parts {
    let mut parts = match instance.service.runtime {
        Runtime::Native => native::parts(instance),
        Runtime::Docker => engine::docker_once(instance),
        Runtime::Podman => engine::podman_once(instance),
    };
    mounts(&mut parts.unit, instance);
    parts.resources.push("RuntimeDirectory", RUNTIME_DIRECTORY);
    match instance.run {
        None => parts.service_type = "oneshot",
        Some(run) => {
            // It counts as started once its program runs; conductor waits for its end.
            parts.service_type = "exec";
            let container = engine::docker_container(instance);
            parts.exec.extend(run::directives(run, container.as_deref()));
            // systemd unloads it when it has ended, even if it failed.
            parts.unit.push("CollectMode", "inactive-or-failed");
        }
    }
    parts
}

/// Adds the file systems of volumes, which are mounted before the unit starts, or fail it. A missing one would look
/// like lost data.
fn mounts(unit: &mut Lines, instance: &Instance<'_>) {
    for path in instance.service.volumes.iter().filter_map(Volume::path) {
        let source = instance.tokens.expand(path.as_str());
        unit.push("RequiresMountsFor", escape::path(&source));
    }
}

/// An instance's directory below `/run`: `%N` is the name of its unit. It is removed when the unit stops.
const RUNTIME_DIRECTORY: &str = "conductor/%N";

/// How Java, shells and many others end after SIGTERM. To systemd, an instance that was stopped would be failed.
const TERMINATED: &str = "143";

/// Returns when systemd kills an instance that is being stopped.
pub(crate) fn stop_deadline(service: &Service) -> Span {
    engine::stop_deadline(service)
}

/// Returns the port on which the instance itself listens: a container has its own network.
pub(crate) fn listens_on(service: &Service, allocated: Option<Port>) -> Option<Port> {
    if service.is_in_host_network() { allocated } else { service.port }
}
