//! What a definition gives to every engine: its image and its texts, without tokens.

use std::net::IpAddr;
use std::time::Duration;

use conductor_core::definition::{NetworkMode, Runtime};
use conductor_core::name::{ServiceId, VolumeName, engine_volume};
use conductor_core::service::{Health, HealthCheck, HttpCheck, Service, ServiceFields};
use conductor_core::value::{Argument, ImageReference, Listen, Protocol, Tokens, VolumeSource};

use crate::report::Refusal;

/// A service that can be exported.
#[derive(Debug)]
pub(crate) struct Given<'s> {
    pub(crate) service: &'s Service,
    pub(crate) revision: String,
    /// The image at the revision.
    pub(crate) image: String,
    port: Option<String>,
}

/// Checks whether a service can run in containers of another engine.
pub(crate) fn check(service: &Service) -> Result<Given<'_>, Refusal> {
    if service.runtime == Runtime::Native {
        return Err(Refusal {
            path: "runtime",
            why: "it is a native service, which runs a program of this host as a user of this host"
                .to_owned(),
            hint: "build an image of the program, and write runtime: docker and image: NAME",
        });
    }
    if service.listen == Listen::Socket {
        return Err(Refusal {
            path: "listen",
            why: "its instances listen on unix sockets of this host".to_owned(),
            hint: "let the program listen on a port, and write port: NUMBER",
        });
    }
    if let Some(Health { check: HealthCheck::Http(HttpCheck { socket: Some(_), .. }), .. }) =
        &service.health
    {
        return Err(Refusal {
            path: "health.socket",
            why: "its health is checked through a unix socket of this host".to_owned(),
            hint: "check a port, or write a command, which runs in the container",
        });
    }
    let Some(revision) = service.own_revision() else {
        return Err(Refusal {
            path: "image",
            why: "nothing says which revision of the image is meant".to_owned(),
            hint: "add revision: TAG, or deploy the service on this host",
        });
    };
    let port = service.port.map(|port| port.to_string());
    let given = Given { service, revision: revision.to_string(), image: String::new(), port };
    let name = service.image.as_ref().map(|image| given.text(image.as_str(), "1"));
    let image = name.and_then(|name| name.parse::<ImageReference>().ok());
    match image {
        Some(image) => Ok(Given { image: image.at(&revision).to_string(), ..given }),
        None => Err(Refusal {
            path: "image",
            why: "it has no image of a registry".to_owned(),
            hint: "write image: NAME",
        }),
    }
}

impl Given<'_> {
    /// Returns a text without its tokens.
    pub(crate) fn text(&self, text: &str, instance: &str) -> String {
        let tokens = Tokens {
            id: self.service.id.as_str(),
            revision: &self.revision,
            instance,
            port: self.port.as_deref(),
            socket: None,
        };
        tokens.expand(text).into_owned()
    }

    /// Returns whether the image is the newest that a registry has, by its tag.
    pub(crate) fn is_latest(&self) -> bool {
        self.revision == "latest"
    }

    /// Returns the words of a command without their tokens.
    pub(crate) fn words(&self, words: &[Argument], instance: &str) -> Vec<String> {
        words.iter().map(|word| self.text(word.as_str(), instance)).collect()
    }

    /// Returns the port inside of the container that a health check asks.
    pub(crate) fn checked_port(&self) -> Option<u16> {
        let ServiceFields { health, port, .. } = &**self.service;
        let ports = self.service.published();
        let asked = health.as_ref()?.port;
        match asked {
            Some(asked) => ports.iter().find(|port| port.is_tcp(asked)).map(|port| {
                let offset = asked.number() - port.first().number();
                port.inside.number() + offset
            }),
            None => (*port).map(conductor_core::value::Port::number).or_else(|| {
                let tcp = ports.iter().find(|port| port.protocol == Protocol::Tcp)?;
                Some(tcp.inside.number())
            }),
        }
    }

    /// Returns how the port of the service is published, at a port of the host that the engine chooses.
    pub(crate) fn published(&self) -> Option<String> {
        let (Some(port), Listen::Address(address)) = (self.service.port, self.service.listen)
        else {
            return None;
        };
        Some(match IpAddr::from(address) {
            address if address.is_unspecified() => port.to_string(),
            IpAddr::V4(address) => format!("{address}::{port}"),
            IpAddr::V6(address) => format!("[{address}]::{port}"),
        })
    }

    /// Returns the command that checks in the container what conductor checks from outside.
    pub(crate) fn check_command(&self) -> Option<Vec<String>> {
        let health = self.service.health.as_ref()?;
        match &health.check {
            HealthCheck::Command(command) => Some(self.words(command, "1")),
            HealthCheck::Tcp => None,
            HealthCheck::Http(http) => {
                let any = http.status.as_ref().is_some_and(|status| status.as_str() == "100-599");
                let mut words =
                    vec!["curl".to_owned(), if any { "-sS" } else { "-fsS" }.to_owned()];
                for (name, value) in &http.headers {
                    words.extend(["-H".to_owned(), format!("{name}: {value}")]);
                }
                words.extend(["-o".to_owned(), "/dev/null".to_owned()]);
                let (port, path) = (self.checked_port()?, self.text(http.path.as_str(), "1"));
                words.push(format!("http://127.0.0.1:{port}{path}"));
                Some(words)
            }
        }
    }

    /// Returns the variables of the environment, with those that conductor sets.
    pub(crate) fn env(&self, instance: &str) -> Vec<(String, String)> {
        let env = self.service.env.iter();
        let own = env.map(|(name, value)| (name.to_string(), self.text(value.as_str(), instance)));
        let port = self.port.iter().map(|port| ("PORT".to_owned(), port.clone()));
        port.chain(own).collect()
    }

    /// Returns whether the instances are in no network of the definition.
    pub(crate) fn is_alone(&self) -> bool {
        self.service.networks.is_empty() && self.service.network_mode.is_none()
    }

    /// Returns whether the instances are in the network of the host.
    pub(crate) fn is_in_host_network(&self) -> bool {
        self.service.network_mode == Some(NetworkMode::Host)
    }

    /// Returns the name that the engine has for a volume, and whether it is not conductor's.
    pub(crate) fn engine_volume(&self, name: &VolumeName) -> (String, bool) {
        match self.service.process.volume_names.get(name) {
            Some(given) => (given.to_string(), true),
            None => (engine_volume(&self.service.id, name), false),
        }
    }
}

/// Returns how long after the start failures of checks do not count, for an engine that counts several of them
/// after that.
pub(crate) fn start_period(health: &Health) -> Duration {
    let counted = health.interval.duration().saturating_mul(health.retries);
    health.start_period.duration().saturating_sub(counted)
}

/// Returns the names of volumes for a file of all services: their own, unless two mean different volumes by one.
pub(crate) fn volume_keys(all: &[Given<'_>]) -> Vec<((ServiceId, VolumeName), String)> {
    let mut found: Vec<((ServiceId, VolumeName), String)> = Vec::new();
    for given in all {
        for volume in &given.service.volumes {
            if let VolumeSource::Named(name) = &volume.source {
                let (engine, _) = given.engine_volume(name);
                found.push(((given.service.id.clone(), name.clone()), engine));
            }
        }
    }
    let is_shared = |name: &VolumeName, engine: &str| {
        found.iter().all(|((_, other), other_engine)| other != name || other_engine == engine)
    };
    let key = |((id, name), engine): &((ServiceId, VolumeName), String)| {
        let key = match is_shared(name, engine) {
            true => name.to_string(),
            false => format!("{id}-{name}"),
        };
        ((id.clone(), name.clone()), key)
    };
    found.iter().map(key).collect()
}
