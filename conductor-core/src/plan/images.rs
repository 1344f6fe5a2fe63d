//! The images of releases: which one a release starts, and the steps that make it ready.
//!
//! A tag may come to mean another image. So a release keeps the image that it was deployed with, under a tag of
//! conductor's own, and its units have the image's id.

use std::collections::{BTreeMap, BTreeSet};

use super::{Observed, Step, releases};
use crate::name::{ReleaseName, ServiceId, UnitName};
use crate::release::{CompileError, Images, Release};
use crate::runtime::Scope;
use crate::unit::{EngineImage, Instance, Kind, LocalImage, Pin, Templates, Unit};
use crate::value::{Digest, HostPath};

/// What the units of a release on the host say about its images.
#[derive(Debug, PartialEq, Eq)]
enum Recorded {
    /// It keeps them.
    Kept(Images),
    /// It starts whatever the tags of the definition mean: an older version rendered it, or there was no engine.
    AsNamed,
}

/// Returns what the units of a release say; `None` if it is not on the host. Those of its jobs count if it has no
/// instances.
fn recorded(service: &ServiceId, release: &ReleaseName, observed: &Observed) -> Option<Recorded> {
    let kinds = || observed.units_of(service).map(|(_, unit)| &unit.metadata.kind);
    let instances = kinds().filter_map(Kind::instance);
    let instances = instances.filter(|instance| instance.release() == *release);
    let jobs = kinds().filter_map(Kind::job).filter(|job| job.release == *release);
    let of_instances = instances.map(|instance| (&instance.image, &instance.pin));
    recorded_in(of_instances).or_else(|| recorded_in(jobs.map(|job| (&job.image, &job.pin))))
}

fn recorded_in<'u>(
    units: impl Iterator<Item = (&'u Option<EngineImage>, &'u Option<Pin>)>,
) -> Option<Recorded> {
    let mut found = None;
    for (image, pin) in units {
        let Recorded::Kept(images) = found.get_or_insert(match pin {
            Some(_) => Recorded::Kept(Images::new()),
            None => Recorded::AsNamed,
        }) else {
            continue;
        };
        if let (Some(image), Some(Pin { image: Some(local), .. })) = (image, pin) {
            images.insert(image.clone(), local.clone());
        }
    }
    found
}

/// Returns the release with the images that its instances start: those that it was deployed with if it is on the host,
/// or that it had before it was renewed; else, or if they are to be `fresh`, what the engine has now.
#[must_use]
pub fn with_images<'s>(
    release: Release<'s>,
    before: &ReleaseName,
    fresh: bool,
    observed: &Observed,
) -> Release<'s> {
    let id = &release.service.id;
    if observed.states.is_none() {
        return release;
    }
    let wanted = match release.engine_images() {
        Ok(images) if !images.is_empty() => images,
        // What is invalid is reported when it is compiled.
        _ => return release,
    };
    let own = recorded(id, &release.name(), observed);
    let own = own.or_else(|| match recorded(id, before, observed) {
        Some(Recorded::AsNamed) | None => None,
        kept => kept,
    });
    let images = match own {
        Some(Recorded::AsNamed) if !fresh => None,
        own => {
            let kept = match own {
                Some(Recorded::Kept(images)) if !fresh => images,
                _ => Images::new(),
            };
            let known = |image: EngineImage| {
                let local = match kept.get(&image) {
                    Some(kept) => as_observed(kept, &image, observed),
                    None => observed.images.get(&image)?.clone(),
                };
                Some((image, local))
            };
            Some(wanted.into_iter().filter_map(known).collect())
        }
    };
    release.with_images(images)
}

/// Returns what is known of a recorded image: units have of it what they need, and others may need more. Those of jobs
/// have no volumes, and those of instances not where the image comes from.
fn as_observed(kept: &LocalImage, image: &EngineImage, observed: &Observed) -> LocalImage {
    let is_it = |now: &&LocalImage| now.id == kept.id;
    let named = observed.images.get(image).filter(is_it);
    let of_engine = observed.images.iter().filter(|(other, _)| other.engine == image.engine);
    let same = named.or_else(|| of_engine.map(|(_, now)| now).find(is_it));
    let volumes = same.map_or(&kept.volumes, |now| &now.volumes).clone();
    let source = named.and_then(|now| now.source.clone()).or_else(|| kept.source.clone());
    LocalImage { id: kept.id.clone(), volumes, source }
}

/// Returns the release with the images of another one on the host, for whose jobs it is compiled.
#[must_use]
pub fn with_images_of<'s>(
    release: Release<'s>,
    other: &ReleaseName,
    observed: &Observed,
) -> Release<'s> {
    let wanted = release.engine_images().unwrap_or_default();
    let images = match recorded(&release.service.id, other, observed) {
        Some(Recorded::Kept(images)) => {
            Some(images).filter(|images| wanted.iter().all(|image| images.contains_key(image)))
        }
        Some(Recorded::AsNamed) | None => None,
    };
    release.with_images(images)
}

/// Returns the release with the images of a unit on the host, so that it is compiled as it was.
#[must_use]
pub(super) fn as_recorded<'s>(release: Release<'s>, unit: &Unit) -> Release<'s> {
    let Kind::Instance(instance) = &unit.metadata.kind else { return release };
    let images = instance.pin.as_ref().map(|pin| {
        let image = instance.image.clone().zip(pin.image.clone());
        image.into_iter().collect()
    });
    release.with_images(images)
}

/// Returns whether a release on the host has the same images as one that replaces it.
pub(super) fn has_images_of(
    release: &Release<'_>,
    other: &ReleaseName,
    observed: &Observed,
) -> bool {
    let ids = |images: &Images| -> Vec<_> {
        images.iter().map(|(image, local)| (image.clone(), local.id.clone())).collect()
    };
    match (recorded(&release.service.id, other, observed), &release.images) {
        (Some(Recorded::Kept(old)), Some(new)) => ids(&old) == ids(new),
        (Some(Recorded::Kept(_)), None) => false,
        (Some(Recorded::AsNamed) | None, images) => images.is_none(),
    }
}

/// Returns which images of a release on the host are other ones now, after they were pulled, in words.
pub fn moved(release: &Release<'_>, observed: &Observed) -> Result<Vec<String>, CompileError> {
    let images = release.engine_images()?;
    let pulled = images.iter().filter(|image| observed.pulled.contains(*image));
    let of = recorded(&release.service.id, &release.name(), observed);
    let moved = pulled.filter_map(|image| {
        let now = observed.images.get(image)?;
        match of.as_ref()? {
            Recorded::AsNamed => Some(format!(
                "{} was pulled, and an older version did not record which image runs",
                image.reference
            )),
            Recorded::Kept(images) => is_other(image, images.get(image), now),
        }
    });
    Ok(moved.collect())
}

/// Returns which images of a release are not those that the same names meant for the current release, in words.
pub fn other_images(release: &Release<'_>, observed: &Observed) -> Vec<String> {
    let id = &release.service.id;
    let Some(current) = releases(id, observed).into_iter().next() else { return Vec::new() };
    let (Some(new), Some(Recorded::Kept(old))) =
        (&release.images, recorded(id, &current.name, observed))
    else {
        return Vec::new();
    };
    new.iter().filter_map(|(image, now)| is_other(image, Some(old.get(image)?), now)).collect()
}

fn is_other(image: &EngineImage, old: Option<&LocalImage>, now: &LocalImage) -> Option<String> {
    let reference = &image.reference;
    match old {
        Some(old) if old.id == now.id => None,
        Some(old) => Some(format!(
            "{reference} is another image now: {}, it was {}",
            now.id.short(),
            old.id.short()
        )),
        None => Some(format!(
            "{reference} is {}, and it was not known which image runs",
            now.id.short()
        )),
    }
}

/// Returns the images, and tags of conductor's own, of some releases of a service.
pub fn asked_of(
    service: &ServiceId,
    of: &dyn Fn(&ReleaseName) -> bool,
    observed: &Observed,
) -> BTreeSet<EngineImage> {
    let mut asked = BTreeSet::new();
    for (_, unit) in observed.units_of(service) {
        let kind = &unit.metadata.kind;
        let release = kind.instance().map(Instance::release);
        let release = release.or_else(|| Some(kind.job()?.release.clone()));
        if !release.is_some_and(|release| of(&release)) {
            continue;
        }
        asked.extend(unit.metadata.kind.image().cloned());
        let Some((tag, pin)) = unit.metadata.kind.pinned() else { continue };
        let engine = tag.engine;
        asked.extend(pin.id().map(|id| EngineImage { engine, reference: id.as_str().to_owned() }));
        asked.insert(tag);
    }
    asked
}

/// Returns whether a job's unit of a release is not on the host as it should be, so that its image has to be ready.
/// `host_limit` is how many jobs of all services run at the same time.
pub fn changes_jobs(
    release: &Release<'_>,
    host_limit: Option<u16>,
    scope: Scope,
    observed: &Observed,
    templates: &Templates,
) -> bool {
    if release.service.jobs.is_empty() {
        return false;
    }
    let name = release.name();
    let release = with_images(release.clone(), &name, false, observed);
    // What does not compile is reported later.
    let jobs = release.compile_jobs(&name, None, host_limit, scope, templates);
    let Ok(jobs) = jobs else { return false };
    let is_there = |(name, unit): (&UnitName, &Unit)| {
        observed.set.units.get(name).is_some_and(|old| old.reads_like(unit))
    };
    !jobs.units.iter().filter(|(_, unit)| unit.metadata.kind.job().is_some()).all(is_there)
}

/// Returns the steps that make the images of units ready: those that pull, then those that tag.
pub(super) fn ready<'u>(units: impl Iterator<Item = &'u Unit>, observed: &Observed) -> Vec<Step> {
    let (mut pulls, mut tags) = (BTreeMap::new(), BTreeMap::new());
    for unit in units {
        let Some(image) = unit.metadata.kind.image() else { continue };
        let Some((tag, pin)) = unit.metadata.kind.pinned() else {
            pulls.entry(image.clone()).or_insert(false);
            continue;
        };
        let known = |id: &&Digest| {
            let mut images = observed.images.iter();
            images.any(|(other, local)| other.engine == image.engine && local.id == **id)
        };
        match pin.id() {
            Some(id) if observed.images.get(&tag).is_some_and(|now| now.id == *id) => continue,
            Some(id) if known(&id) => {}
            id => match pin.source() {
                // Its digest means just this image.
                Some(source) => {
                    let (engine, reference) = (image.engine, source.to_owned());
                    pulls.entry(EngineImage { engine, reference }).or_insert(false);
                }
                // What the tag means here may not be the image: then the registry may have it.
                None => *pulls.entry(image.clone()).or_insert(false) |= id.is_some(),
            },
        }
        tags.insert(tag, (image.clone(), pin.id().cloned()));
    }
    let pulls = pulls.into_iter().map(|(image, always)| Step::Pull { image, always });
    let tags =
        tags.into_iter().map(|(tag, (image, id))| Step::Tag { image, id, tag: tag.reference });
    pulls.chain(tags).collect()
}

/// Returns the tag of conductor's own under which the newest release of a service with an image keeps it, and from where
/// exactly that image comes again, if that is recorded.
pub fn kept_tag(
    service: &ServiceId,
    image: &EngineImage,
    observed: &Observed,
) -> Option<(EngineImage, Option<EngineImage>)> {
    let has_it = |unit: &&UnitName| {
        let kind = &observed.set.units.get(*unit)?.metadata.kind;
        let (tag, pin) = kind.pinned().filter(|_| kind.image() == Some(image))?;
        let engine = tag.engine;
        let source =
            pin.source().map(|source| EngineImage { engine, reference: source.to_owned() });
        Some((tag, source))
    };
    let releases = releases(service, observed);
    let of_instances =
        releases.iter().find_map(|release| release.units.iter().find_map(|unit| has_it(&unit)));
    of_instances.or_else(|| {
        let mut jobs =
            observed.units_of(service).filter(|(_, unit)| unit.metadata.kind.job().is_some());
        jobs.find_map(|(unit, _)| has_it(&unit))
    })
}

/// Returns, for the paths at which images of units keep data, what becomes of it, in words.
pub(super) fn kept_data<'u>(
    units: impl Iterator<Item = &'u Unit>,
    leaving: &[UnitName],
    observed: &Observed,
) -> Vec<String> {
    let pins = units.filter_map(|unit| unit.metadata.kind.instance()?.pin.as_ref());
    let paths: BTreeSet<_> = pins.flat_map(Pin::volumes).map(HostPath::as_str).collect();
    let paths: Vec<_> = paths.into_iter().collect();
    if paths.is_empty() {
        return Vec::new();
    }
    let paths = paths.join(" and ");
    let mut notes = vec![format!(
        "the image keeps data in {paths}, which no entry of volumes covers: each instance has a volume of its own for \
         it, which restarts and deploys keep"
    )];
    let kept_nothing = |name: &&UnitName| {
        let unit = observed.set.units.get(*name);
        let instance = unit.and_then(|unit| unit.metadata.kind.instance());
        instance.is_some_and(|instance| instance.image.is_some() && instance.pin.is_none())
    };
    // A version before this one deployed it.
    if let Some(unit) = leaving.iter().find(kept_nothing) {
        let container = unit.as_str().trim_end_matches(".service");
        notes.push(format!(
            "what {container} wrote to {paths} is in a volume without a name, which the engine removes when it stops: \
             copy it first"
        ));
    }
    notes
}
