//! Carries out plans: the steps of all services side by side, in as few rounds as their order allows.

mod batch;
mod commands;
mod files;
mod jobs;
mod traffic;
mod work;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::error::Error;
use super::event::{Event, Watcher};
use super::report::{Failure, ServiceReport};
use crate::system::{
    Job, LastWords, Lock, OldWorkers, Paths, Proxies, Systemd, UnitDirectory, last_words,
};
use batch::Batch;
use conductor_core::name::{ProxyName, ServiceId, UnitName};
use conductor_core::plan::{ServicePlan, Step};
use work::{Phase, Work};

/// How many lines of a failed unit's journal go into the message.
const TAIL: u32 = 20;
/// How often is looked whether to stop.
const ATTENTION: Duration = Duration::from_millis(50);

/// What carries out steps.
pub(super) struct Executor<'c> {
    pub(super) directory: UnitDirectory,
    pub(super) systemd: Option<&'c Systemd>,
    pub(super) proxies: &'c Proxies,
    pub(super) lock: &'c Lock,
    pub(super) paths: &'c Paths,
    pub(super) watcher: &'c mut dyn Watcher,
    /// What is left of a proxy's processes from before its reload.
    pub(super) old_workers: BTreeMap<ProxyName, OldWorkers>,
    /// What was tried out for a service's proxy and found good, and when.
    pub(super) tried_out: BTreeMap<(ProxyName, ServiceId), (Option<String>, Instant)>,
}

/// A step that did not work out, of the service at an index.
struct Fault<'t> {
    work: usize,
    step: &'t Step,
    reason: String,
    /// The unit that is to blame, if it is not the step's own.
    unit: Option<UnitName>,
}

/// The steps of one round that are of one kind, each with the index of its service.
type Todo<'t> = Vec<(usize, &'t Step)>;

impl Executor<'_> {
    /// Carries out the plans of all services and reports on each.
    ///
    /// In a round, every service contributes its next steps of one kind; so a host with a thousand
    /// services has as many rounds as one with a single service.
    ///
    /// # Errors
    /// Files cannot be written or systemd cannot be asked. A step that fails is no error here: its
    /// service is put back as it was, and the report says so.
    pub(super) fn run(mut self, plans: Vec<ServicePlan>) -> Result<Vec<ServiceReport>, Error> {
        let mut works: Vec<_> = plans.into_iter().map(Work::new).collect();
        loop {
            self.look_up(&mut works);
            let rounds: Vec<_> = works.iter_mut().map(Work::next_group).collect();
            if rounds.iter().all(|(_, steps)| steps.is_empty()) {
                return Ok(works.into_iter().map(Work::report).collect());
            }
            for batch in Batch::ALL {
                let concerned = rounds.iter().enumerate();
                let concerned = concerned.filter(|(_, (of, _))| *of == Some(batch));
                let todo: Todo<'_> = concerned
                    .flat_map(|(index, (_, steps))| steps.iter().map(move |step| (index, step)))
                    .collect();
                if !todo.is_empty() {
                    self.carry_out(batch, &todo, &mut works)?;
                }
            }
        }
    }

    /// Carries out steps of one kind, and tells of each.
    fn carry_out(
        &mut self,
        batch: Batch,
        todo: &Todo<'_>,
        works: &mut [Work],
    ) -> Result<(), Error> {
        for &(work, step) in todo {
            self.watcher.tell(&Event::Step { service: &works[work].plan.service, step });
        }
        let began = Instant::now();
        let faults = match batch {
            Batch::TestProxy => self.test_proxies(todo),
            Batch::Pull => self.pull(todo, works),
            Batch::Run => self.run_hooks(todo, works)?,
            Batch::Files => {
                self.change_files(todo)?;
                Vec::new()
            }
            Batch::Jobs(job) => self.run_jobs(job, todo, works)?,
            Batch::StartTarget => self.run_jobs(Job::Start, todo, works)?,
            Batch::StopSlice => self.run_jobs(Job::Stop, todo, works)?,
            Batch::Confirm => self.confirm(todo)?,
            Batch::Route => self.route(todo),
            Batch::Reload => self.reload_proxies(todo),
            Batch::Drain => self.drain(todo, works)?,
            Batch::RemoveImage => {
                self.remove_images(todo, works);
                Vec::new()
            }
        };
        let took = began.elapsed();
        for &(work, step) in todo {
            let failed = |fault: &Fault<'_>| fault.work == work && fault.step == step;
            if !faults.iter().any(failed) {
                self.watcher.tell(&Event::Done { service: &works[work].plan.service, step, took });
                works[work].done(step, took);
            }
        }
        for fault in faults {
            self.fail(&mut works[fault.work], fault.step, fault.unit, fault.reason);
        }
        Ok(())
    }

    /// Turns round what can still be undone, if that was asked for.
    fn look_up(&mut self, works: &mut [Work]) {
        if !self.watcher.is_interrupted() {
            return;
        }
        for work in works.iter_mut().filter(|work| work.failure.is_none()) {
            if let Some(step) = work.next_step().cloned() {
                self.fail(work, &step, None, String::new());
            }
        }
    }

    /// Notes the first failure of a service and turns it round.
    fn fail(&mut self, work: &mut Work, step: &Step, unit: Option<UnitName>, reason: String) {
        if work.failure.is_some() {
            return;
        }
        let interrupted = self.watcher.is_interrupted();
        // Only what was at work can be to blame; a step that was not begun cannot.
        let begun = !reason.is_empty();
        let unit = unit.or_else(|| step.unit().cloned()).filter(|_| begun);
        let scope = self.paths.scope;
        let last_words = unit.as_ref().map(|unit| last_words(scope, unit, TAIL));
        let LastWords { journal, health, end } = last_words.unwrap_or_default();
        let reason = match end {
            Some(end) => format!("{reason}: it {end}"),
            None => reason,
        };
        let failure = Failure {
            step: step.to_string(),
            status: health,
            journal,
            unit,
            reason: if interrupted { "interrupted".to_owned() } else { reason },
            old_serves: false,
            undone: false,
            retried: false,
            interrupted,
        };
        work.fail(failure, begun.then(|| Batch::of(step)));
        if let Some(failure) = &work.failure {
            self.watcher.tell(&Event::Failed { service: &work.plan.service, failure });
        }
    }
}

/// Makes faults of all steps for which something says why they failed.
fn faults<'t>(todo: &Todo<'t>, mut why: impl FnMut(&Step) -> Option<String>) -> Vec<Fault<'t>> {
    let faults = todo
        .iter()
        .filter_map(|&(work, step)| Some(Fault { work, step, reason: why(step)?, unit: None }));
    faults.collect()
}

/// Tells whether a service is on its way back.
fn is_undoing(work: &Work) -> bool {
    work.phase() == Phase::Undo
}
