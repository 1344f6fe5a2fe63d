//! Desired against observed, as ordered steps: what `apply` does, and what `--dry-run` prints.
//!
//! Planning is pure. Each step can be done twice without harm, and after any step the plan can be
//! made anew from what is observed then; that is all that crash safety takes.

mod converge;
mod files;
#[cfg(test)]
mod job_tests;
mod ports;
mod releases;
mod removal;
mod schedule;
mod steps;
#[cfg(test)]
mod tests;
mod traffic;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use crate::name::{ProxyName, ReleaseName, Revision, ServiceId, UnitName};
use crate::proxy::UpstreamFile;
use crate::service::Service;
use crate::unit::{EngineImage, Link, Unit, UnitSet};
use crate::value::{HostPath, Port};

pub use converge::{converge, remove};
pub use ports::{PortError, allocate, last_given, needs_ports};
pub use releases::{ObservedRelease, RollbackTarget, record, releases, rollback};
pub use schedule::{pause, resume, run_now};
pub use steps::{FileChange, Hook, Step, Steps};

/// What is found on a host.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// The unit files and links that carry conductor's metadata.
    pub set: UnitSet,
    /// What stands where conductor would write, and is not conductor's: path and what it is.
    pub foreign: BTreeMap<String, &'static str>,
    /// What systemd says of the units it holds; `None` where there is no systemd to ask.
    pub states: Option<BTreeMap<UnitName, ActiveState>>,
    /// What proxies are told of the services.
    pub upstreams: BTreeMap<ServiceId, Vec<UpstreamFile>>,
    /// Where a file of conductor's would go, and somebody else's is.
    pub foreign_upstreams: BTreeMap<(ProxyName, ServiceId), PathBuf>,
    /// Services whose proxy was told something new and was not seen to have taken over and drained.
    pub pending: BTreeMap<ServiceId, BTreeSet<ProxyName>>,
    /// Where the fixed names of the services' sockets point, by number of the instance.
    pub sockets: BTreeMap<ServiceId, BTreeMap<u16, HostPath>>,
    /// The last port that an instance was given, if one was since the host was booted.
    pub last_port: Option<Port>,
    /// The names in `set` by service, so that planning a service does not look at all the others.
    owned: BTreeMap<ServiceId, Owned>,
}

/// What one service has on a host.
#[derive(Debug, Clone, Default)]
struct Owned {
    units: Vec<UnitName>,
    links: Vec<Link>,
}

impl Observed {
    /// Puts together what was found in a unit directory.
    pub fn new(set: UnitSet, foreign: BTreeMap<String, &'static str>) -> Self {
        let mut owned: BTreeMap<ServiceId, Owned> = BTreeMap::new();
        for (name, unit) in &set.units {
            owned.entry(unit.metadata.service.clone()).or_default().units.push(name.clone());
        }
        for link in &set.links {
            // A link to a file that is gone belongs to nobody.
            if let Some(unit) = set.units.get(&link.unit) {
                let service = unit.metadata.service.clone();
                owned.entry(service).or_default().links.push(link.clone());
            }
        }
        Self { set, foreign, owned, ..Self::default() }
    }

    /// Gives the services that have units on the host.
    pub fn services(&self) -> impl Iterator<Item = &ServiceId> {
        self.owned.keys()
    }

    /// Gives the units of one service.
    pub fn units_of(&self, service: &ServiceId) -> impl Iterator<Item = (&UnitName, &Unit)> {
        let names = self.owned.get(service).into_iter().flat_map(|owned| &owned.units);
        names.filter_map(|name| self.set.units.get_key_value(name))
    }

    /// Gives the links to one unit of a service.
    pub fn links_to<'o>(
        &'o self,
        service: &ServiceId,
        unit: &'o UnitName,
    ) -> impl Iterator<Item = &'o Link> {
        self.links_of(service).filter(move |link| link.unit == *unit)
    }

    fn links_of(&self, service: &ServiceId) -> impl Iterator<Item = &Link> {
        self.owned.get(service).into_iter().flat_map(|owned| &owned.links)
    }

    fn state(&self, name: &UnitName) -> Option<ActiveState> {
        self.states.as_ref()?.get(name).copied()
    }
}

/// The state of a unit, as systemd's `ActiveState` property has it (systemd(1), "Units").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActiveState {
    /// Started.
    Active,
    /// Started, and reading its configuration anew.
    Reloading,
    /// Stopped.
    Inactive,
    /// Stopped after it failed.
    Failed,
    /// On its way to be started, perhaps for the second time.
    Activating,
    /// On its way to be stopped.
    Deactivating,
    /// Something this version does not know.
    Other,
}

impl fmt::Display for ActiveState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Active => "active",
            Self::Reloading => "reloading",
            Self::Inactive => "inactive",
            Self::Failed => "failed",
            Self::Activating => "activating",
            Self::Deactivating => "deactivating",
            Self::Other => "unknown",
        })
    }
}

impl ActiveState {
    /// Reads the value of the property.
    pub fn from_property(text: &str) -> Self {
        match text {
            "active" => Self::Active,
            "reloading" | "refreshing" => Self::Reloading,
            "inactive" => Self::Inactive,
            "failed" => Self::Failed,
            "activating" => Self::Activating,
            "deactivating" => Self::Deactivating,
            _ => Self::Other,
        }
    }

    /// Tells whether the unit is up.
    pub fn is_up(self) -> bool {
        matches!(self, Self::Active | Self::Reloading)
    }
}

/// What a service is to become.
#[derive(Debug, Clone)]
pub struct Desired<'s> {
    /// The service.
    pub service: &'s Service,
    /// The revision its instances are to run.
    pub revision: Revision,
    /// The release they are of.
    pub release: ReleaseName,
    /// Its units.
    pub units: UnitSet,
    /// The units of its jobs.
    pub jobs: UnitSet,
    /// What its proxy is to be told.
    pub upstream: Option<UpstreamFile>,
    /// What has to succeed before the first instance of a new release starts.
    pub before: Option<Hook>,
}

impl Desired<'_> {
    /// Tells whether anything is to run.
    fn has_instances(&self) -> bool {
        self.units.units.values().any(|unit| unit.metadata.kind.is_instance())
    }
}

/// What is to be done for one service.
#[derive(Debug, Clone)]
pub struct ServicePlan {
    /// The service.
    pub service: ServiceId,
    /// The revision that runs afterwards; `None` if the service goes away.
    pub revision: Option<Revision>,
    /// What to do until the service is what it is to be, in order.
    pub steps: Steps,
    /// What to do if one of them fails, so that all is as before.
    pub undo: Steps,
    /// What to take away afterwards; there is no way back from here.
    pub finish: Steps,
    /// Whether instances of an older release serve until the new ones do.
    pub replaces: bool,
    /// Whether the service is briefly down.
    pub downtime: bool,
    /// How many instances start at a time; `None` for all.
    pub batch: Option<u16>,
}

impl ServicePlan {
    /// Gives all steps, in order.
    pub fn all_steps(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().chain(&self.finish)
    }

    /// Tells whether anything is to be done.
    pub fn changes(&self) -> bool {
        self.all_steps().next().is_some()
    }
}

/// What is to be done on a host.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Service by service; independent of each other.
    pub services: Vec<ServicePlan>,
    /// Services on the host that no definition names and that are left alone.
    pub orphans: Vec<ServiceId>,
}

impl Plan {
    /// Puts together what is to be done for services that were planned each for itself.
    pub fn new(mut services: Vec<ServicePlan>) -> Self {
        // What one service leaves may be what another is about to use.
        let steps = || services.iter().flat_map(ServicePlan::all_steps);
        let needed: BTreeSet<EngineImage> = steps()
            .filter_map(|step| match step {
                Step::Pull(image) => Some(image.clone()),
                _ => None,
            })
            .collect();
        for service in &mut services {
            service
                .finish
                .retain(|step| !matches!(step, Step::RemoveImage(image) if needed.contains(image)));
        }
        Self { services, orphans: Vec::new() }
    }

    /// Tells whether anything is to be done.
    pub fn changes(&self) -> bool {
        self.services.iter().any(ServicePlan::changes)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for service in self.services.iter().filter(|service| service.changes()) {
            match &service.revision {
                Some(revision) => writeln!(f, "{} at {revision}", service.service)?,
                None => writeln!(f, "{} goes away", service.service)?,
            }
            for step in service.all_steps() {
                writeln!(f, "  {step}")?;
            }
            match (service.replaces, service.downtime) {
                (_, true) => writeln!(f, "  briefly down: what runs stops before it starts anew")?,
                (true, false) => writeln!(f, "  no downtime: what runs stops when the new serves")?,
                (false, false) => {}
            }
        }
        Ok(())
    }
}

/// Something in the unit directory is in the way and not conductor's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path} is {what}: foreign, or damaged")]
pub struct Foreign {
    /// The path, relative to the unit directory.
    pub path: String,
    /// What it is.
    pub what: &'static str,
}
