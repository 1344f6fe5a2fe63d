//! One service on its way through its plan.

use std::collections::VecDeque;
use std::time::Duration;

use super::batch::Batch;
use crate::ops::report::{Failure, ServiceReport, StepReport};
use crate::system::Job;
use conductor_core::plan::{ServicePlan, Step};

/// One service on its way through its plan.
pub(super) struct Work {
    pub(super) plan: ServicePlan,
    queue: VecDeque<Step>,
    done: Vec<(Batch, StepReport)>,
    phase: Phase,
    pub(super) failure: Option<Failure>,
    /// What was to be done and is not.
    left: Vec<Step>,
}

/// Which steps of a plan are being carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Those that can be undone.
    Steps,
    /// Those that take away what is not needed any more.
    Finish,
    /// Those that make everything as it was.
    Undo,
}

impl Work {
    pub(super) fn new(mut plan: ServicePlan) -> Self {
        let queue = std::mem::take(&mut plan.steps).into_iter().collect();
        let (done, left) = (Vec::new(), Vec::new());
        Self { plan, queue, done, phase: Phase::Steps, failure: None, left }
    }

    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    /// Gives the step that comes next, if there is one before the service is what it is to be.
    pub(super) fn next_step(&self) -> Option<&Step> {
        self.queue.front()
    }

    /// Takes the next steps that are of one kind.
    pub(super) fn next_group(&mut self) -> (Option<Batch>, Vec<Step>) {
        if self.queue.is_empty() && self.phase == Phase::Steps {
            self.phase = Phase::Finish;
            self.queue = std::mem::take(&mut self.plan.finish).into_iter().collect();
        }
        let batch = self.queue.front().map(Batch::of);
        let most = match (batch, self.plan.batch) {
            (Some(Batch::Jobs(Job::Start)), Some(most)) if self.phase == Phase::Steps => {
                most.into()
            }
            _ => usize::MAX,
        };
        let mut steps = Vec::new();
        while steps.len() < most
            && let Some(step) = self.queue.pop_front_if(|step| Some(Batch::of(step)) == batch)
        {
            steps.push(step);
        }
        (batch, steps)
    }

    pub(super) fn done(&mut self, step: &Step, took: Duration) {
        let usec = u64::try_from(took.as_micros()).ok();
        self.done.push((Batch::of(step), StepReport { step: step.to_string(), usec }));
    }

    /// Notes the first failure and turns round: what is left is undoing. `attempted` is the kind of
    /// steps that may have had an effect without being done.
    ///
    /// What fails on the way back changes nothing of the way.
    pub(super) fn fail(&mut self, mut failure: Failure, attempted: Option<Batch>) {
        if self.failure.is_some() {
            return;
        }
        match self.phase {
            Phase::Finish => self.left.extend(self.queue.drain(..)),
            Phase::Steps | Phase::Undo => {
                let batches = self.done.iter().map(|(batch, _)| *batch).chain(attempted);
                let changed = batches.clone().any(|batch| !batch.only_looks());
                let routed = batches.clone().any(|batch| batch == Batch::Route);
                let undo = std::mem::take(&mut self.plan.undo).into_iter();
                let undo = undo.filter(|step| changed && (routed || !step.is_traffic()));
                self.queue = undo.collect();
                self.phase = Phase::Undo;
                failure.old_serves = self.plan.replaces;
                failure.undone = !self.queue.is_empty();
                let started = matches!(attempted, Some(Batch::Jobs(Job::Start | Job::Restart)));
                failure.retried = started && !failure.undone;
            }
        }
        self.failure = Some(failure);
    }

    pub(super) fn report(self) -> ServiceReport {
        ServiceReport {
            id: self.plan.service,
            revision: self.plan.revision,
            // What was undone is as it was.
            changed: !self.done.is_empty() && self.phase != Phase::Undo,
            steps: self.done.into_iter().map(|(_, step)| step).collect(),
            left: self.left.iter().map(ToString::to_string).collect(),
            failure: self.failure,
        }
    }
}
