//! Plans: the ordered steps from the observed to the desired state, which `apply` does and `--dry-run` prints.
//!
//! Planning is pure. Each step can be repeated, and after any step a new plan can be made from the new
//! observation. Crash safety needs no more.

mod active_state;
mod contents;
mod converge;
mod departures;
mod dependencies;
#[cfg(test)]
mod edited_tests;
mod files;
mod images;
#[cfg(test)]
mod job_tests;
mod networks;
mod ports;
mod releases;
mod removal;
#[cfg(test)]
mod removal_tests;
mod renewal;
mod schedule;
mod steps;
#[cfg(test)]
mod tests;
mod together;
#[cfg(test)]
mod together_tests;
mod traffic;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use crate::name::{ProxyName, ReleaseName, Revision, ServiceId, UnitName};
use crate::proxy::UpstreamFile;
use crate::release::started_service;
use crate::service::{OnHost, Service};
use crate::unit::{ContentHash, EngineImage, Link, LocalImage, Unit, UnitSet};
use crate::value::{HostPath, Port};

pub use active_state::ActiveState;
pub use contents::{changed_contents, with_contents};
pub use converge::{converge, remove};
pub use dependencies::{Dependencies, Wait};
pub use images::{
    asked_of, changes_jobs, kept_tag, moved, other_images, with_images, with_images_of,
};
pub use networks::Common;
pub use ports::{
    Holder, PortError, allocate, fixed_ports, given, held_ports, last_given, needs_ports,
};
pub use releases::{ObservedRelease, RollbackTarget, record, releases, rollback};
pub use renewal::{as_deployed, outdated, renew, twins};
pub use schedule::{interval, is_at_boot, pause, resume, run_now};
pub use steps::{Action, FileChange, Hook, Step, Steps};
pub use together::{Taken, Together, Turn, taken};

/// The observed state of a host.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// The unit files and links that carry conductor's metadata.
    pub set: UnitSet,
    /// What is at a path of conductor's and is not conductor's: the path, and what is there.
    pub foreign: BTreeMap<String, &'static str>,
    /// The states of the units that systemd has loaded; `None` without a systemd.
    pub states: Option<BTreeMap<UnitName, ActiveState>>,
    /// The files that list the services' instances for proxies.
    pub upstreams: BTreeMap<ServiceId, Vec<UpstreamFile>>,
    /// Files of others at the path of a file of conductor for a proxy.
    pub foreign_upstreams: BTreeMap<(ProxyName, ServiceId), PathBuf>,
    /// Services whose file was changed, with the proxies that are not known to have reloaded and drained.
    pub pending: BTreeMap<ServiceId, BTreeSet<ProxyName>>,
    /// The files of conductor where the host settings have no proxy any more.
    pub left_upstreams: Vec<(ServiceId, PathBuf)>,
    /// The targets of the fixed names of the services' sockets, by number of the instance.
    pub sockets: BTreeMap<ServiceId, BTreeMap<u16, HostPath>>,
    /// The contents of files that instances read when they start, as far as they can be read.
    pub contents: BTreeMap<HostPath, ContentHash>,
    /// What engines have for images and tags, as far as it was asked.
    pub images: BTreeMap<EngineImage, LocalImage>,
    /// The images that were pulled during this change.
    pub pulled: BTreeSet<EngineImage>,
    /// Ports that this change gives to instances that are not on the host yet.
    pub reserved: BTreeMap<UnitName, Port>,
    /// The port that was allocated last, if one was since the host booted.
    pub last_port: Option<Port>,
    /// The applications of which services are processes, as their units say.
    applications: BTreeMap<ServiceId, ServiceId>,
    /// The services on which each service depends, as its units say.
    pub(crate) depends_on: BTreeMap<ServiceId, BTreeSet<ServiceId>>,
    /// The names in `set` by service, so that planning a service does not search all of them.
    owned: BTreeMap<ServiceId, Owned>,
    /// The names in `set` of the units that all services share.
    shared: Vec<UnitName>,
}

/// The directive that orders an instance after the services on which its own depends.
const AFTER: &str = "After";

/// Returns whether an instance starts after other services. Most do not, and a host has thousands.
fn starts_after_others(unit: &Unit) -> bool {
    unit.text.contains("\nAfter=conductor-start@")
}

/// What one service has on a host.
#[derive(Debug, Clone, Default)]
struct Owned {
    units: Vec<UnitName>,
    links: Vec<Link>,
}

impl Observed {
    /// Creates it from the content of a unit directory.
    pub fn new(set: UnitSet, foreign: BTreeMap<String, &'static str>) -> Self {
        let mut owned: BTreeMap<ServiceId, Owned> = BTreeMap::new();
        let mut shared = Vec::new();
        let mut depends_on: BTreeMap<ServiceId, BTreeSet<ServiceId>> = BTreeMap::new();
        let mut applications = BTreeMap::new();
        for (name, unit) in &set.units {
            match &unit.metadata.service {
                Some(service) => {
                    if unit.metadata.kind.is_instance() && starts_after_others(unit) {
                        let on = unit.values(AFTER).filter_map(|unit| unit.parse().ok());
                        let on = on.filter_map(|unit| started_service(&unit));
                        depends_on.entry(service.clone()).or_default().extend(on);
                    }
                    if let Some(application) = &unit.metadata.application {
                        applications.insert(service.clone(), application.clone());
                    }
                    owned.entry(service.clone()).or_default().units.push(name.clone());
                }
                None => shared.push(name.clone()),
            }
        }
        for link in &set.links {
            // Any other link to a missing file belongs to no service.
            let unit = || set.units.get(&link.unit)?.metadata.service.clone();
            if let Some(service) = started_service(&link.unit).or_else(unit) {
                owned.entry(service).or_default().links.push(link.clone());
            }
        }
        Self { set, foreign, applications, depends_on, owned, shared, ..Self::default() }
    }

    /// Returns what the host has of each service, for the check of what depends on it.
    pub fn on_host(&self) -> BTreeMap<ServiceId, OnHost> {
        let on_host = |id: &ServiceId| {
            let mut units = self.units_of(id).map(|(_, unit)| unit);
            let instance = units.find(|unit| unit.metadata.kind.is_instance());
            let there = OnHost {
                is_oneshot: instance
                    .is_some_and(|unit| unit.values("Type").any(|value| value == "oneshot")),
                has_health: instance.is_some_and(|unit| unit.values("WatchdogSec").count() > 0),
                depends_on: self.depends_on.get(id).cloned().unwrap_or_default(),
            };
            (id.clone(), there)
        };
        self.services().map(on_host).collect()
    }

    /// Returns the services that have units or links on the host.
    pub fn services(&self) -> impl Iterator<Item = &ServiceId> {
        self.owned.keys()
    }

    /// Returns the application of which a service on the host is a process.
    pub fn application_of(&self, service: &ServiceId) -> Option<&ServiceId> {
        self.applications.get(service)
    }

    /// Returns the processes of an application that are on the host.
    pub fn processes_of(&self, application: &ServiceId) -> Vec<ServiceId> {
        let all = self.applications.iter().filter(|(_, of)| *of == application);
        all.map(|(service, _)| service.clone()).collect()
    }

    /// Returns the units of one service.
    pub fn units_of(&self, service: &ServiceId) -> impl Iterator<Item = (&UnitName, &Unit)> {
        let names = self.owned.get(service).into_iter().flat_map(|owned| &owned.units);
        names.filter_map(|name| self.set.units.get_key_value(name))
    }

    /// Returns the links to one unit of a service.
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

/// The desired state of a service.
#[derive(Debug, Clone)]
pub struct Desired<'s> {
    /// The service.
    pub service: &'s Service,
    /// The revision of its instances.
    pub revision: Revision,
    /// The release of its instances.
    pub release: ReleaseName,
    /// Its units.
    pub units: UnitSet,
    /// The units that all services share.
    pub shared: &'s UnitSet,
    /// The units of its jobs.
    pub jobs: UnitSet,
    /// The file that lists its instances for its proxy.
    pub upstream: Option<UpstreamFile>,
    /// The hook that has to succeed before the first instance of a new release starts.
    pub before: Option<Hook>,
    /// Releases on the host that differ from this one only in their names and ports, so that there is nothing
    /// to go back to.
    pub twins: BTreeSet<ReleaseName>,
}

impl Desired<'_> {
    /// Returns whether it has instances.
    fn has_instances(&self) -> bool {
        self.units.units.values().any(|unit| unit.metadata.kind.is_instance())
    }
}

/// The plan of one service.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is so or not, whatever the others")]
pub struct ServicePlan {
    /// The service.
    pub service: ServiceId,
    /// The application of which it is a process, if it is to run.
    pub application: Option<ServiceId>,
    /// The revision that runs afterwards; `None` if the service is removed.
    pub revision: Option<Revision>,
    /// The steps to the desired state, in order.
    pub steps: Steps,
    /// The steps that restore the previous state if one of them fails.
    pub undo: Steps,
    /// The steps that clean up after success. After them, no undo is possible.
    pub finish: Steps,
    /// Whether instances of an older release serve until the new ones do.
    pub replaces: bool,
    /// Whether the service is removed and something of it is up, which stays so if the removal fails.
    pub leaves_up: bool,
    /// Whether the service is briefly down during the change.
    pub downtime: bool,
    /// Whether old instances stop before new ones start.
    pub stop_first: bool,
    /// The services with which it changes, or with which it changes its files for proxies.
    pub together: Option<Together>,
    /// What it depends on, and what follows from it.
    pub dependencies: Dependencies,
    /// The data of the instances that decided which stop first.
    pub data: Option<String>,
    /// How many instances start at a time; `None` for all.
    pub batch: Option<u16>,
    /// Why instances are replaced, if neither the definition nor the revision changed.
    pub reasons: Vec<String>,
    /// What an operator should know about the change.
    pub notes: Vec<String>,
}

impl ServicePlan {
    /// Returns all steps, in order.
    pub fn all_steps(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().chain(&self.finish)
    }

    /// Returns whether it pulls an image. What follows depends on that image, so the service is planned again after it.
    pub fn pulls(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Pull { .. }))
    }

    /// Pulls images first, whether the engine has them or not.
    pub fn pull_first(&mut self, images: impl IntoIterator<Item = EngineImage>) {
        let mut steps = Steps::default();
        steps.extend(images.into_iter().map(|image| Step::Pull { image, always: true }));
        let others = std::mem::take(&mut self.steps).into_iter();
        steps.extend(others.filter(|step| !matches!(step, Step::Pull { .. })));
        self.steps = steps;
    }

    /// Returns the images that it pulls.
    pub fn pulled_images(&self) -> impl Iterator<Item = &EngineImage> {
        self.steps.iter().filter_map(|step| match step {
            Step::Pull { image, .. } => Some(image),
            _ => None,
        })
    }

    /// Pulls no images.
    pub fn pull_nothing(&mut self) {
        self.steps.retain(|step| !matches!(step, Step::Pull { .. }));
    }

    /// Returns whether it has steps.
    pub fn changes(&self) -> bool {
        self.all_steps().next().is_some()
    }
}

/// The plan of a host.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The plans of the services, which are independent of each other unless they say with which they change
    /// their files for proxies together, or for which they wait.
    pub services: Vec<ServicePlan>,
    /// Services on the host that have no definition; the plan does not change them.
    pub orphans: Vec<ServiceId>,
}

impl Plan {
    /// Creates a plan from plans of single services.
    pub fn new(mut services: Vec<ServicePlan>, observed: &Observed) -> Self {
        // What all services share goes with the last one.
        let removed: BTreeSet<_> = services
            .iter()
            .filter(|plan| plan.revision.is_none())
            .map(|plan| plan.service.clone())
            .collect();
        let is_last =
            removed.len() == services.len() && observed.services().all(|id| removed.contains(id));
        if !is_last {
            for service in &mut services {
                service.finish.retain(|step| !matches!(step, Step::RemoveShared(_)));
            }
        }
        // Another service may be about to use an image that one service no longer uses.
        let steps = || services.iter().flat_map(ServicePlan::all_steps);
        let needed: BTreeSet<EngineImage> = steps()
            .filter_map(|step| match step {
                Step::Pull { image, .. } | Step::Tag { image, .. } => Some(image.clone()),
                _ => None,
            })
            .collect();
        for service in &mut services {
            service
                .finish
                .retain(|step| !matches!(step, Step::RemoveImage(image) if needed.contains(image)));
        }
        networks::keep_used(&mut services, observed);
        together::group(&mut services, observed);
        dependencies::order(&mut services, observed);
        Self { services, orphans: Vec::new() }
    }

    /// Returns whether it has steps.
    pub fn changes(&self) -> bool {
        self.services.iter().any(ServicePlan::changes)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for service in self.services.iter().filter(|service| service.changes()) {
            match &service.revision {
                Some(revision) => writeln!(f, "{} at {revision}", service.service)?,
                None => writeln!(f, "{} is removed", service.service)?,
            }
            for reason in &service.reasons {
                writeln!(f, "  because {reason}")?;
            }
            for note in service.notes.iter().chain(&service.dependencies.notes) {
                writeln!(f, "  note: {note}")?;
            }
            for Wait { service, started } in &service.dependencies.waits_for {
                let what = if *started { "has been started" } else { "is up" };
                writeln!(f, "  waits until {service} {what}")?;
            }
            let Dependencies { stops_after, stops_after_members, .. } = &service.dependencies;
            for other in stops_after.iter().chain(stops_after_members) {
                writeln!(f, "  waits until {other} has stopped")?;
            }
            for step in service.all_steps() {
                writeln!(f, "  {step}")?;
            }
            if let Some(Together { members, application, .. }) = &service.together {
                let others = members.iter().filter(|id| **id != service.service);
                let others: Vec<_> = others.map(ServiceId::as_str).collect();
                let others = others.join(", ");
                match application {
                    Some(_) => writeln!(f, "  together with {others}: all of them or none")?,
                    None => writeln!(f, "  its upstream changes together with that of {others}")?,
                }
            }
            match (service.replaces, service.downtime, &service.data) {
                (true, true, Some(data)) => writeln!(
                    f,
                    "  briefly down: the old instance stops first, so that no two use {data}"
                )?,
                (_, true, _) => {
                    writeln!(f, "  briefly down: instances stop before they start again")?;
                }
                (true, false, Some(data)) => writeln!(
                    f,
                    "  no downtime: old instances stop when the new ones serve; until then both use {data}"
                )?,
                (true, false, None) => {
                    writeln!(f, "  no downtime: old instances stop when the new ones serve")?;
                }
                (false, false, _) => {}
            }
        }
        Ok(())
    }
}

/// A file in the unit directory that is not conductor's and blocks one of its own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path} is {what}: foreign, or damaged")]
pub struct Foreign {
    /// The path, relative to the unit directory.
    pub path: String,
    /// What is there.
    pub what: &'static str,
}
