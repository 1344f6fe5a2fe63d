//! The releases of a service that are on a host, and which of them is the current one.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;

use super::{ActiveState, Observed};
use crate::error::Invalid;
use crate::name::{ReleaseName, Revision, ServiceId, UnitName};
use crate::unit::Record;

/// A release as its units on a host tell of it.
#[derive(Debug, Clone)]
pub struct ObservedRelease {
    /// Its name.
    pub name: ReleaseName,
    /// Its revision.
    pub revision: Revision,
    /// When it was deployed; the last word of its units.
    pub record: Option<Record>,
    /// Its instances.
    pub units: Vec<UnitName>,
    /// Those that are wanted by the service's target.
    pub enabled: Vec<UnitName>,
    /// Those that are up.
    pub up: Vec<UnitName>,
}

impl ObservedRelease {
    /// Begins with a release of which nothing is known yet.
    fn new(name: ReleaseName, revision: Revision) -> Self {
        let (units, enabled, up) = (Vec::new(), Vec::new(), Vec::new());
        Self { name, revision, record: None, units, enabled, up }
    }

    /// Tells whether all of it that should run is up.
    pub(super) fn serves(&self) -> bool {
        !self.enabled.is_empty() && self.enabled.iter().all(|unit| self.up.contains(unit))
    }
}

/// Gives the releases of a service, the one deployed last first: that is the current one.
pub fn releases(service: &ServiceId, observed: &Observed) -> Vec<ObservedRelease> {
    let mut releases: BTreeMap<ReleaseName, ObservedRelease> = BTreeMap::new();
    for (name, unit) in observed.units_of(service) {
        let Some(instance) = unit.metadata.kind.instance() else { continue };
        let release = releases.entry(instance.release()).or_insert_with_key(|release| {
            ObservedRelease::new(release.clone(), instance.revision.clone())
        });
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
    // Of a service without instances, only its jobs tell.
    for job in observed.units_of(service).filter_map(|(_, unit)| unit.metadata.kind.job()) {
        let of = releases.entry(job.release.clone()).or_insert_with_key(|release| {
            ObservedRelease::new(release.clone(), job.revision.clone())
        });
        if job.record > of.record {
            of.record.clone_from(&job.record);
        }
    }
    let mut releases: Vec<_> = releases.into_values().collect();
    releases.sort_by(|a, b| (&b.record, b.up.len()).cmp(&(&a.record, a.up.len())));
    releases
}

/// Gives what is to be recorded of a release that a service is to run.
///
/// The current release keeps its record. Another one is deployed now, and later than any other
/// whatever the clock says; it replaces the last one that was seen up.
pub fn record(
    service: &ServiceId,
    release: &ReleaseName,
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
    let replaces = served_last(&releases, release).map(|release| release.name.clone());
    Some(Record { deployed: later(now, &releases), replaces, undoes: None, definition })
}

/// Finds the release that a rollback goes back to, with what is to be recorded of it.
///
/// Without a wish that is the one which the current release replaced; or the current one, if it is
/// that of a rollback which did not come to its end.
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

/// What a rollback is to go back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RollbackTarget {
    /// The last release of a revision.
    Revision(Revision),
    /// A single release.
    Release(ReleaseName),
}

impl FromStr for RollbackTarget {
    type Err = Invalid;

    /// What could be both is a release: few tags end in a dot and six hexadecimal digits.
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

/// Gives a time that is later than that of any deploy before.
pub(super) fn later(now: Timestamp, releases: &[ObservedRelease]) -> Timestamp {
    let last = releases.iter().filter_map(|release| Some(release.record.as_ref()?.deployed)).max();
    let after = last.and_then(|last| last.checked_add(Duration::from_micros(1)).ok());
    // A unit file is for people, too.
    let now = now.round(jiff::Unit::Microsecond).unwrap_or(now);
    after.map_or(now, |after| now.max(after))
}

/// Finds the release that served last, other than the one that is to come: the newest one that is
/// up, or else the newest.
pub(super) fn served_last<'r>(
    releases: &'r [ObservedRelease],
    coming: &ReleaseName,
) -> Option<&'r ObservedRelease> {
    let mut others = releases.iter().filter(|release| release.name != *coming);
    let newest = others.clone().next();
    others.find(|release| !release.up.is_empty()).or(newest)
}
