//! The unit files to write and enable, and the units to start because of them.

use std::collections::BTreeSet;

use super::{ActiveState, FileChange, Observed, Step};
use crate::name::UnitName;
use crate::unit::{Kind, Unit, UnitSet};

/// The files to write and the links to enable.
pub(super) struct Files {
    pub(super) write: Vec<Step>,
    pub(super) enable: Vec<Step>,
    /// Units that run, or may run, with another text than the new one.
    pub(super) stale: BTreeSet<UnitName>,
}

impl Files {
    pub(super) fn new(desired: &UnitSet, observed: &Observed) -> Self {
        let mut write = Vec::new();
        let mut stale = BTreeSet::new();
        for (name, unit) in &desired.units {
            let old = observed.set.units.get(name);
            let unit = match old {
                Some(old) => match current(unit, old) {
                    Some(unit) => unit,
                    None => continue,
                },
                None => unit.clone(),
            };
            let change = match old {
                Some(old) if old.reads_like(&unit) => FileChange::Record,
                // systemd may have a unit loaded without its file, which somebody removed by hand.
                None if observed.state(name).is_none() => FileChange::New,
                _ => FileChange::Text,
            };
            if change == FileChange::Text {
                stale.insert(name.clone());
            }
            write.push(Step::Write { name: name.clone(), unit: unit.into(), change });
        }
        let enable = desired.links.difference(&observed.set.links).cloned().map(Step::Enable);
        Self { write, enable: enable.collect(), stale }
    }
}

/// Returns the new content of a file on the host; `None` if the file does not change.
///
/// A file that was edited by hand is restored. An instance that another build of conductor rendered, which has
/// another text with its own fingerprint, or none, keeps that text: an upgrade alone restarts nothing.
fn current(unit: &Unit, old: &Unit) -> Option<Unit> {
    if unit.text == old.text {
        return None;
    }
    if old.is_edited() {
        return Some(unit.clone());
    }
    let (new, own) = (&unit.metadata.kind, &old.metadata.kind);
    if unit.reads_like(old) {
        return (new != own).then(|| unit.clone());
    }
    match new.instance().zip(own.instance()) {
        Some((new, own)) if new.digest == own.digest => {
            (new != own).then(|| old.described(unit.metadata.kind.clone()))
        }
        _ => Some(unit.clone()),
    }
}

/// Returns the steps that start units: the instances, then the target, so that each instance has its own
/// systemd job to wait for.
pub(super) fn start(desired: &UnitSet, files: &Files, observed: &Observed) -> Vec<Step> {
    if observed.states.is_none() {
        return Vec::new();
    }
    let is_target = |unit: &Unit| unit.metadata.kind == Kind::Target;
    let instances = desired.units.iter().filter(|(_, unit)| unit.metadata.kind.is_instance());
    let has_instances = instances.clone().next().is_some();
    let target = desired.units.iter().filter(|(_, unit)| has_instances && is_target(unit));
    let start = instances.chain(target).filter_map(|(name, unit)| {
        let is_instance = unit.metadata.kind.is_instance();
        match observed.state(name).is_some_and(ActiveState::is_up) {
            true if is_instance && files.stale.contains(name) => Some(Step::Restart(name.clone())),
            true => None,
            false => Some(Step::Start(name.clone())),
        }
    });
    start.collect()
}
