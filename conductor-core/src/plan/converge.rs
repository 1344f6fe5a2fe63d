//! Plans one service from the observed to the desired state.

use std::collections::BTreeSet;
use std::time::Duration;

use super::files::{Files, start};
use super::releases::{releases, served_last};
use super::removal::{Leaving, is_current, unused_tags};
use super::schedule::{Schedule, with_pauses};
use super::traffic::{self, Traffic};
use super::{
    ActiveState, Dependencies, Desired, FileChange, Foreign, Observed, ObservedRelease,
    ServicePlan, Step, Steps, images, networks,
};
use crate::definition::Order;
use crate::name::{ServiceId, UnitName};
use crate::release::{link, slice_unit};
use crate::service::ServiceFields;
use crate::unit::{Link, NamedVolume, Pin, UnitSet};
use crate::value::Span;

/// Plans the steps of one service to its desired state.
///
/// # Errors
/// A file or link that is not conductor's is at the path of one of its own.
pub fn converge(desired: &Desired<'_>, observed: &Observed) -> Result<ServicePlan, Foreign> {
    let service = desired.service;
    let jobs = with_pauses(&desired.jobs, observed);
    refuse_foreign(Some(&service.id), &desired.units, observed)?;
    refuse_foreign(Some(&service.id), &jobs, observed)?;
    refuse_foreign(None, desired.shared, observed)?;
    let releases = releases(&service.id, observed);
    let files = Files::new(&desired.units, observed);
    let start = start(&desired.units, &files, observed);
    let schedule = Schedule::new(&service.id, &jobs, observed);
    let leaving = Leaving::new(desired, &jobs, &releases, observed);
    let traffic = Traffic::new(desired, observed);
    let undo = undo(desired, &releases, &files, &leaving, &traffic, observed);

    // What has run to its end serves nobody.
    let replaces = !leaving.up.is_empty() && desired.has_instances() && !service.is_oneshot();
    let (order, data) = order(desired);
    let stop_first = order == Order::StopFirst;
    let restarts = start.iter().any(|step| matches!(step, Step::Restart(_)));
    let downtime = stop_first && replaces || restarts;

    let (mut steps, mut finish) = (Steps::default(), Steps::default());
    let mut notes = Vec::new();
    let confirm = confirm(desired, &start, &traffic, replaces);
    if observed.states.is_some() {
        steps.extend(traffic.test);
        let started = start.iter().filter_map(Step::unit);
        let started = started.filter_map(|unit| desired.units.units.get(unit));
        steps.extend(images::ready(started.clone().chain(&schedule.images), observed));
        steps.extend(networks::ready(started.clone().chain(&schedule.images)));
        notes.extend(images::kept_data(started, &leaving.up, observed));
        let before = desired.before.clone();
        steps.extend(before.filter(|_| !is_current(&desired.release, &releases)).map(Step::Run));
    }
    // Each plan has them, because a plan must not depend on another one.
    steps.extend(Files::new(desired.shared, observed).write);
    steps.extend(files.write);
    steps.extend(files.enable);
    let stops_early = |step: &&Step| {
        stop_first || service.is_oneshot() && step.unit().is_some_and(|unit| runs(unit, observed))
    };
    steps.extend(leaving.stop.iter().filter(stops_early).cloned());
    finish.extend(leaving.stop.iter().filter(|step| !stops_early(step)).cloned());
    steps.extend(start);
    steps.extend(confirm.clone());
    let switches = !traffic.switch.is_empty();
    steps.extend(traffic.switch);
    if switches && !stop_first {
        // An instance that died while the proxy took over must not stay.
        steps.extend(confirm.into_iter().map(|step| match step {
            Step::Confirm { units, .. } => Step::Confirm { units, time: Span::from_secs(0) },
            step => step,
        }));
    }
    finish.extend(traffic.finish);
    finish.extend(leaving.networks);
    finish.extend(schedule.steps);
    finish.extend(leaving.disable);
    finish.extend(leaving.remove);
    finish.extend(leaving.images);
    Ok(ServicePlan {
        service: service.id.clone(),
        application: service.application.clone(),
        revision: Some(desired.revision.clone()),
        steps,
        undo,
        finish,
        replaces,
        leaves_up: false,
        downtime,
        stop_first,
        together: None,
        dependencies: Dependencies::of(service),
        data,
        batch: service.deploy.batch,
        reasons: Vec::new(),
        notes,
    })
}

/// Plans the removal of a service and of some volumes; `drain` is the longest wait for open connections.
pub fn remove(
    service: &ServiceId,
    drain: Span,
    volumes: &[NamedVolume],
    observed: &Observed,
) -> ServicePlan {
    let leaving = Leaving::all(service, &[], observed);
    let timers =
        observed.units_of(service).filter(|(_, unit)| unit.metadata.kind.timer().is_some());
    let is_timer_up =
        timers.into_iter().any(|(name, _)| observed.state(name).is_some_and(ActiveState::is_up));
    let is_up = !leaving.up.is_empty() || is_timer_up;
    let traffic = Traffic::none(service, drain, observed);
    let (mut steps, mut undo, mut finish) = (Steps::default(), Steps::default(), Steps::default());
    if observed.states.is_some() {
        steps.extend(traffic.test);
    }
    steps.extend(traffic.switch);
    undo.extend(traffic.undo);
    finish.extend(leaving.stop);
    finish.extend(traffic.finish);
    finish.extend(leaving.disable);
    if observed.states.is_some() {
        let units = observed.units_of(service).map(|(_, unit)| unit);
        finish.extend(networks::left(units, std::iter::empty()));
    }
    if observed.owned.contains_key(service) {
        // Before its own units: until they are removed, the same change can be carried out again.
        finish.extend(observed.shared.iter().cloned().map(Step::RemoveShared));
    }
    let gone = observed.units_of(service).map(|(name, _)| name.clone()).collect();
    let tags = unused_tags(service, &gone, &[], observed);
    finish.extend(leaving.remove);
    finish.extend(tags.into_iter().filter(|_| observed.states.is_some()));
    finish.extend(
        volumes
            .iter()
            .map(|volume| Step::RemoveVolume { service: service.clone(), volume: volume.clone() }),
    );
    ServicePlan {
        service: service.clone(),
        application: None,
        revision: None,
        steps,
        undo,
        finish,
        replaces: false,
        leaves_up: is_up,
        downtime: false,
        stop_first: false,
        together: None,
        dependencies: Dependencies::default(),
        data: None,
        batch: None,
        reasons: Vec::new(),
        notes: Vec::new(),
    }
}

fn refuse_foreign(
    service: Option<&ServiceId>,
    units: &UnitSet,
    observed: &Observed,
) -> Result<(), Foreign> {
    for name in units.units.keys() {
        let found = observed.set.units.get(name).map(|unit| unit.metadata.service.as_ref());
        if found.is_some_and(|owner| owner != service) {
            return Err(Foreign { path: name.to_string(), what: "a unit of another service" });
        }
    }
    let files = units.units.keys().map(ToString::to_string);
    let links = units.links.iter().flat_map(|link| [link.directory(), link.to_string()]);
    for path in files.chain(links) {
        if let Some(what) = observed.foreign.get(&path) {
            return Err(Foreign { path, what });
        }
    }
    Ok(())
}

/// Returns whether the command of a oneshot unit runs now. It must not run beside that of another release.
fn runs(unit: &UnitName, observed: &Observed) -> bool {
    matches!(observed.state(unit), Some(ActiveState::Activating | ActiveState::Deactivating))
}

/// Returns in which order instances are replaced, and the data that decided it. As with a volume of the definition, two
/// processes must not be on the data that an image keeps, unless the service was made to run more than once.
fn order(desired: &Desired<'_>) -> (Order, Option<String>) {
    let ServiceFields { deploy, instances, proxy, .. } = &**desired.service;
    if desired.service.is_oneshot() {
        return (Order::StartFirst, None);
    }
    let pins = desired.units.units.values();
    let pins = pins.filter_map(|unit| unit.metadata.kind.instance()?.pin.as_ref());
    let path = pins.flat_map(Pin::volumes).next();
    match path.filter(|_| !deploy.order_is_given && deploy.data.is_none()) {
        None => (deploy.order, deploy.data.clone()),
        Some(path) => {
            let alone = *instances == 1 && proxy.is_none();
            let order = if alone { Order::StopFirst } else { Order::StartFirst };
            (order, Some(format!("the image's volume {path}")))
        }
    }
}

/// How long an instance must stay healthy before the old ones stop, if no proxy is switched in between: as
/// long as a program without a health check must stay up. Some end right after their first answer.
const SECOND_LOOK: Duration = Duration::from_millis(500);

/// Returns the step that confirms that the started units are still up before requests go to them, or before
/// the old ones stop.
fn confirm(
    desired: &Desired<'_>,
    start: &[Step],
    traffic: &Traffic,
    replaces: bool,
) -> Option<Step> {
    let ServiceFields { deploy, health, .. } = &**desired.service;
    // A start of an instance without a health check has waited that long. With a proxy, there is a second
    // look after its switch.
    let again = replaces && health.is_some() && traffic.switch.is_empty();
    let least = if again { SECOND_LOOK } else { Duration::ZERO };
    let time = deploy.min_healthy_time.max(Span::from_duration(least));
    let started = start.iter().filter_map(Step::unit).filter(|unit| unit.kind() == "service");
    let units: Vec<_> = started.cloned().collect();
    let wanted = !time.duration().is_zero() || !traffic.switch.is_empty() || replaces;
    (wanted && !units.is_empty()).then_some(Step::Confirm { units, time })
}

/// Plans the undo.
fn undo(
    desired: &Desired<'_>,
    releases: &[ObservedRelease],
    files: &Files,
    leaving: &Leaving,
    traffic: &Traffic,
    observed: &Observed,
) -> Steps {
    let service = &desired.service.id;
    let mut undo = Steps::default();
    undo.extend(traffic.undo.iter().cloned());
    // If the previous release serves completely and alone gets the requests, nothing of the new one has to
    // stay. Else the running part of the new one may be what serves.
    let serves = served_last(releases, &desired.release).is_some_and(ObservedRelease::serves);
    let alone = !traffic::may_be_asked(desired, observed);
    let whole = serves && !leaving.up.is_empty() && alone;
    let goes = |name: &UnitName| {
        let own =
            desired.units.units.get(name).is_some_and(|unit| unit.metadata.kind.is_instance());
        let up = observed.state(name).is_some_and(ActiveState::is_up);
        !up && !observed.set.units.contains_key(name) || own && whole
    };
    if observed.states.is_some() {
        let units = desired.units.units.iter();
        let stop = units.filter(|(name, _)| goes(name)).map(|(name, _)| name.clone());
        undo.extend(stop.map(Step::Stop));
        // The first instance of a new service started its slice, which is empty by then.
        let slice = slice_unit(service);
        if observed.units_of(service).next().is_none()
            && !observed.state(&slice).is_some_and(ActiveState::is_up)
        {
            undo.extend([Step::Stop(slice)]);
        }
    }
    if order(desired).0 == Order::StopFirst {
        undo.extend(start_again(service, leaving.up.iter(), observed));
    }
    let links = desired.links_to_undo(observed, whole);
    undo.extend(links.into_iter().map(Step::Disable));
    if observed.states.is_some() {
        let new = desired.units.units.values().chain(desired.jobs.units.values());
        let old = observed.units_of(service).map(|(_, unit)| unit);
        undo.extend(networks::left(new, old));
    }
    let shared = desired.shared.units.keys().filter(|name| !observed.shared.contains(name));
    undo.extend(shared.cloned().map(Step::RemoveShared));
    let unfinished = whole && is_current(&desired.release, releases);
    for (name, unit) in &desired.units.units {
        let written = files.write.iter().any(|step| step.unit() == Some(name));
        match observed.set.units.get(name) {
            _ if unfinished && unit.metadata.kind.is_instance() => {
                undo.extend([Step::Remove(name.clone())]);
            }
            _ if !written => {}
            Some(old) => {
                let change = match old.reads_like(unit) {
                    true => FileChange::Record,
                    false => FileChange::Text,
                };
                let unit = old.clone().into();
                undo.extend([Step::Write { name: name.clone(), unit, change }]);
            }
            None => undo.extend([Step::Remove(name.clone())]),
        }
    }
    let gone = undo.iter().filter_map(|step| match step {
        Step::Remove(name) => Some(name.clone()),
        _ => None,
    });
    let gone: BTreeSet<_> = gone.collect();
    undo.extend(unused_tags(service, &gone, &[&desired.units], observed));
    undo
}

/// Returns the steps that start instances again that were up. A unit that is not enabled does not start, so one whose
/// link somebody removed while it ran is enabled first.
pub(super) fn start_again<'u>(
    service: &ServiceId,
    units: impl Iterator<Item = &'u UnitName> + Clone,
    observed: &Observed,
) -> Vec<Step> {
    let links = units.clone().map(|unit| link(service, unit));
    let enable = links.filter(|link| !observed.set.links.contains(link)).map(Step::Enable);
    enable.chain(units.cloned().map(Step::Start)).collect()
}

impl Desired<'_> {
    /// Returns the links that the undo has to remove.
    fn links_to_undo(&self, observed: &Observed, whole: bool) -> Vec<Link> {
        let is_instance = |unit: &UnitName| {
            self.units.units.get(unit).is_some_and(|unit| unit.metadata.kind.is_instance())
        };
        let links = self.units.links.iter();
        let goes = links
            .filter(|link| !observed.set.links.contains(link) || whole && is_instance(&link.unit));
        goes.cloned().collect()
    }
}
