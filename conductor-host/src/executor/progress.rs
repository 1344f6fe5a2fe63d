//! The progress of a service through its plan.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use conductor_core::name::ProxyName;
use conductor_core::plan::{ServicePlan, Step};

use super::kind::StepKind;
use super::together::{Member, switches};
use crate::report::{Cause, Failure, ServiceReport, StepObject, StepReport};
use crate::system::JobType;

/// The progress of a service through its plan.
#[expect(clippy::struct_excessive_bools, reason = "each is so or not, whatever the others")]
pub(super) struct ServiceRun<W> {
    pub(super) plan: ServicePlan,
    /// The processes of proxies that serve the connections from before their reloads.
    pub(super) old_workers: BTreeMap<ProxyName, W>,
    /// Whether the service is being removed and others wait until it has stopped.
    pub(super) leaves: bool,
    /// Its part in the group that changes its files for proxies together.
    pub(super) member: Option<Member>,
    /// Whether something serves until the change succeeds.
    serves: bool,
    /// Whether an instance of the removed service is up although it was to stop.
    pub(super) outlives: bool,
    /// Whether it has no urgent steps left.
    pub(super) is_idle: bool,
    /// Whether it was planned again after its images were pulled.
    pub(super) is_planned_again: bool,
    /// Whether it has waited for the services on which it depends.
    pub(super) has_waited: bool,
    queue: VecDeque<Step>,
    done: Vec<(StepKind, StepReport)>,
    phase: Phase,
    pub(super) failure: Option<Failure>,
    /// Steps that were not carried out.
    left: Vec<Step>,
}

/// The part of a plan that is being carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The steps that can be undone.
    Steps,
    /// The steps that remove what is no longer needed.
    Finish,
    /// The steps that restore the previous state.
    Undo,
}

impl<W> ServiceRun<W> {
    pub(super) fn new(mut plan: ServicePlan, member: Option<Member>) -> Self {
        let stops = |step: &Step| matches!(step, Step::Stop(_));
        let stops = plan.revision.is_none() && plan.all_steps().any(stops);
        // In a group, it serves until what takes its upstream does.
        let leaves = stops && member.is_none();
        // What takes an upstream has it from something that serves. An application serves if a process does.
        let others_serve = plan
            .together
            .as_ref()
            .is_some_and(|together| together.application.is_none() || together.serves);
        let serves = plan.replaces || plan.leaves_up || others_serve;
        Self {
            queue: std::mem::take(&mut plan.steps).into_iter().collect(),
            plan,
            old_workers: BTreeMap::new(),
            leaves,
            member,
            serves,
            outlives: false,
            is_idle: false,
            is_planned_again: false,
            has_waited: false,
            done: Vec::new(),
            phase: Phase::Steps,
            failure: None,
            left: Vec::new(),
        }
    }

    /// Continues with another plan, of which nothing has been done.
    pub(super) fn replace(&mut self, mut plan: ServicePlan) {
        self.member = self.member.take().and_then(|member| member.planned_again(&plan));
        let is_tested_later =
            |step: &Step| self.member.is_some() && matches!(step, Step::TestProxy { .. });
        // It was planned without the other services.
        plan.dependencies = std::mem::take(&mut self.plan.dependencies);
        let steps = std::mem::take(&mut plan.steps).into_iter();
        self.queue = steps.filter(|step| !is_tested_later(step)).collect();
        self.plan = plan;
        self.is_planned_again = true;
    }

    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    /// Returns whether it has a step of some kind left.
    pub(super) fn has_left(&self, kind: impl Fn(&Step) -> bool) -> bool {
        self.queue.iter().any(kind)
    }

    /// Returns whether it has something to start, or a command to run before.
    pub(super) fn starts(&self) -> bool {
        let is_start =
            |step: &Step| matches!(step, Step::Run(_) | Step::Start(_) | Step::Restart(_));
        self.queue.iter().any(is_start)
    }

    /// Returns whether its instances are up, as far as its change starts some.
    pub(super) fn is_up(&self) -> bool {
        let is_before = |step: &&Step| !step.is_traffic();
        let is_left = |step: &Step| {
            matches!(
                step,
                Step::Pull { .. } | Step::Start(_) | Step::Restart(_) | Step::Confirm { .. }
            )
        };
        let left = || self.queue.iter().take_while(is_before).any(is_left);
        match self.phase {
            Phase::Steps => !left(),
            Phase::Finish => true,
            Phase::Undo => false,
        }
    }

    /// Returns why the change has to be undone because of another service, and the step that is not taken.
    pub(super) fn failed_elsewhere(&self) -> Option<(Step, Cause)> {
        let member = self.member.as_ref().filter(|_| self.phase == Phase::Steps)?;
        Some((member.step().clone(), member.failed()?))
    }

    /// Returns the part in a group whose members have to wait for each other before they clean up.
    pub(super) fn member_to_commit(&self) -> Option<&Member> {
        let waits = self.queue.is_empty() && self.phase == Phase::Steps;
        self.member.as_ref().filter(|_| waits)
    }

    /// Continues with the steps that clean up.
    pub(super) fn begin_finish(&mut self) {
        self.phase = Phase::Finish;
        self.queue = std::mem::take(&mut self.plan.finish).into_iter().collect();
    }

    /// Returns the next step.
    pub(super) fn next_step(&self) -> Option<&Step> {
        let finish = self.plan.finish.iter().next();
        self.queue.front().or(finish.filter(|_| self.phase == Phase::Steps))
    }

    /// Removes the next steps of one kind from the queue and returns them; `None` if the queue is empty.
    pub(super) fn next_group(&mut self) -> Option<(StepKind, Vec<Step>)> {
        if self.queue.is_empty() && self.phase == Phase::Steps {
            self.begin_finish();
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

    /// Returns steps to the queue that were not begun.
    pub(super) fn put_back(&mut self, steps: impl DoubleEndedIterator<Item = Step>) {
        for step in steps.rev() {
            self.queue.push_front(step);
        }
    }

    pub(super) fn done(&mut self, step: &Step, took: Duration) {
        let usec = u64::try_from(took.as_micros()).ok();
        self.done.push((StepKind::of(step), StepReport { step: step.into(), usec }));
    }

    /// Records the first failure and continues with the undo steps. `attempted` is the kind of steps that may
    /// have had an effect although they failed.
    ///
    /// A failure during undo does not stop the undo.
    pub(super) fn fail(&mut self, mut failure: Failure, attempted: Option<StepKind>) {
        if self.failure.is_some() {
            return;
        }
        match self.phase {
            Phase::Finish => {
                // Without its file, no proxy sends it requests.
                let is_route = |(kind, _): &(StepKind, _)| *kind == StepKind::Route;
                failure.old_serves = self.outlives && !self.done.iter().any(is_route);
                self.left.extend(self.queue.drain(..));
            }
            Phase::Steps | Phase::Undo => {
                let kinds = self.done.iter().map(|(kind, _)| *kind).chain(attempted);
                let touched = self.member.as_ref().map(Member::was_touched);
                let changed = touched == Some(true) || kinds.clone().any(|kind| !kind.only_looks());
                let routed = kinds.clone().any(|kind| kind == StepKind::Route);
                let goes_back = |step: &Step| match touched {
                    Some(touched) if switches(step) || matches!(step, Step::DrainProxy { .. }) => {
                        touched
                    }
                    _ => routed || !step.is_traffic(),
                };
                let undo = std::mem::take(&mut self.plan.undo).into_iter();
                let undo = undo.filter(|step| changed && goes_back(step));
                self.queue = undo.collect();
                self.phase = Phase::Undo;
                failure.old_serves = self.serves;
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
            // After an undo, the service is as before.
            changed: self.done.iter().any(|(kind, _)| !kind.only_looks())
                && self.phase != Phase::Undo,
            steps: self.done.into_iter().map(|(_, step)| step).collect(),
            left: self.left.iter().map(StepObject::from).collect(),
            failure: self.failure,
        }
    }
}
