//! How an instance is started and stopped under each runtime: arguments and directives.

mod engine;
mod health;
mod inside;
mod limits;
mod native;
mod options;
mod run;
mod socket;

use crate::definition::Runtime;
use crate::name::UnitName;
use crate::service::Service;
use crate::unit::Lines;
use crate::value::{Endpoint, Port, Tokens};

pub use health::is_probed;
pub use probe_protocol::places::PROBE;
pub use run::{Attached, RUN_SOCKET, RunParts};
pub use socket::SOCKETS;

/// What a runtime contributes to the unit of an instance.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    /// The service's `Type=`.
    pub(crate) service_type: &'static str,
    /// Directives of the section `[Unit]`.
    pub(crate) unit: Lines,
    /// The commands.
    pub(crate) exec: Lines,
    /// When and how it is started again.
    pub(crate) restart: Lines,
    /// How systemd learns of its health.
    pub(crate) health: Lines,
    /// Environment variables and files with them.
    pub(crate) environment: Lines,
    /// File systems, users, secrets.
    pub(crate) resources: Lines,
    /// Limits.
    pub(crate) limits: Lines,
    /// What the instance is kept from doing.
    pub(crate) sandbox: Lines,
}

/// Which systemd runs the units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    /// The host's.
    #[default]
    System,
    /// A user's own (`systemctl --user`). It cannot change users or drop capabilities, so native
    /// units get only the part of the sandbox that needs no privilege.
    User,
}

/// One instance, with what its texts may refer to.
pub(crate) struct Instance<'a> {
    pub(crate) service: &'a Service,
    pub(crate) unit: &'a UnitName,
    pub(crate) slice: &'a UnitName,
    pub(crate) image: Option<&'a str>,
    pub(crate) tokens: Tokens<'a>,
    /// Where the host reaches it, if anywhere.
    pub(crate) endpoint: Option<&'a Endpoint>,
    pub(crate) scope: Scope,
    /// What it needs beyond a unit that stays.
    pub(crate) run: Option<&'a RunParts>,
}

/// Gives what the service's runtime and its health check contribute.
pub(crate) fn parts(instance: &Instance<'_>) -> Parts {
    let service = instance.service;
    let mut parts = match service.runtime {
        Runtime::Native => native::parts(instance),
        Runtime::Docker => engine::docker(instance),
        Runtime::Podman => engine::podman(instance),
    };
    parts.unit.extend(health::start_limit(service));
    socket::order(&mut parts.unit, instance);
    parts.restart.extend(health::restart(service));
    parts.health.extend(health::directives(service));
    if is_probed(service) || service.runtime != Runtime::Native {
        // The probe counts restarts in it; secrets are shown to containers from it.
        parts.resources.push("RuntimeDirectory", RUNTIME_DIRECTORY);
        parts.resources.push("RuntimeDirectoryPreserve", "restart");
    }
    parts
}

/// Gives what the service's runtime contributes to a unit that runs the service's command once and to
/// its end.
pub(crate) fn once(instance: &Instance<'_>) -> Parts {
    let mut parts = match instance.service.runtime {
        Runtime::Native => native::parts(instance),
        Runtime::Docker => engine::docker_once(instance),
        Runtime::Podman => engine::podman_once(instance),
    };
    parts.resources.push("RuntimeDirectory", RUNTIME_DIRECTORY);
    match instance.run {
        None => parts.service_type = "oneshot",
        Some(run) => {
            // It is started once its program is; its end is for whoever waits.
            parts.service_type = "exec";
            let container = engine::docker_container(instance);
            parts.exec.extend(run::directives(run, container.as_deref()));
            // Nothing is left of it when it has ended.
            parts.unit.push("CollectMode", "inactive-or-failed");
        }
    }
    parts
}

/// An instance's directory below `/run`: `%N` is the name of its unit. It goes when the unit stops.
const RUNTIME_DIRECTORY: &str = "conductor/%N";

/// Tells which port the instance itself listens on: a container has a network of its own.
pub(crate) fn listens_on(service: &Service, allocated: Option<Port>) -> Option<Port> {
    match service.runtime {
        Runtime::Native => allocated,
        Runtime::Docker | Runtime::Podman => service.port,
    }
}
