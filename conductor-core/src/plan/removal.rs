//! Units that are on the host and not desired: those to remove, and those to keep for a rollback.

use std::collections::BTreeSet;

use super::releases::served_last;
use super::{ActiveState, Desired, Observed, ObservedRelease, Step, networks};
use crate::name::{ReleaseName, ServiceId, UnitName};
use crate::release::slice_unit;
use crate::unit::{EngineImage, Unit, UnitSet};

const SLICE: &str = "slice";
/// The directive with which a job that is stopped gives up its turn.
const TURN: &str = "PropagatesStopTo";

/// Units that are on the host and not desired.
#[derive(Default)]
pub(super) struct Leaving {
    /// Instances that are up.
    pub(super) up: Vec<UnitName>,
    /// The steps that stop all units that are not down.
    pub(super) stop: Vec<Step>,
    pub(super) disable: Vec<Step>,
    pub(super) remove: Vec<Step>,
    pub(super) images: Vec<Step>,
    pub(super) networks: Vec<Step>,
}

impl Leaving {
    /// Returns what the desired state replaces.
    pub(super) fn new(
        desired: &Desired<'_>,
        jobs: &UnitSet,
        releases: &[ObservedRelease],
        observed: &Observed,
    ) -> Self {
        let id = &desired.service.id;
        let kept = kept(desired, releases);
        let stays = [&desired.units, jobs];
        let mut leaving = Self::all(id, &stays, observed);
        // A job that runs is not stopped, even if its schedule is removed.
        leaving.stop.retain(|step| step.unit().is_none_or(|unit| !is_job(unit, observed)));
        // The service still runs in its slice, also if a file of the slice is removed.
        leaving.stop.retain(|step| step.unit().is_none_or(|unit| unit.kind() != SLICE));
        leaving.remove.retain(|step| step.unit().is_none_or(|unit| !kept.contains(unit)));
        leaving.images = images(id, &leaving.remove, &stays, observed);
        if observed.states.is_some() {
            let gone: BTreeSet<_> = leaving.remove.iter().filter_map(Step::unit).collect();
            let old = || observed.units_of(id);
            let is_changed = |name| stays.iter().any(|set| set.units.contains_key(name));
            let kept = old().filter(|(name, _)| !gone.contains(name) && !is_changed(name));
            let new = stays.iter().flat_map(|set| &set.units);
            leaving.networks =
                networks::left(old().map(|(_, unit)| unit), kept.chain(new).map(|(_, unit)| unit));
        }
        leaving
    }

    /// Returns all units of a service except those of some sets.
    pub(super) fn all(service: &ServiceId, stays: &[&UnitSet], observed: &Observed) -> Self {
        let goes = |name: &UnitName| !stays.iter().any(|set| set.units.contains_key(name));
        let units: Vec<_> = observed.units_of(service).filter(|(name, _)| goes(name)).collect();
        let links = observed
            .links_of(service)
            .filter(|link| !stays.iter().any(|set| set.links.contains(link)));
        let up = units.iter().filter(|(name, unit)| {
            unit.metadata.kind.is_instance() && observed.state(name).is_some_and(ActiveState::is_up)
        });
        // A job that waits for its turn is inactive, too. It would start when another one is stopped.
        let may_wait = |name: &UnitName| {
            let unit = observed.set.units.get(name);
            unit.is_some_and(|unit| unit.values(TURN).next().is_some())
        };
        let is_held = |name: &UnitName| {
            let is_held = |state| state != ActiveState::Inactive || may_wait(name);
            observed.state(name).is_some_and(is_held)
        };
        // The slice is stopped last, when it is empty. It has a file only if an older version wrote one.
        let slice = Some(slice_unit(service)).filter(|_| !units.is_empty());
        let others = units.iter().map(|(name, _)| *name).filter(|name| name.kind() != SLICE);
        let stop = others.chain(&slice).filter(|name| is_held(name)).cloned();
        let stop: Vec<_> = stop.collect();
        Self {
            up: up.map(|(name, _)| (*name).clone()).collect(),
            stop: stop.into_iter().map(Step::Stop).collect(),
            disable: links.cloned().map(Step::Disable).collect(),
            remove: units.iter().map(|(name, _)| Step::Remove((*name).clone())).collect(),
            images: Vec::new(),
            networks: Vec::new(),
        }
    }
}

/// Returns the instances of kept releases, which stay on the host, stopped: the last ones that served.
///
/// A release that is newer than the one that served last is from a failed deploy, and is removed.
fn kept(desired: &Desired<'_>, releases: &[ObservedRelease]) -> BTreeSet<UnitName> {
    let own = &desired.release;
    let served = served_last(releases, own);
    let unfinished = |release: &ObservedRelease| {
        served.is_some_and(|served| !served.up.is_empty() && release.record > served.record)
    };
    let goes = |release: &ObservedRelease| {
        release.name == *own || desired.twins.contains(&release.name) || unfinished(release)
    };
    let old = releases.iter().filter(|release| !goes(release));
    let kept = old.take(usize::from(desired.service.deploy.keep));
    // Without instances, only they say which release is current.
    let current =
        releases.iter().filter(|release| release.name == *own && !desired.has_instances());
    kept.chain(current).flat_map(|release| release.units.iter().cloned()).collect()
}

/// Returns the images of removed releases that nothing else on the host uses.
///
/// A job's unit is changed in place, so it no longer uses its previous image.
fn images(
    service: &ServiceId,
    remove: &[Step],
    stays: &[&UnitSet],
    observed: &Observed,
) -> Vec<Step> {
    let desired = |unit: &UnitName| stays.iter().find_map(|set| set.units.get(unit));
    let image = |unit: &UnitName| {
        let unit = desired(unit).or_else(|| observed.set.units.get(unit))?;
        unit.metadata.kind.image().cloned()
    };
    let gone: BTreeSet<&UnitName> = remove.iter().filter_map(Step::unit).collect();
    let mut images: BTreeSet<EngineImage> = gone.iter().filter_map(|unit| image(unit)).collect();
    let jobs = observed.units_of(service).filter_map(|(_, unit)| unit.metadata.kind.job());
    images.extend(jobs.filter_map(|job| job.image.clone()));
    if images.is_empty() {
        return Vec::new();
    }
    let stay = observed.set.units.keys().chain(stays.iter().flat_map(|set| set.units.keys()));
    let used: BTreeSet<_> = stay.filter(|unit| !gone.contains(unit)).filter_map(image).collect();
    let gone: BTreeSet<UnitName> = gone.into_iter().cloned().collect();
    let images = images.difference(&used).cloned().map(Step::RemoveImage);
    let mut tags = unused_tags(service, &gone, stays, observed);
    let replaced = replaced_tags(service, &gone, stays, observed);
    tags.extend(replaced.into_iter().filter(|step| !tags.contains(step)).collect::<Vec<_>>());
    tags.into_iter().chain(images).collect()
}

/// Returns the steps that remove the tags of jobs of a service without instances: a job's unit is changed in place, and
/// no instance of the release before has its tag.
fn replaced_tags(
    service: &ServiceId,
    gone: &BTreeSet<UnitName>,
    stays: &[&UnitSet],
    observed: &Observed,
) -> Vec<Step> {
    let tag = |unit: &Unit| unit.metadata.kind.pinned().map(|(tag, _)| tag);
    let desired = |name: &UnitName| stays.iter().find_map(|set| set.units.get(name));
    let old = || observed.units_of(service);
    let left = old().filter(|(name, _)| !gone.contains(*name) && desired(name).is_none());
    let new = stays.iter().flat_map(|set| &set.units);
    let used: BTreeSet<_> = left.chain(new).filter_map(|(_, unit)| tag(unit)).collect();
    let replaced =
        old().filter(|(name, unit)| unit.metadata.kind.job().is_some() && desired(name).is_some());
    let replaced: BTreeSet<_> = replaced.filter_map(|(_, unit)| tag(unit)).collect();
    replaced.difference(&used).cloned().map(Step::RemoveImage).collect()
}

/// Returns the steps that remove the tags of units that are removed, unless other units still have them.
pub(super) fn unused_tags(
    service: &ServiceId,
    gone: &BTreeSet<UnitName>,
    desired: &[&UnitSet],
    observed: &Observed,
) -> Vec<Step> {
    let tag = |unit: &Unit| unit.metadata.kind.pinned().map(|(tag, _)| tag);
    // A unit that is changed in place no longer has its previous tag.
    let stays = |name: &UnitName| desired.iter().any(|set| set.units.contains_key(name));
    let others = || observed.units_of(service).filter(|(name, _)| !stays(name));
    let all = || others().chain(desired.iter().flat_map(|set| &set.units));
    let tags = |left: bool| {
        let units = all().filter(move |(name, _)| gone.contains(*name) != left);
        units.filter_map(|(_, unit)| tag(unit)).collect::<BTreeSet<_>>()
    };
    tags(false).difference(&tags(true)).cloned().map(Step::RemoveImage).collect()
}

fn is_job(unit: &UnitName, observed: &Observed) -> bool {
    observed.set.units.get(unit).is_some_and(|unit| unit.metadata.kind.job().is_some())
}

/// Returns whether the release of this name is the current one.
pub(super) fn is_current(release: &ReleaseName, releases: &[ObservedRelease]) -> bool {
    releases.first().is_some_and(|current| current.name == *release)
}
