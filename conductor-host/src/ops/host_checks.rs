//! Checks that need the host on which the services will run.

use std::path::Path;

use super::Conductor;
use super::error::Error;
use crate::system::{Settings, time_zone};
use conductor_core::error::{Invalid, Problem, Problems};
use conductor_core::runtime::{PROBE, Scope, is_probed};
use conductor_core::service::Service;

impl Conductor {
    /// Checks what depends on the host on which the services will run.
    pub(super) fn check(&self, services: &[Service], settings: &Settings) -> Result<(), Error> {
        settings.check_proxies(services)?;
        if self.paths.scope == Scope::User {
            refuse_proxies(services)?;
        }
        if self.is_online() {
            know_zones(services)?;
        }
        // Without the probe no instance that needs it would start; an image that is being built may
        // get it later.
        let probe = Path::new(PROBE);
        let probed = services.iter().find(|service| service.instances > 0 && is_probed(service));
        match probed {
            Some(service) if self.is_online() && !probe.exists() => {
                Err(Error::NoProbe { service: service.id.clone(), probe: probe.to_owned() })
            }
            _ => Ok(()),
        }
    }
}

/// Rejects time zones that systemd would not find: it reads them from the same files.
fn know_zones(services: &[Service]) -> Result<(), Problems> {
    let unknown = |service: &Service| {
        let jobs = service.jobs.iter().filter_map(|(name, job)| {
            let zones = job.time_zones();
            let Invalid { message, hint } = zones.iter().find_map(|zone| time_zone(zone).err())?;
            Some(Problem {
                file: service.origin.file.clone(),
                position: service.origin.jobs.get(name).copied(),
                path: format!("cron.{name}.timezone"),
                message,
                hint,
            })
        });
        jobs.collect::<Vec<_>>()
    };
    let problems: Vec<_> = services.iter().flat_map(unknown).collect();
    if problems.is_empty() { Ok(()) } else { Err(Problems(problems)) }
}

/// Proxies are the host's: a user's manager can neither write their files nor reload them.
fn refuse_proxies(services: &[Service]) -> Result<(), Problems> {
    let behind = services.iter().filter_map(|service| Some((service, service.proxy.as_ref()?)));
    let problems = behind.map(|(Service { origin, .. }, proxy)| Problem {
        file: origin.file.clone(),
        position: Some(origin.upstream.unwrap_or(origin.position)),
        path: format!("proxy.{}", proxy.name),
        message: "a service of a user cannot stand behind the host's proxy".to_owned(),
        hint: Some("remove proxy, or make it a service of the host, as root".to_owned()),
    });
    let problems: Vec<_> = problems.collect();
    if problems.is_empty() { Ok(()) } else { Err(Problems(problems)) }
}
