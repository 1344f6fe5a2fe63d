//! Plans the scheduled jobs of a service.
//!
//! Their units keep their names, and are changed in place once the release serves; until then the jobs are
//! those of the old one. A job that runs meanwhile continues unchanged.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::files::Files;
use super::{ActiveState, FileChange, Observed, ServicePlan, Step, Steps, releases};
use crate::name::{ServiceId, UnitName};
use crate::release::timer_link;
use crate::unit::{EngineImage, Unit, UnitSet};

/// The changes of a service's jobs.
#[derive(Default)]
pub(super) struct Schedule {
    /// The images of the jobs.
    pub(super) images: BTreeSet<EngineImage>,
    /// The steps, in order.
    pub(super) steps: Vec<Step>,
}

impl Schedule {
    pub(super) fn new(jobs: &UnitSet, observed: &Observed) -> Self {
        let files = Files::new(jobs, observed);
        let changed = files.write.iter().filter_map(|step| match step {
            Step::Write { unit, change: FileChange::New | FileChange::Text, .. } => Some(unit),
            _ => None,
        });
        let images = changed.filter_map(|unit| unit.metadata.kind.image().cloned()).collect();
        let timers = jobs.units.iter().filter(|(_, unit)| unit.metadata.kind.timer().is_some());
        let set = timers.filter_map(|(name, unit)| {
            observed.states.as_ref()?;
            let runs = jobs.links.iter().any(|link| link.unit == *name);
            let up = observed.state(name).is_some_and(ActiveState::is_up);
            let name = name.clone();
            match (runs, up) {
                (false, true) => Some(Step::Stop(name)),
                (false, false) => None,
                // Starting it would run the job at once.
                (true, _) if is_at_boot(unit) => None,
                (true, false) => Some(Step::Start(name)),
                (true, true) => files.stale.contains(&name).then_some(Step::Restart(name)),
            }
        });
        let set: Vec<_> = set.collect();
        let steps = files.write.into_iter().chain(files.enable).chain(set);
        Self { images, steps: steps.collect() }
    }
}

/// Returns the desired units of the jobs: a paused job stays paused.
pub(super) fn with_pauses(jobs: &UnitSet, observed: &Observed) -> UnitSet {
    let mut jobs = jobs.clone();
    for (name, unit) in &mut jobs.units {
        let old = observed.set.units.get(name).and_then(|old| old.metadata.kind.timer());
        if let Some(since) = old.and_then(|timer| timer.paused) {
            *unit = unit.paused(Some(since));
            jobs.links.retain(|link| link.unit != *name);
        }
    }
    jobs
}

/// Plans the pause of a timer.
pub fn pause(
    service: &ServiceId,
    timer: &UnitName,
    since: Timestamp,
    observed: &Observed,
) -> ServicePlan {
    let unit = observed.set.units.get(timer);
    let links: Vec<_> = observed.links_to(service, timer).cloned().collect();
    let mut steps = Steps::default();
    // A timer that is not enabled does not run its job.
    if let Some(unit) = unit.filter(|_| !links.is_empty()) {
        let unit = unit.paused(Some(since)).into();
        steps.extend([Step::Write { name: timer.clone(), unit, change: FileChange::Record }]);
        steps.extend(links.into_iter().map(Step::Disable));
        steps.extend(observed.state(timer).map(|_| Step::Stop(timer.clone())));
    }
    of_service(service, steps, observed)
}

/// Plans how a paused timer resumes.
pub fn resume(service: &ServiceId, timer: &UnitName, observed: &Observed) -> ServicePlan {
    let mut steps = Steps::default();
    let unit = observed.set.units.get(timer);
    let paused =
        |unit: &&Unit| unit.metadata.kind.timer().is_some_and(|timer| timer.paused.is_some());
    if let Some(unit) = unit.filter(paused) {
        let resumed = unit.paused(None).into();
        steps.extend([
            Step::Write { name: timer.clone(), unit: resumed, change: FileChange::Record },
            Step::Enable(timer_link(timer)),
        ]);
        if observed.states.is_some() && !is_at_boot(unit) {
            steps.extend([Step::Start(timer.clone())]);
        }
    }
    of_service(service, steps, observed)
}

/// Plans a run of a job now. For systemd this is a start, whose systemd job ends with the run.
pub fn run_now(service: &ServiceId, job: &UnitName, observed: &Observed) -> ServicePlan {
    let mut steps = Steps::default();
    steps.extend([Step::Start(job.clone())]);
    of_service(service, steps, observed)
}

/// Creates a plan that does not change the service itself.
fn of_service(service: &ServiceId, steps: Steps, observed: &Observed) -> ServicePlan {
    let current = releases(service, observed).into_iter().next();
    ServicePlan {
        service: service.clone(),
        revision: current.map(|release| release.revision),
        steps,
        undo: Steps::default(),
        finish: Steps::default(),
        replaces: false,
        downtime: false,
        data: None,
        batch: None,
        reasons: Vec::new(),
    }
}

/// Returns whether a timer runs its job when the host boots, and at no other time.
fn is_at_boot(timer: &Unit) -> bool {
    timer.values("OnCalendar").next().is_none()
}
