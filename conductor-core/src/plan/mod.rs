//! Desired against observed, as ordered steps: what `apply` does, and what `--dry-run` prints.
//!
//! Planning is pure. Each step can be done twice without harm, and after any step the plan can be
//! made anew from what is observed then; that is all that crash safety takes.

mod converge;
mod ports;
mod steps;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use crate::definition::Order;
use crate::name::{Revision, ServiceId, UnitName};
use crate::unit::{Link, Unit, UnitSet};

pub use converge::{converge, remove};
pub use ports::{PortError, allocate, needs_ports};
pub use steps::{Step, Steps};

/// What is found on a host.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// The unit files and links that carry conductor's metadata.
    pub set: UnitSet,
    /// What stands where conductor would write, and is not conductor's: path and what it is.
    pub foreign: BTreeMap<String, &'static str>,
    /// What systemd says of the units it holds; `None` where there is no systemd to ask.
    pub states: Option<BTreeMap<UnitName, ActiveState>>,
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
        Self { set, foreign, states: None, owned }
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
pub struct Desired {
    /// The service.
    pub service: ServiceId,
    /// The revision its instances are to run.
    pub revision: Revision,
    /// Its units.
    pub units: UnitSet,
    /// Which side of a change comes first.
    pub order: Order,
}

/// What is to be done for one service.
#[derive(Debug, Clone)]
pub struct ServicePlan {
    /// The service.
    pub service: ServiceId,
    /// The revision that runs afterwards; `None` if the service goes away.
    pub revision: Option<Revision>,
    /// What to do, in order.
    pub steps: Steps,
    /// What to do if an instance does not start, so that all is as before.
    pub undo: Steps,
    /// Whether instances of an older release serve until the new ones do.
    pub replaces: bool,
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
    /// Tells whether anything is to be done.
    pub fn changes(&self) -> bool {
        self.services.iter().any(|service| !service.steps.is_empty())
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for service in self.services.iter().filter(|service| !service.steps.is_empty()) {
            match &service.revision {
                Some(revision) => writeln!(f, "{} at {revision}", service.service)?,
                None => writeln!(f, "{} goes away", service.service)?,
            }
            for step in &service.steps {
                writeln!(f, "  {step}")?;
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
