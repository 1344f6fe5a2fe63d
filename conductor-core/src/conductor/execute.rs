//! Carries out plans: the steps of all services side by side, in as few rounds as their order allows.

use std::collections::VecDeque;

use super::error::Error;
use super::event::{Event, Watcher};
use super::report::{Failure, ServiceReport};
use crate::host::{Job, JobError, Lock, Systemd, UnitDirectory, tail};
use crate::name::UnitName;
use crate::plan::{ActiveState, ServicePlan, Step};
use crate::runtime::Scope;

/// How many lines of a failed unit's journal go into the message.
const TAIL: u32 = 20;

/// What carries out steps.
pub(super) struct Executor<'c> {
    pub(super) directory: UnitDirectory,
    pub(super) systemd: Option<&'c Systemd>,
    pub(super) lock: &'c Lock,
    pub(super) scope: Scope,
    pub(super) watcher: &'c mut dyn Watcher,
}

/// One service on its way through its plan.
struct Work {
    plan: ServicePlan,
    queue: VecDeque<Step>,
    done: Vec<Step>,
    failure: Option<Failure>,
}

/// The kinds of steps that are done in one go for all services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Batch {
    Files,
    Jobs(Job),
    /// The start of a target waits for all instances that it wants; for one that fails again and
    /// again it would wait forever. So it comes when they are up.
    StartTarget,
    /// The stop of a slice stops at once all that is in it, also a container that its service's own
    /// stop is about to let finish its work. So it comes when the services are down.
    StopSlice,
}

impl Batch {
    fn of(step: &Step) -> Self {
        match step {
            Step::Start(name) if name.kind() == "target" => Self::StartTarget,
            Step::Stop(name) if name.kind() == "slice" => Self::StopSlice,
            Step::Start(_) => Self::Jobs(Job::Start),
            Step::Restart(_) => Self::Jobs(Job::Restart),
            Step::Stop(_) => Self::Jobs(Job::Stop),
            Step::Write { .. } | Step::Enable(_) | Step::Disable(_) | Step::Remove(_) => {
                Self::Files
            }
        }
    }
}

impl Executor<'_> {
    /// Carries out the plans of all services and reports on each.
    ///
    /// In a round, every service contributes its next steps of one kind; so a host with a thousand
    /// services has as many rounds as one with a single service.
    ///
    /// # Errors
    /// Files cannot be written or systemd cannot be asked. An instance that does not start is no
    /// error here: its service is put back as it was, and the report says so.
    pub(super) fn run(mut self, plans: Vec<ServicePlan>) -> Result<Vec<ServiceReport>, Error> {
        let mut works: Vec<_> = plans.into_iter().map(Work::new).collect();
        loop {
            let rounds: Vec<_> = works.iter_mut().map(Work::next_group).collect();
            if rounds.iter().all(|(_, steps)| steps.is_empty()) {
                return Ok(works.into_iter().map(Work::report).collect());
            }
            for (work, (_, steps)) in works.iter().zip(&rounds) {
                for step in steps {
                    self.watcher.tell(&Event::Step { service: &work.plan.service, step });
                }
            }
            let of = |wanted: Batch| {
                let concerned = rounds.iter().filter(move |(batch, _)| *batch == Some(wanted));
                concerned.flat_map(|(_, steps)| steps).collect::<Vec<_>>()
            };
            self.change_files(&of(Batch::Files))?;
            for (wanted, job) in [
                (Batch::Jobs(Job::Stop), Job::Stop),
                (Batch::Jobs(Job::Start), Job::Start),
                (Batch::Jobs(Job::Restart), Job::Restart),
                (Batch::StartTarget, Job::Start),
                (Batch::StopSlice, Job::Stop),
            ] {
                let units: Vec<_> =
                    of(wanted).into_iter().map(|step| step.unit().clone()).collect();
                for (unit, error) in self.run_jobs(job, &units)? {
                    let index = rounds.iter().position(|(batch, steps)| {
                        *batch == Some(wanted) && steps.iter().any(|step| *step.unit() == unit)
                    });
                    if let Some(index) = index {
                        self.fail(&mut works[index], unit, &error);
                    }
                }
            }
            for (work, (_, steps)) in works.iter_mut().zip(rounds) {
                work.done.extend(steps);
            }
        }
    }

    fn change_files(&mut self, steps: &[&Step]) -> Result<(), Error> {
        if steps.is_empty() {
            return Ok(());
        }
        // Instances are not among them: their names are new, and one that went cannot start again.
        let stale: Vec<UnitName> = steps
            .iter()
            .filter_map(|step| match step {
                Step::Write { name, new: false, .. } => Some(name.clone()),
                Step::Remove(name) if !is_instance(name) => Some(name.clone()),
                _ => None,
            })
            .collect();
        let gone: Vec<UnitName> = steps
            .iter()
            .filter(|step| matches!(step, Step::Remove(_)))
            .map(|step| step.unit().clone())
            .collect();
        if self.systemd.is_some() && !stale.is_empty() {
            self.lock.note_stale()?;
        }
        self.directory.carry_out(steps)?;
        let Some(systemd) = self.systemd else {
            return Ok(());
        };
        systemd.reset_failed(&gone);
        self.reload(systemd, Some(&stale))
    }

    /// Lets systemd read what it holds and what is stale, and takes the note of it back.
    pub(super) fn reload(
        &mut self,
        systemd: &Systemd,
        units: Option<&[UnitName]>,
    ) -> Result<(), Error> {
        if systemd.reload_if_stale(units)? {
            self.watcher.tell(&Event::Reload);
        }
        Ok(self.lock.forget_stale()?)
    }

    fn run_jobs(&self, job: Job, units: &[UnitName]) -> Result<Vec<(UnitName, JobError)>, Error> {
        let Some(systemd) = self.systemd else {
            return Ok(Vec::new());
        };
        if job != Job::Stop && !units.is_empty() {
            // One that was given up after too many starts would not be started again.
            let states = systemd.states()?;
            let failed = units.iter().filter(|unit| {
                states.get(*unit).is_some_and(|(state, _)| *state == ActiveState::Failed)
            });
            systemd.reset_failed(&failed.cloned().collect::<Vec<_>>());
        }
        let results = systemd.run(job, units)?;
        Ok(results.into_iter().filter_map(|(unit, result)| Some((unit, result.err()?))).collect())
    }

    /// Notes the first failure of a service and turns it round: what is left is undoing.
    fn fail(&mut self, work: &mut Work, unit: UnitName, error: &JobError) {
        if work.failure.is_some() {
            return;
        }
        let failure = Failure {
            journal: tail(self.scope, &unit, TAIL),
            unit,
            reason: error.to_string(),
            old_serves: work.plan.replaces,
            undone: !work.plan.undo.is_empty(),
        };
        self.watcher.tell(&Event::Failed { service: &work.plan.service, failure: &failure });
        work.failure = Some(failure);
        work.queue = std::mem::take(&mut work.plan.undo).into_iter().collect();
    }
}

/// Tells whether a name is that of an instance: only theirs have a digest, behind a dot.
fn is_instance(name: &UnitName) -> bool {
    name.as_str().matches('.').count() > 1
}

impl Work {
    fn new(mut plan: ServicePlan) -> Self {
        let queue = std::mem::take(&mut plan.steps).into_iter().collect();
        Self { plan, queue, done: Vec::new(), failure: None }
    }

    /// Takes the next steps that are of one kind.
    fn next_group(&mut self) -> (Option<Batch>, Vec<Step>) {
        let batch = self.queue.front().map(Batch::of);
        let mut steps = Vec::new();
        while let Some(step) = self.queue.pop_front_if(|step| Some(Batch::of(step)) == batch) {
            steps.push(step);
        }
        (batch, steps)
    }

    fn report(self) -> ServiceReport {
        ServiceReport {
            id: self.plan.service,
            revision: self.plan.revision,
            // What was undone is as it was.
            changed: !self.done.is_empty() && self.failure.is_none(),
            steps: self.done.iter().map(ToString::to_string).collect(),
            failure: self.failure,
        }
    }
}
