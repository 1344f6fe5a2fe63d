//! Plans the scheduled jobs of a service.
//!
//! Their units keep their names, and are changed in place once the release serves; until then the jobs are
//! those of the old one. A job that runs meanwhile continues unchanged.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::files::Files;
use super::{ActiveState, Dependencies, FileChange, Observed, ServicePlan, Step, Steps, releases};
use crate::name::{ServiceId, UnitName};
use crate::release::timer_link;
use crate::unit::{Link, Unit, UnitSet};
use crate::value::Span;

/// The changes of a service's jobs.
#[derive(Default)]
pub(super) struct Schedule {
    /// The jobs' units whose images have to be ready.
    pub(super) images: Vec<Unit>,
    /// The steps, in order.
    pub(super) steps: Vec<Step>,
}

impl Schedule {
    pub(super) fn new(service: &ServiceId, jobs: &UnitSet, observed: &Observed) -> Self {
        let files = Files::new(jobs, observed);
        let changed = files.write.iter().filter_map(|step| match step {
            Step::Write { unit, change: FileChange::New | FileChange::Text, .. } => Some(unit),
            _ => None,
        });
        let images = changed.map(|unit| Unit::clone(unit)).collect();
        let timers = Timers::new(jobs, &files, observed);
        let again = |link: &&Link| timers.forget.contains(&link.unit);
        let disable = timers.forget.iter().flat_map(|timer| observed.links_to(service, timer));
        let (later, now): (Vec<_>, Vec<_>) = jobs
            .links
            .iter()
            .filter(|link| again(link) || !observed.set.links.contains(link))
            .partition(again);
        let mut steps: Vec<_> = timers.stop.into_iter().map(Step::Stop).collect();
        steps.extend(files.write);
        steps.extend(now.into_iter().cloned().map(Step::Enable));
        steps.extend(disable.cloned().map(Step::Disable));
        steps.extend(timers.forget.iter().cloned().map(Step::Forget));
        steps.extend(later.into_iter().cloned().map(Step::Enable));
        steps.extend(timers.start.into_iter().map(Step::Start));
        Self { images, steps }
    }
}

/// What happens to the timers of a service.
#[derive(Default)]
struct Timers {
    /// Those that stop, before systemd reads their files: a reload applies a new schedule to a timer that is
    /// up, from its last run on, and starts the job if a time has passed since.
    stop: Vec<UnitName>,
    /// Those that start again. While a target that is up wants a timer, systemd keeps it loaded, and counts
    /// its times from its last start or from the end of the job's last run. So they are not enabled meanwhile.
    forget: BTreeSet<UnitName>,
    start: Vec<UnitName>,
}

impl Timers {
    fn new(jobs: &UnitSet, files: &Files, observed: &Observed) -> Self {
        let mut timers = Self::default();
        if observed.states.is_none() {
            return timers;
        }
        for (name, unit) in &jobs.units {
            if unit.metadata.kind.timer().is_none() {
                continue;
            }
            let old = observed.set.units.get(name);
            let runs = jobs.links.iter().any(|link| link.unit == *name);
            let state = observed.state(name);
            let up = state.is_some_and(ActiveState::is_up);
            let changed = files.stale.contains(name);
            match (runs, up) {
                // Starting it would run the job at once.
                (true, up) if is_at_boot(unit) => {
                    let stop = up && changed && !old.is_some_and(is_at_boot);
                    timers.stop.extend(stop.then(|| name.clone()));
                }
                (true, true) if !changed => {}
                (true, up) => {
                    timers.stop.extend(up.then(|| name.clone()));
                    if old.is_some() || state.is_some() {
                        timers.forget.insert(name.clone());
                    }
                    timers.start.push(name.clone());
                }
                (false, up) => timers.stop.extend(up.then(|| name.clone())),
            }
        }
        timers
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

/// Plans how a paused timer resumes. Its times count from now on: those that passed while it was paused are not
/// caught up on.
pub fn resume(service: &ServiceId, timer: &UnitName, observed: &Observed) -> ServicePlan {
    let mut steps = Steps::default();
    let unit = observed.set.units.get(timer);
    let paused =
        |unit: &&Unit| unit.metadata.kind.timer().is_some_and(|timer| timer.paused.is_some());
    if let Some(unit) = unit.filter(paused) {
        let resumed = unit.paused(None).into();
        let starts = observed.states.is_some() && !is_at_boot(unit);
        steps.extend([Step::Write {
            name: timer.clone(),
            unit: resumed,
            change: FileChange::Record,
        }]);
        steps.extend(starts.then(|| Step::Forget(timer.clone())));
        steps.extend([Step::Enable(timer_link(timer))]);
        steps.extend(starts.then(|| Step::Start(timer.clone())));
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
        application: None,
        revision: current.map(|release| release.revision),
        steps,
        undo: Steps::default(),
        finish: Steps::default(),
        replaces: false,
        leaves_up: false,
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

/// Returns whether a timer runs its job when the host boots, and at no other time.
pub fn is_at_boot(timer: &Unit) -> bool {
    let has = |directive| timer.values(directive).next().is_some();
    !has("OnCalendar") && !has(INTERVAL)
}

/// Returns the time between the end of a job's run and the next run, if its timer has one.
pub fn interval(timer: &Unit) -> Option<Span> {
    timer.values(INTERVAL).next()?.parse().ok()
}

/// The directive of a timer that runs its job some time after the end of the last run.
const INTERVAL: &str = "OnUnitInactiveSec";
