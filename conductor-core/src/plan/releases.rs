//! The releases of a service on a host, and which one is current.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;

use super::{ActiveState, Observed};
use crate::error::Invalid;
use crate::name::{ReleaseName, Revision, ServiceId, UnitName};
use crate::unit::{Pin, Record};
use crate::value::Digest;

/// A release as observed in its units on a host.
#[derive(Debug, Clone)]
pub struct ObservedRelease {
    /// Its name.
    pub name: ReleaseName,
    /// Its revision.
    pub revision: Revision,
    /// How often it was renewed.
    pub renewed: u32,
    /// The engine's id of the image that it keeps, if that is known; of its first instance, or of a job.
    pub image_id: Option<Digest>,
    /// The record of its deploy: the newest one of its units.
    pub record: Option<Record>,
    /// Its instances.
    pub units: Vec<UnitName>,
    /// The instances that the service's target wants.
    pub enabled: Vec<UnitName>,
    /// The instances that are up.
    pub up: Vec<UnitName>,
}

impl ObservedRelease {
    /// Creates a release without units.
    fn new(name: ReleaseName, revision: Revision) -> Self {
        let (units, enabled, up) = (Vec::new(), Vec::new(), Vec::new());
        Self { name, revision, renewed: 0, image_id: None, record: None, units, enabled, up }
    }

    /// Returns whether all its enabled instances are up.
    pub(super) fn serves(&self) -> bool {
        !self.enabled.is_empty() && self.enabled.iter().all(|unit| self.up.contains(unit))
    }
}

/// Returns the releases of a service, the newest deploy first: that is the current release.
pub fn releases(service: &ServiceId, observed: &Observed) -> Vec<ObservedRelease> {
    let mut releases: BTreeMap<ReleaseName, ObservedRelease> = BTreeMap::new();
    for (name, unit) in observed.units_of(service) {
        let Some(instance) = unit.metadata.kind.instance() else { continue };
        let release = releases.entry(instance.release()).or_insert_with_key(|release| {
            ObservedRelease::new(release.clone(), instance.revision.clone())
        });
        release.renewed = instance.renewed;
        if release.image_id.is_none() {
            release.image_id = instance.pin.as_ref().and_then(Pin::id).cloned();
        }
        if instance.record > release.record {
            release.record.clone_from(&instance.record);
        }
        release.units.push(name.clone());
        if observed.links_of(service).any(|link| link.unit == *name) {
            release.enabled.push(name.clone());
        }
        if observed.state(name).is_some_and(ActiveState::is_up) {
            release.up.push(name.clone());
        }
    }
    // For a service without instances, only its jobs have a record.
    for job in observed.units_of(service).filter_map(|(_, unit)| unit.metadata.kind.job()) {
        let of = releases.entry(job.release.clone()).or_insert_with_key(|release| {
            ObservedRelease::new(release.clone(), job.revision.clone())
        });
        if job.record > of.record {
            of.record.clone_from(&job.record);
        }
        if of.image_id.is_none() {
            of.image_id = job.pin.as_ref().and_then(Pin::id).cloned();
        }
    }
    let mut releases: Vec<_> = releases.into_values().collect();
    releases.sort_by(|a, b| (&b.record, b.up.len()).cmp(&(&a.record, a.up.len())));
    releases
}

/// Returns the record of a release that a service is to run.
///
/// The current release keeps its record. Another one is deployed now, or just after the newest deploy if the
/// clock is behind; it replaces the newest one that is up, or what that one replaced, if that is a twin.
pub fn record(
    service: &ServiceId,
    release: &ReleaseName,
    twins: &BTreeSet<ReleaseName>,
    observed: &Observed,
    now: Timestamp,
    definition: Option<String>,
) -> Option<Record> {
    let releases = releases(service, observed);
    if let Some(current) = releases.first()
        && current.name == *release
    {
        return current.record.clone();
    }
    let replaces =
        served_last(&releases, release).and_then(|old| match twins.contains(&old.name) {
            true => old.record.as_ref()?.replaces.clone(),
            false => Some(old.name.clone()),
        });
    Some(Record { deployed: later(now, &releases), replaces, undoes: None, definition })
}

/// Returns the release that a rollback goes back to, with its new record.
///
/// By default it is the one that the current release replaced, or the current one itself, if it is from a
/// rollback that was not completed.
pub fn rollback<'r>(
    releases: &'r [ObservedRelease],
    wish: Option<&RollbackTarget>,
    now: Timestamp,
) -> Option<(&'r ObservedRelease, Option<Record>)> {
    let current = releases.first()?;
    let record = current.record.as_ref();
    let find = |name: &ReleaseName| releases.iter().find(|release| release.name == *name);
    let unfinished = record.and_then(|record| record.undoes.as_ref()).and_then(find);
    let target = match wish {
        None if unfinished.is_some_and(|undone| !undone.enabled.is_empty()) => current,
        None => find(record?.replaces.as_ref()?)?,
        Some(RollbackTarget::Release(name)) => find(name)?,
        Some(RollbackTarget::Revision(revision)) => {
            releases.iter().find(|release| release.revision == *revision)?
        }
    };
    if target.name == current.name {
        return Some((target, current.record.clone()));
    }
    let own = target.record.as_ref();
    let record = Record {
        deployed: later(now, releases),
        replaces: own.and_then(|own| own.replaces.clone()),
        undoes: Some(current.name.clone()),
        definition: own.and_then(|own| own.definition.clone()),
    };
    Some((target, Some(record)))
}

/// The target of a rollback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RollbackTarget {
    /// The last release of a revision.
    Revision(Revision),
    /// A single release.
    Release(ReleaseName),
}

impl FromStr for RollbackTarget {
    type Err = Invalid;

    /// Reads text that could be both as a release: few tags end in a dot and six hexadecimal digits.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        text.parse().map(Self::Release).or_else(|_| text.parse().map(Self::Revision))
    }
}

impl fmt::Display for RollbackTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Revision(revision) => revision.fmt(f),
            Self::Release(name) => name.fmt(f),
        }
    }
}

/// Returns a time that is later than that of every deploy so far.
pub(super) fn later(now: Timestamp, releases: &[ObservedRelease]) -> Timestamp {
    let last = releases.iter().filter_map(|release| Some(release.record.as_ref()?.deployed)).max();
    let after = last.and_then(|last| last.checked_add(Duration::from_micros(1)).ok());
    // Rounded, because people read unit files.
    let now = now.round(jiff::Unit::Microsecond).unwrap_or(now);
    after.map_or(now, |after| now.max(after))
}

/// Returns the release that served last, other than the new one: the newest one that is up, or else the
/// newest.
pub(super) fn served_last<'r>(
    releases: &'r [ObservedRelease],
    coming: &ReleaseName,
) -> Option<&'r ObservedRelease> {
    let mut others = releases.iter().filter(|release| release.name != *coming);
    let newest = others.clone().next();
    others.find(|release| !release.up.is_empty()).or(newest)
}
