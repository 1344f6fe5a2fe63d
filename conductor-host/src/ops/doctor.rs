//! What on the host keeps conductor from its promises.

use std::collections::BTreeSet;

use nix::unistd::geteuid;

use super::Conductor;
use super::error::Error;
use crate::doctor::{
    Diagnosis, FIREWALLS, Facts, Firewalls, FoundProbe, FoundProxy, Journald, Manager, NETAVARK,
    Nginx, RateLimit, Seen, Unseeable,
};
use crate::system::{Proxies, Settings, Systemd, Trust, all_definitions, facts, programs};
use conductor_core::definition::Runtime;
use conductor_core::error::{Problem, with_sources};
use conductor_core::name::ProxyName;
use conductor_core::proxy::UpstreamChange;
use conductor_core::runtime::Scope;
use conductor_core::service::Service;
use conductor_core::unit::Engine;

impl Conductor {
    /// Looks for what on this host keeps conductor from its promises. It changes nothing, and works for every user as
    /// far as that user can see.
    ///
    /// Only what the host uses is looked at: docker, for example, if a service that is defined or on the host needs it.
    ///
    /// # Errors
    /// There is no systemd to work with. What cannot be read is part of the result.
    pub fn doctor(&self) -> Result<Diagnosis, Error> {
        if !self.is_online() {
            return Err(Error::Offline);
        }
        Ok(Diagnosis::of(&self.facts()))
    }

    /// Returns the version of the systemd that runs the units; `None` if there is none, or it does not answer.
    pub fn systemd_version(&self) -> Option<String> {
        Some(self.connect().ok()??.about_itself().ok()?.version)
    }

    /// Returns the version of the probe at the path that units use; `None` if there is none, or this is not the running
    /// host.
    pub fn probe_version(&self) -> Option<String> {
        match facts::probe(Some(Trust::new(self.paths.scope))) {
            FoundProbe::Version(version) if self.is_online() => Some(version),
            _ => None,
        }
    }

    fn facts(&self) -> Facts {
        let scope = self.paths.scope;
        let mut unread = Vec::new();
        let (services, problems) = all_definitions(&self.paths.definitions);
        unread.extend(unreadable(&problems));
        let settings = self.settings().unwrap_or_else(|error| {
            unread.extend(unreadable(error.problems()));
            Settings::default()
        });
        let engines = self.engines(&services, &mut unread);
        let systemd = self.connect().and_then(|systemd| systemd.ok_or(Error::Offline));
        let systemd = systemd.map_err(|error| Unseeable::Broken(with_sources(&error)));
        let uses = |engine| engines.contains(&engine);
        Facts {
            scope,
            manager: systemd.as_ref().map_err(Clone::clone).and_then(about),
            controllers: facts::controllers(scope),
            swap: facts::swap(),
            lingers: if scope == Scope::User { facts::lingers() } else { None },
            probe: facts::probe(Some(Trust::new(scope))),
            probe_is_static: programs::probe_is_static(),
            // A user's services are behind none.
            proxies: match scope {
                Scope::System => self.found_proxies(&services, &settings),
                Scope::User => Vec::new(),
            },
            needrestart: facts::needrestart(),
            docker: if uses(Engine::Docker) { facts::docker() } else { None },
            podman: if uses(Engine::Podman) { facts::podman(scope) } else { None },
            firewalls: firewalls(systemd.as_ref().ok()),
            journald: facts::journald().map(|journald| Journald {
                docker: limit_of_docker(scope, systemd.as_ref().ok(), uses(Engine::Docker)),
                ..journald
            }),
            unknown_zones: facts::unknown_zones(&services),
            local_zone: facts::local_zone(),
            services,
            engines,
            unread,
        }
    }

    /// Returns the engines of services that are defined or on the host.
    fn engines(&self, services: &[Service], unread: &mut Vec<String>) -> BTreeSet<Engine> {
        let mut engines: BTreeSet<_> = services
            .iter()
            .filter_map(|service| match service.runtime {
                Runtime::Native => None,
                Runtime::Docker => Some(Engine::Docker),
                Runtime::Podman => Some(Engine::Podman),
            })
            .collect();
        match self.observe_files(None) {
            Ok(observed) => {
                let ids: Vec<_> = observed.services().collect();
                let units = ids.iter().flat_map(|id| observed.units_of(id));
                let images = units.filter_map(|(_, unit)| unit.metadata.kind.image());
                engines.extend(images.map(|image| image.engine));
            }
            Err(error) => unread.push(with_sources(&error)),
        }
        engines
    }

    /// Returns the proxies that services are behind.
    fn found_proxies(&self, services: &[Service], settings: &Settings) -> Vec<FoundProxy> {
        let proxies = self.proxies(settings);
        let names: BTreeSet<_> =
            services.iter().filter_map(|service| Some(&service.proxy.as_ref()?.name)).collect();
        let found = names.into_iter().map(|name| {
            let trial = trial(&proxies, name, services);
            let (trial, printed) = match trial {
                Ok(printed) => (Ok(()), printed),
                Err(error) => (Err(error), None),
            };
            // Only nginx prints it.
            let program = settings.proxies.get(name).and_then(|settings| settings.test.first());
            let nginx = printed.zip(program).map(|(configuration, program)| {
                let version = facts::nginx_version(program.as_str())?;
                Ok(Nginx { version, configuration })
            });
            FoundProxy { name: name.clone(), trial, nginx }
        });
        found.collect()
    }
}

/// Returns the first of several problems, and how to see all.
fn unreadable(problems: &[Problem]) -> Option<String> {
    let first = problems.first()?;
    let place = first.to_string();
    let place = place.lines().next().unwrap_or_default();
    Some(match problems.len() {
        1 => place.to_owned(),
        count => format!("{place}, and {} more problems", count - 1),
    })
}

fn about(systemd: &Systemd) -> Seen<Manager> {
    systemd.about_itself().map_err(|error| Unseeable::Broken(with_sources(&error)))
}

fn firewalls(systemd: Option<&Systemd>) -> Firewalls {
    let active = systemd.and_then(|systemd| systemd.active_among(&FIREWALLS).ok());
    Firewalls {
        active: active.unwrap_or_default(),
        nftables: facts::nftables(),
        has_netavark: facts::has_unit(NETAVARK),
    }
}

/// Returns the limit of what all containers of docker write together; `None` if it is journald's.
fn limit_of_docker(scope: Scope, systemd: Option<&Systemd>, is_used: bool) -> Option<RateLimit> {
    // A user's systemd does not know the daemon of the host.
    let systemd = systemd.filter(|_| is_used && scope == Scope::System)?;
    systemd.rate_limit("docker.service")
}

/// Tries whether a proxy would take the files of services, and returns its configuration with them if it is nginx. Only the
/// trial sees them, and nothing of the proxy changes.
fn trial(
    proxies: &Proxies,
    name: &ProxyName,
    services: &[Service],
) -> Result<Option<String>, (Unseeable, Option<String>)> {
    if !geteuid().is_root() {
        let reason = format!("only root can try the configuration of {name}");
        return Err((Unseeable::Denied(reason), None));
    }
    let broken =
        |error: &dyn std::error::Error, hint| (Unseeable::Broken(with_sources(error)), hint);
    let templates = proxies.templates().map_err(|error| broken(&error, error.hint()))?;
    let mut changes = Vec::new();
    for service in services {
        let Some(proxy) = service.proxy.as_ref().filter(|proxy| proxy.name == *name) else {
            continue;
        };
        let file =
            templates.render(proxy, &service.id, &[]).map_err(|error| broken(&error, None))?;
        changes.push(UpstreamChange { service: service.id.clone(), text: Some(file.text) });
    }
    proxies.try_and_print(name, &changes).map_err(|error| broken(&error, error.hint()))
}
