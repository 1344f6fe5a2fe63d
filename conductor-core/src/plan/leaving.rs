//! What is on the host and not desired: what of it goes, and what stays for a rollback.

use std::collections::BTreeSet;

use super::releases::served_last;
use super::{ActiveState, Desired, Observed, ObservedRelease, Step};
use crate::name::{ReleaseName, ServiceId, UnitName};
use crate::unit::{EngineImage, UnitSet};

/// Units that are on the host and not desired.
#[derive(Default)]
pub(super) struct Leaving {
    /// Instances that are up.
    pub(super) up: Vec<UnitName>,
    /// All that is not down.
    pub(super) stop: Vec<Step>,
    pub(super) disable: Vec<Step>,
    pub(super) remove: Vec<Step>,
    pub(super) images: Vec<Step>,
}

impl Leaving {
    /// Finds what leaves for what is desired.
    pub(super) fn new(
        desired: &Desired<'_>,
        releases: &[ObservedRelease],
        observed: &Observed,
    ) -> Self {
        let id = &desired.service.id;
        let kept = kept(desired, releases);
        let mut leaving = Self::all(id, &desired.units, observed);
        leaving.remove.retain(|step| step.unit().is_none_or(|unit| !kept.contains(unit)));
        leaving.images = images(&leaving.remove, &desired.units, observed);
        leaving
    }

    /// Takes everything for leaving that is not among some units.
    pub(super) fn all(service: &ServiceId, desired: &UnitSet, observed: &Observed) -> Self {
        let gone = observed.units_of(service).filter(|(name, _)| !desired.units.contains_key(name));
        let units: Vec<_> = gone.collect();
        let links = observed.links_of(service).filter(|link| !desired.links.contains(link));
        let up = units.iter().filter(|(name, unit)| {
            unit.metadata.kind.is_instance() && observed.state(name).is_some_and(ActiveState::is_up)
        });
        let held = units.iter().filter(|(name, _)| {
            observed.state(name).is_some_and(|state| state != ActiveState::Inactive)
        });
        let mut stop: Vec<_> = held.map(|(name, _)| (*name).clone()).collect();
        // A slice can be stopped only when nothing is left in it.
        stop.sort_by_key(|unit| unit.kind() == "slice");
        Self {
            up: up.map(|(name, _)| (*name).clone()).collect(),
            stop: stop.into_iter().map(Step::Stop).collect(),
            disable: links.cloned().map(Step::Disable).collect(),
            remove: units.iter().map(|(name, _)| Step::Remove((*name).clone())).collect(),
            images: Vec::new(),
        }
    }
}

/// Finds the instances that stay on the host, stopped: those of the last releases that served.
///
/// What is newer than the release that served last is a deploy that was given up, and goes.
fn kept(desired: &Desired<'_>, releases: &[ObservedRelease]) -> BTreeSet<UnitName> {
    let own = &desired.release;
    let served = served_last(releases, own);
    let unfinished = |release: &ObservedRelease| {
        served.is_some_and(|served| !served.up.is_empty() && release.record > served.record)
    };
    let old = releases.iter().filter(|release| release.name != *own && !unfinished(release));
    let kept = old.take(usize::from(desired.service.deploy.keep));
    // Without instances nothing else would say which release is the current one.
    let current =
        releases.iter().filter(|release| release.name == *own && !desired.has_instances());
    kept.chain(current).flat_map(|release| release.units.iter().cloned()).collect()
}

/// Finds the images of releases that go, if nothing else on the host uses them.
fn images(remove: &[Step], desired: &UnitSet, observed: &Observed) -> Vec<Step> {
    let image = |unit: &UnitName| {
        let unit = observed.set.units.get(unit).or_else(|| desired.units.get(unit))?;
        unit.metadata.kind.instance()?.image.clone()
    };
    let gone: BTreeSet<&UnitName> = remove.iter().filter_map(Step::unit).collect();
    let images: BTreeSet<EngineImage> = gone.iter().filter_map(|unit| image(unit)).collect();
    if images.is_empty() {
        return Vec::new();
    }
    let stay = observed.set.units.keys().chain(desired.units.keys());
    let used: BTreeSet<_> = stay.filter(|unit| !gone.contains(unit)).filter_map(image).collect();
    images.difference(&used).cloned().map(Step::RemoveImage).collect()
}

/// Tells whether the release of this name is the current one.
pub(super) fn is_current(release: &ReleaseName, releases: &[ObservedRelease]) -> bool {
    releases.first().is_some_and(|current| current.name == *release)
}
