//! One service from what is observed to what is desired.

use std::collections::BTreeSet;

use super::{ActiveState, Desired, Foreign, Observed, ServicePlan, Step, Steps};
use crate::definition::Order;
use crate::name::{ServiceId, UnitName};
use crate::unit::{Kind, Unit, UnitSet};

/// Plans how one service becomes what is desired.
///
/// # Errors
/// A file or link that is not conductor's stands where one of its own has to go.
pub fn converge(desired: &Desired, observed: &Observed) -> Result<ServicePlan, Foreign> {
    refuse_foreign(&desired.units, observed)?;
    let files = Files::new(&desired.units, observed);
    let jobs = Jobs::new(&desired.units, &files, observed);
    let leaving = Leaving::new(&desired.service, &desired.units, observed);
    let replaces = !leaving.up.is_empty();

    let (mut steps, mut undo) = (Steps::default(), Steps::default());
    steps.extend(files.write);
    steps.extend(files.enable);
    undo.extend(jobs.undo);
    match desired.order {
        Order::StartFirst => {
            steps.extend(jobs.start);
            steps.extend(leaving.stop);
        }
        Order::StopFirst => {
            steps.extend(leaving.stop);
            steps.extend(jobs.start);
            undo.extend(leaving.up.into_iter().map(Step::Start));
        }
    }
    steps.extend(leaving.remove);
    undo.extend(files.undo);
    Ok(ServicePlan {
        service: desired.service.clone(),
        revision: Some(desired.revision.clone()),
        steps,
        undo,
        replaces,
    })
}

/// Plans how a service goes away.
pub fn remove(service: &ServiceId, observed: &Observed) -> ServicePlan {
    let leaving = Leaving::new(service, &UnitSet::default(), observed);
    let mut steps = Steps::default();
    steps.extend(leaving.stop);
    steps.extend(leaving.remove);
    ServicePlan {
        service: service.clone(),
        revision: None,
        steps,
        undo: Steps::default(),
        replaces: false,
    }
}

fn refuse_foreign(units: &UnitSet, observed: &Observed) -> Result<(), Foreign> {
    let files = units.units.keys().map(ToString::to_string);
    let links = units.links.iter().flat_map(|link| [link.directory(), link.to_string()]);
    for path in files.chain(links) {
        if let Some(what) = observed.foreign.get(&path) {
            return Err(Foreign { path, what });
        }
    }
    Ok(())
}

/// What has to be written and enabled.
struct Files {
    write: Vec<Step>,
    enable: Vec<Step>,
    /// Puts everything back.
    undo: Vec<Step>,
    /// Units that systemd may hold with another text than the one to be written.
    stale: BTreeSet<UnitName>,
}

impl Files {
    fn new(desired: &UnitSet, observed: &Observed) -> Self {
        let mut write = Vec::new();
        let mut stale = BTreeSet::new();
        let missing = || desired.links.difference(&observed.set.links).cloned();
        let mut undo: Vec<_> = missing().map(Step::Disable).collect();
        for (name, unit) in &desired.units {
            let undone = match observed.set.units.get(name) {
                Some(old) if is_current(unit, old) => continue,
                Some(old) => {
                    Step::Write { name: name.clone(), unit: old.clone().into(), new: false }
                }
                None => Step::Remove(name.clone()),
            };
            // Without its file, too, a unit may be held: somebody removed it by hand.
            let new = matches!(undone, Step::Remove(_)) && observed.state(name).is_none();
            if !new {
                stale.insert(name.clone());
            }
            undo.push(undone);
            write.push(Step::Write { name: name.clone(), unit: unit.clone().into(), new });
        }
        Self { write, enable: missing().map(Step::Enable).collect(), undo, stale }
    }
}

/// Tells whether a file on the host needs no writing.
///
/// A file of another version of conductor stays as it is if it is an instance: those are never
/// changed once released. Other files are compared without the version.
fn is_current(unit: &Unit, old: &Unit) -> bool {
    if unit.text == old.text {
        return true;
    }
    if unit.metadata.version == old.metadata.version {
        return false;
    }
    let body = |unit: &Unit| {
        let version = format!("Version={}\n", unit.metadata.version);
        unit.text.replacen(&version, "", 1)
    };
    unit.metadata.kind.is_instance() || body(unit) == body(old)
}

/// What has to be started.
struct Jobs {
    start: Vec<Step>,
    /// Stops what was started and had not been there before.
    undo: Vec<Step>,
}

impl Jobs {
    fn new(desired: &UnitSet, files: &Files, observed: &Observed) -> Self {
        let (mut start, mut undo) = (Vec::new(), Vec::new());
        if observed.states.is_none() {
            return Self { start, undo };
        }
        let has_instances = desired.units.values().any(|unit| unit.metadata.kind.is_instance());
        // The target comes last, so that each instance has a job of its own that is waited for.
        let target = desired.units.iter().filter(|(_, unit)| unit.metadata.kind == Kind::Target);
        let instances = desired.units.iter().filter(|(_, unit)| unit.metadata.kind.is_instance());
        for (name, unit) in instances.chain(target.filter(|_| has_instances)) {
            let up = observed.state(name).is_some_and(ActiveState::is_up);
            match up {
                true if unit.metadata.kind.is_instance() && files.stale.contains(name) => {
                    start.push(Step::Restart(name.clone()));
                }
                true => {}
                false => start.push(Step::Start(name.clone())),
            }
            // One that ran before, without its file, is not stopped.
            if !observed.set.units.contains_key(name) && !up {
                undo.push(Step::Stop(name.clone()));
            }
        }
        // The first instance brought its slice up; nothing is left in it by then.
        let slices = desired.units.iter().filter(|(_, unit)| unit.metadata.kind == Kind::Slice);
        for (name, _) in slices.filter(|(name, _)| !observed.set.units.contains_key(*name)) {
            undo.push(Step::Stop(name.clone()));
        }
        Self { start, undo }
    }
}

/// What is on the host and not desired any more.
struct Leaving {
    /// Instances that are up.
    up: Vec<UnitName>,
    stop: Vec<Step>,
    remove: Vec<Step>,
}

impl Leaving {
    fn new(service: &ServiceId, desired: &UnitSet, observed: &Observed) -> Self {
        let gone = observed.units_of(service).filter(|(name, _)| !desired.units.contains_key(name));
        let units: Vec<_> = gone.collect();
        let links = observed.links_of(service).filter(|link| !desired.links.contains(link));
        let up = units.iter().filter(|(name, unit)| {
            unit.metadata.kind.is_instance() && observed.state(name).is_some_and(ActiveState::is_up)
        });
        let held = units.iter().filter(|(name, _)| {
            observed.state(name).is_some_and(|state| state != ActiveState::Inactive)
        });
        let mut stop: Vec<_> = held.map(|(name, _)| Step::Stop((*name).clone())).collect();
        // A slice can be stopped only when nothing is left in it.
        stop.sort_by_key(|step| step.unit().kind() == "slice");
        let mut remove: Vec<_> = links.cloned().map(Step::Disable).collect();
        remove.extend(units.iter().map(|(name, _)| Step::Remove((*name).clone())));
        Self { up: up.map(|(name, _)| (*name).clone()).collect(), stop, remove }
    }
}
