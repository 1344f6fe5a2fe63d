//! How far a service is in its plan.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use conductor_core::name::ProxyName;
use conductor_core::plan::{ServicePlan, Step};

use super::kind::StepKind;
use crate::report::{Failure, ServiceReport, StepObject, StepReport};
use crate::system::JobType;

/// How far a service is in its plan.
pub(super) struct ServiceRun<W> {
    pub(super) plan: ServicePlan,
    /// The processes of proxies that serve the connections from before their reloads.
    pub(super) old_workers: BTreeMap<ProxyName, W>,
    /// Whether it goes away and has not stopped yet.
    pub(super) leaves: bool,
    /// Whether all it has left to do can wait.
    pub(super) is_idle: bool,
    queue: VecDeque<Step>,
    done: Vec<(StepKind, StepReport)>,
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

impl<W> ServiceRun<W> {
    pub(super) fn new(mut plan: ServicePlan) -> Self {
        let stops = |step: &Step| matches!(step, Step::Stop(_));
        let leaves = plan.revision.is_none() && plan.finish.iter().any(stops);
        Self {
            queue: std::mem::take(&mut plan.steps).into_iter().collect(),
            plan,
            old_workers: BTreeMap::new(),
            leaves,
            is_idle: false,
            done: Vec::new(),
            phase: Phase::Steps,
            failure: None,
            left: Vec::new(),
        }
    }

    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    /// Returns the step that comes next.
    pub(super) fn next_step(&self) -> Option<&Step> {
        let finish = self.plan.finish.iter().next();
        self.queue.front().or(finish.filter(|_| self.phase == Phase::Steps))
    }

    /// Removes the next steps that are of one kind from those that are left; `None` if there are no more.
    pub(super) fn next_group(&mut self) -> Option<(StepKind, Vec<Step>)> {
        if self.queue.is_empty() && self.phase == Phase::Steps {
            self.phase = Phase::Finish;
            self.queue = std::mem::take(&mut self.plan.finish).into_iter().collect();
        }
        let kind = self.queue.front().map(StepKind::of)?;
        let most = match (kind, self.plan.batch) {
            (StepKind::Jobs(JobType::Start), Some(most)) if self.phase == Phase::Steps => {
                most.into()
            }
            _ => usize::MAX,
        };
        let mut steps = Vec::new();
        while steps.len() < most
            && let Some(step) = self.queue.pop_front_if(|step| StepKind::of(step) == kind)
        {
            steps.push(step);
        }
        Some((kind, steps))
    }

    /// Puts steps back that were not begun.
    pub(super) fn put_back(&mut self, steps: impl DoubleEndedIterator<Item = Step>) {
        for step in steps.rev() {
            self.queue.push_front(step);
        }
    }

    pub(super) fn done(&mut self, step: &Step, took: Duration) {
        let usec = u64::try_from(took.as_micros()).ok();
        self.done.push((StepKind::of(step), StepReport { step: step.into(), usec }));
    }

    /// Notes the first failure and turns round: what is left is undoing. `attempted` is the kind of
    /// steps that may have had an effect without being done.
    ///
    /// What fails on the way back changes nothing of the way.
    pub(super) fn fail(&mut self, mut failure: Failure, attempted: Option<StepKind>) {
        if self.failure.is_some() {
            return;
        }
        match self.phase {
            Phase::Finish => self.left.extend(self.queue.drain(..)),
            Phase::Steps | Phase::Undo => {
                let kinds = self.done.iter().map(|(kind, _)| *kind).chain(attempted);
                let changed = kinds.clone().any(|kind| !kind.only_looks());
                let routed = kinds.clone().any(|kind| kind == StepKind::Route);
                let undo = std::mem::take(&mut self.plan.undo).into_iter();
                let undo = undo.filter(|step| changed && (routed || !step.is_traffic()));
                self.queue = undo.collect();
                self.phase = Phase::Undo;
                failure.old_serves = self.plan.replaces;
                failure.undone = !self.queue.is_empty();
                let started =
                    matches!(attempted, Some(StepKind::Jobs(JobType::Start | JobType::Restart)));
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
            left: self.left.iter().map(StepObject::from).collect(),
            failure: self.failure,
        }
    }
}
