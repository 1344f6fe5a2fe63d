//! Desired against observed, as ordered steps: what `apply` does, and what `--dry-run` prints.
//!
//! Planning is pure. Each step can be done twice without harm, and after any step the plan can be
//! made anew from what is observed then; that is all that crash safety takes.

mod converge;
mod ports;
mod steps;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::definition::Order;
use crate::name::{Revision, ServiceId, UnitName};
use crate::unit::UnitSet;

pub use converge::{converge, remove};
pub use ports::{PortError, allocate};
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
#[error("{path} is {what}, and conductor did not write it")]
pub struct Foreign {
    /// The path, relative to the unit directory.
    pub path: String,
    /// What it is.
    pub what: &'static str,
}

/// Gives the ids of all services that have units on the host.
pub fn services(observed: &Observed) -> BTreeSet<ServiceId> {
    observed.set.units.values().map(|unit| unit.metadata.service.clone()).collect()
}
