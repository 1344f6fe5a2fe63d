//! What was done, for people and, as JSON, for programs.

use schemars::JsonSchema;
use serde::Serialize;

use conductor_core::name::{Revision, ServiceId, UnitName};

/// The outcome of a command that changes a host.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Report {
    /// Whether anything on the host is different now.
    pub changed: bool,
    /// Whether every instance of every service is up; false where there is no systemd to ask.
    pub healthy: bool,
    /// Service by service.
    pub services: Vec<ServiceReport>,
    /// Services on the host that no definition names and that were left alone.
    pub orphans: Vec<ServiceId>,
}

/// The outcome for one service.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ServiceReport {
    /// The service.
    pub id: ServiceId,
    /// The revision it is to run; null if the service went away.
    pub revision: Option<Revision>,
    /// Whether anything of it is different now.
    pub changed: bool,
    /// What was done, in order.
    pub steps: Vec<StepReport>,
    /// What was to be done and is not: it failed, or it was interrupted, where nothing is undone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<String>,
    /// Why it did not work out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// A step that was carried out.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct StepReport {
    /// What was done.
    pub step: String,
    /// How long it took, in microseconds; steps that are carried out together take as long as the
    /// longest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usec: Option<u64>,
}

/// Why a service did not become what it should.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[expect(clippy::struct_excessive_bools, reason = "programs read each as a key of its own")]
pub struct Failure {
    /// The step that failed.
    pub step: String,
    /// The unit that failed, if one did.
    pub unit: Option<UnitName>,
    /// How.
    pub reason: String,
    /// What the last health check found, in words.
    pub status: Option<String>,
    /// The last lines that the unit wrote.
    pub journal: Vec<String>,
    /// Whether instances of the release before it serve as they did.
    pub old_serves: bool,
    /// Whether what was new is gone again. Else the unit was there before and is left as it is.
    pub undone: bool,
    /// Whether systemd goes on trying to start the unit, which is left as it is.
    pub retried: bool,
    /// Whether nothing failed, and somebody asked to stop.
    pub interrupted: bool,
}

impl Report {
    /// Gives the services that did not work out.
    pub fn failures(&self) -> impl Iterator<Item = (&ServiceReport, &Failure)> {
        self.services
            .iter()
            .filter_map(|service| service.failure.as_ref().map(|failure| (service, failure)))
    }
}
