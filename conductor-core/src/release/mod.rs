//! A service at a revision: its digest, the names of its units, and their texts.

mod compile;
mod digest;
mod hooks;
mod images;
mod run;
mod scheduled_jobs;
mod shared;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use images::Images;
pub use run::Task;
pub use scheduled_jobs::timer_link;
pub use shared::{
    STARTED_BY, retry_service, retry_timer, shared_units, start_link, started_service,
    units_shared_by,
};

use crate::caught::Panicked;
use crate::definition::Runtime;
use crate::error::Invalid;
use crate::name::{NetworkName, ReleaseName, Revision, ServiceId, UnitName};
pub use crate::name::{PREFIX, job_unit, timer_unit};
use crate::runtime::{self, SOCKETS, Scope};
use crate::service::{HostFile, NetworkSettings, Service};
use crate::unit::{
    Engine, EngineImage, EngineNetwork, EnginePod, Instance, Link, Record, TemplateError,
    Templates, Unit, UnitSet, escape,
};
use crate::value::{Endpoint, EnvName, HostPath, Port, Tokens};
use compile::engine_image;

/// The version that is written into units.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Why a service does not compile at this revision.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// A template does not render.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The image is invalid with its tokens replaced.
    #[error("{service}: image")]
    Image {
        /// The service.
        service: ServiceId,
        /// What is wrong.
        source: Invalid,
    },
    /// A volume is invalid with its tokens replaced.
    #[error("{service}: volumes: {source}")]
    Volume {
        /// The service.
        service: ServiceId,
        /// What is wrong.
        source: Invalid,
    },
    /// The service has a user, which needs the host's systemd.
    #[error("{service}: user: a user's systemd cannot run units as another user")]
    UserScope {
        /// The service.
        service: ServiceId,
    },
    /// The service has sockets, which need the host's systemd: other users connect to them.
    #[error("{service}: listen: sockets need the host's systemd, not a user's")]
    Socket {
        /// The service.
        service: ServiceId,
    },
    /// A command for a native service was given an entrypoint.
    #[error("{service}: an entrypoint is part of a container's image, and the service is native")]
    Entrypoint {
        /// The service.
        service: ServiceId,
    },
    /// A command for a native service was given a variable with a dot in its name.
    #[error("{service}: systemd ignores the variable {name}: only a container can have it")]
    Variable {
        /// The service.
        service: ServiceId,
        /// The name of the variable.
        name: EnvName,
    },
    /// The service has a named volume, whose directory the host's systemd creates.
    #[error("{service}: volumes: a named volume of a native service needs the host's systemd")]
    NamedVolume {
        /// The service.
        service: ServiceId,
    },
    /// The service has capabilities, which only the host's systemd can give to a program.
    #[error("{service}: cap_add: a user's systemd has no capabilities to give")]
    Capabilities {
        /// The service.
        service: ServiceId,
    },
    /// The service has a key that needs privileges, which a user's systemd does not have.
    #[error("{service}: {key}: only the host's systemd can do that, not a user's")]
    OfTheHost {
        /// The service.
        service: ServiceId,
        /// The key.
        key: &'static str,
    },
    /// A bug in conductor.
    #[error("{service}")]
    Panicked {
        /// The service.
        service: ServiceId,
        /// The file of its definition.
        file: PathBuf,
        /// Line and column of its id, from 1.
        position: (usize, usize),
        /// The panic.
        source: Panicked,
    },
    /// An instance has no port, but the service needs one.
    #[error("{service}: instance {instance} has no port")]
    NoPort {
        /// The service.
        service: ServiceId,
        /// The instance.
        instance: u16,
    },
}

/// A service at a revision.
///
/// Its name depends on the revision and the configuration. So it is the same on every host, a changed
/// environment variable is a new release, and the unit of an instance never changes.
#[derive(Debug, Clone)]
pub struct Release<'s> {
    /// The service.
    pub service: &'s Service,
    /// The revision.
    pub revision: Revision,
    /// The SHA-256 of revision and configuration, in hexadecimal.
    pub digest: String,
    /// How often it was renewed: the same revision and configuration with another digest, so that its
    /// instances can start anew while the old ones serve.
    pub renewed: u32,
    /// What the engine has for the images of its instances, which start them by a tag of conductor's own; `None` if
    /// they start the image that the definition names.
    pub images: Option<Images>,
}

impl<'s> Release<'s> {
    /// Creates the release of a service at a revision.
    pub fn new(service: &'s Service, revision: Revision, templates: &Templates) -> Self {
        let digest = digest::digest(service, &revision, templates.fingerprint(), 0);
        Self { service, revision, digest, renewed: 0, images: None }
    }

    /// Returns the same release as it is after it was renewed some times.
    #[must_use]
    pub fn renewed(&self, times: u32, templates: &Templates) -> Self {
        let (service, revision) = (self.service, self.revision.clone());
        let digest = digest::digest(service, &revision, templates.fingerprint(), times);
        Self { service, revision, digest, renewed: times, images: None }
    }

    /// Returns the name of the unit of an instance: `conductor-ID-REVISION.DIGEST-N.service`.
    pub fn instance_unit(&self, instance: u16) -> UnitName {
        let (id, name) = (&self.service.id, self.name());
        UnitName::from_checked(format!("{PREFIX}{id}-{name}-{instance}.service"))
    }

    /// Returns the path of an instance's unix socket.
    ///
    /// The path of a socket has at most 107 bytes, so it contains the digest without the revision.
    pub(crate) fn socket(&self, instance: u16) -> HostPath {
        let (id, digest) = (&self.service.id, ReleaseName::digits(&self.digest));
        let path = format!("{SOCKETS}/{id}.{digest}-{instance}/socket");
        path.parse().expect("an id, hexadecimal digits and a number are good in a path")
    }

    /// Returns the name of the release within its service.
    pub fn name(&self) -> ReleaseName {
        ReleaseName::new(&self.revision, &self.digest)
    }

    /// Compiles the units of the service: its instances and its target.
    ///
    /// `ports` has the host's port of each instance, from 1, if the service has a port; `record` is written into
    /// the metadata of each instance.
    ///
    /// # Errors
    /// A template fails, or a value is invalid at this revision.
    pub fn compile(
        &self,
        ports: &BTreeMap<u16, Port>,
        record: Option<&Record>,
        scope: Scope,
        templates: &Templates,
    ) -> Result<UnitSet, CompileError> {
        compile::compile(self, ports, record, scope, templates)
    }

    /// Compiles the unit of one instance; `port` is its port of the host, if the service has a port.
    ///
    /// # Errors
    /// A template fails, or a value is invalid at this revision.
    pub(crate) fn compile_instance(
        &self,
        instance: u16,
        port: Option<Port>,
        scope: Scope,
        templates: &Templates,
    ) -> Result<Unit, CompileError> {
        compile::instance_unit(self, instance, port, None, scope, templates)
    }

    /// Compiles the units of the service's jobs, each a service and a timer. They have the same names in each
    /// release; `name` is that of their release, and `host_limit` how many jobs of all services run at the same
    /// time, if that is limited.
    ///
    /// # Errors
    /// A template fails, or a value is invalid at this revision.
    pub fn compile_jobs(
        &self,
        name: &ReleaseName,
        record: Option<&Record>,
        host_limit: Option<u16>,
        scope: Scope,
        templates: &Templates,
    ) -> Result<UnitSet, CompileError> {
        scheduled_jobs::compile(self, name, record, host_limit, scope, templates)
    }

    /// Returns the name of the unit of a command that runs once for this release:
    /// `conductor-ID-REVISION.DIGEST-PURPOSE.service`.
    pub fn task_unit(&self, purpose: &str) -> UnitName {
        run::unit(self, purpose)
    }

    /// Returns the image of commands that run once, if they run in a container.
    ///
    /// # Errors
    /// The image is invalid with its tokens replaced.
    pub fn engine_image(&self) -> Result<Option<EngineImage>, CompileError> {
        engine_image(self, &self.task_tokens())
    }

    /// Returns the networks of its containers, each with how it is made.
    pub fn networks(&self) -> Vec<(EngineNetwork, NetworkSettings)> {
        let engine = match self.service.runtime {
            Runtime::Native => return Vec::new(),
            Runtime::Docker => Engine::Docker,
            Runtime::Podman => Engine::Podman,
        };
        let networks = self.network_settings().into_iter();
        networks.map(|(name, settings)| (EngineNetwork { engine, name }, settings)).collect()
    }

    /// Returns the names of its networks, each with how it is made.
    fn network_settings(&self) -> BTreeMap<NetworkName, NetworkSettings> {
        let of_pod = self.service.pod.iter().flat_map(|pod| &pod.networks);
        let networks = self.service.networks.iter().chain(of_pod);
        networks.map(|(name, connection)| (name.clone(), connection.settings.clone())).collect()
    }

    /// Returns the pod of its containers, with how it is made.
    pub fn pod(&self) -> Option<EnginePod> {
        let pod = self.service.pod.as_ref()?;
        Some(EnginePod { name: pod.name.clone(), options: pod.words() })
    }

    /// Returns the files of the host that an instance needs, each with its place in the definition.
    pub fn files<'r>(
        &'r self,
        instance: &'r Instance,
    ) -> impl Iterator<Item = (&'r HostFile, String)> {
        let number = instance.number.to_string();
        let port = match instance.endpoint {
            Some(Endpoint::Tcp { port, .. }) => Some(port),
            _ => None,
        };
        let port = runtime::listens_on(self.service, port).map(|port| port.to_string());
        self.service.origin.files.iter().map(move |file| {
            let socket = instance.endpoint.as_ref().and_then(Endpoint::socket);
            let tokens = Tokens {
                id: self.service.id.as_str(),
                revision: self.revision.as_str(),
                instance: &number,
                port: port.as_deref(),
                socket: socket.map(HostPath::as_str),
            };
            (file, file.path(&tokens))
        })
    }

    /// Returns the files of the host that a command needs that runs once.
    pub fn task_files(&self) -> impl Iterator<Item = (&HostFile, String)> {
        let tokens = self.task_tokens();
        self.service.origin.files.iter().map(move |file| (file, file.path(&tokens)))
    }

    /// Returns the values of tokens in a command that runs once: it is no instance, and has no port or socket.
    fn task_tokens(&self) -> Tokens<'_> {
        let (id, revision) = (self.service.id.as_str(), self.revision.as_str());
        Tokens { id, revision, instance: "0", port: None, socket: None }
    }

    /// Compiles a unit that runs a command once, with the service's image, environment and limits, unless the
    /// task has its own. `purpose` is part of its description.
    ///
    /// # Errors
    /// A template fails, or a value is invalid at this revision.
    pub fn compile_task(
        &self,
        task: Task,
        unit: &UnitName,
        purpose: &str,
        scope: Scope,
        templates: &Templates,
    ) -> Result<String, CompileError> {
        run::compile(self, task, unit, purpose, scope, templates)
    }
}

/// Returns the name of a service's target.
pub fn target_unit(service: &ServiceId) -> UnitName {
    UnitName::from_checked(format!("{PREFIX}{service}.target"))
}

/// Returns the link that enables an instance in its service's target.
pub fn link(service: &ServiceId, instance: &UnitName) -> Link {
    Link { by: target_unit(service), unit: instance.clone() }
}

/// Returns the name of a service's slice. It has no file: systemd creates it for the first unit in it. A dash in the id is escaped: in the name of a slice it means a
/// parent, which could be the slice of another service.
pub fn slice_unit(service: &ServiceId) -> UnitName {
    let component = escape::slice_component(service.as_str());
    UnitName::from_checked(format!("{PREFIX}{component}.slice"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_socket_is_an_address() {
        let id = "a".repeat(64);
        let text = format!("id: {id}\ncommand: [/bin/x]\nlisten: socket\nhealth: {{tcp: true}}\n");
        let service = Service::parse(std::path::Path::new("a.yaml"), &text).unwrap();
        let templates = Templates::new(&[]).unwrap();
        let release = Release::new(&service, "r".repeat(128).parse().unwrap(), &templates);
        // sun_path has 108 bytes, and a NUL at the end.
        assert!(release.socket(1000).as_str().len() <= 107);
        let compiled = release.compile(&BTreeMap::new(), None, Scope::User, &templates);
        assert!(matches!(compiled, Err(CompileError::Socket { .. })));
    }
}
