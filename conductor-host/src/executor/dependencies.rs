//! Waits of services for those on which they depend.
//!
//! A service whose change fails before it is up makes those fail that wait for it. What fails afterwards is its own
//! matter: they have started.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::task::{Poll, Waker};

use conductor_core::name::ServiceId;
use conductor_core::plan::{Dependencies, Step, Wait};
use futures_util::future::{Either, poll_fn, select};

use super::Executor;
use super::fault::StepFault;
use super::kind::StepKind;
use super::progress::{Phase, ServiceRun};
use crate::event::Event;
use crate::host::Host;
use crate::report::Cause;

/// How far the change of a service is, for those that wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reached {
    /// Its instances have been started.
    Started,
    /// They are up.
    Up,
    /// It failed before that.
    Failed,
}

/// How far all services are.
#[derive(Default)]
pub(super) struct Board {
    reached: RefCell<BTreeMap<ServiceId, Reached>>,
    /// Whether the old instances of services have stopped; without an entry, they may yet.
    stopped: RefCell<BTreeMap<ServiceId, bool>>,
    /// The removed services that have units left to stop, and whether they stop late.
    leaving: RefCell<BTreeMap<ServiceId, bool>>,
    waiting: RefCell<Vec<Waker>>,
}

impl Board {
    fn wake(&self) {
        self.waiting.take().into_iter().for_each(Waker::wake);
    }

    /// Notes how far a service is. What is up stays so, and what has failed, too.
    pub(super) fn note(&self, service: &ServiceId, now: Reached) {
        let mut reached = self.reached.borrow_mut();
        let old = reached.get(service).copied();
        if matches!(old, None | Some(Reached::Started)) && old != Some(now) {
            reached.insert(service.clone(), now);
            drop(reached);
            self.wake();
        }
    }

    /// Notes the removed services that have units to stop, and whether they stop late.
    pub(super) fn leave(&self, leaving: BTreeMap<ServiceId, bool>) {
        *self.leaving.borrow_mut() = leaving;
    }

    /// Notes that a removed service has nothing left to stop, or that it will not stop.
    pub(super) fn has_left(&self, service: &ServiceId) {
        if self.leaving.borrow_mut().remove(service).is_some() {
            self.wake();
        }
    }

    /// Waits until the removed services have stopped. What has to change before those that stop late does not wait for
    /// them.
    pub(super) async fn until_left(&self, dependencies: &Dependencies) {
        let waits_for = |late: &bool| !(*late && dependencies.changes_first);
        let is_over = || (!self.leaving.borrow().values().any(waits_for)).then_some(());
        self.until(is_over).await;
    }

    /// Notes whether the old instances of a service have stopped. The first note counts: they are not started again,
    /// and what failed before they stopped does not stop.
    pub(super) fn note_stop(&self, service: &ServiceId, stopped: bool) {
        self.stopped.borrow_mut().entry(service.clone()).or_insert(stopped);
        self.wake();
    }

    /// Returns whether a wait is over; it fails if the service did.
    fn is_over(&self, Wait { service, started }: &Wait) -> Option<Result<(), Cause>> {
        match self.reached.borrow().get(service)? {
            Reached::Up => Some(Ok(())),
            Reached::Started => started.then_some(Ok(())),
            Reached::Failed => Some(Err(Cause::Dependency { service: service.clone() })),
        }
    }

    async fn until<T>(&self, over: impl Fn() -> Option<T>) -> T {
        poll_fn(|context| {
            if let Some(value) = over() {
                return Poll::Ready(value);
            }
            self.waiting.borrow_mut().push(context.waker().clone());
            Poll::Pending
        })
        .await
    }
}

impl<H: Host> Executor<'_, H> {
    /// Notes that a service is up, once nothing of it is left to start.
    pub(super) fn note_up(&self, run: &ServiceRun<H::OldWorkers>) {
        if run.is_up() {
            self.board.note(&run.plan.service, Reached::Up);
        }
    }

    /// Notes that the old instances of a service have stopped, once none is left to stop and no undo is possible.
    pub(super) fn note_replaced(&self, run: &ServiceRun<H::OldWorkers>) {
        let stops = |step: &Step| matches!(step, Step::Stop(_));
        let is_over = run.phase() == Phase::Finish && run.failure.is_none() && !run.has_left(stops);
        if run.plan.revision.is_some() && is_over {
            self.board.note_stop(&run.plan.service, true);
        }
    }

    /// Waits, before a service changes anything, for those on which it depends. If one fails, nothing has to be undone.
    pub(super) async fn wait_for_dependencies(
        &self,
        run: &mut ServiceRun<H::OldWorkers>,
    ) -> Result<(), StepFault> {
        if run.phase() != Phase::Steps || run.has_waited {
            return Ok(());
        }
        let Some(step) = run.next_step().filter(|step| changes(step)).cloned() else {
            return Ok(());
        };
        run.has_waited = true;
        if !run.starts() {
            return Ok(());
        }
        for wait in &run.plan.dependencies.waits_for {
            let over = self.board.is_over(wait);
            if over.is_none() {
                let what = if wait.started { "has been started" } else { "is up" };
                let text = format!("waits until {} {what}", wait.service);
                self.tell(Event::note(&run.plan.service, text));
            }
            let waiting = Box::pin(self.board.until(|| self.board.is_over(wait)));
            let result = match select(waiting, Box::pin(self.interruption.wait())).await {
                Either::Left((result, _)) => result,
                Either::Right(_) => Err(Cause::Interrupted),
            };
            // The other one may have gone back only because of a third member of its group.
            let own = |cause| run.failed_elsewhere().map_or(cause, |(_, cause)| cause);
            result.map_err(|cause| StepFault {
                step: step.clone(),
                unit: None,
                cause: own(cause),
            })?;
        }
        Ok(())
    }

    /// Waits, before a removed service changes anything, until the old instances have stopped that depend on it; a member
    /// of a group waits for some of them only before it stops itself. If one does not stop, it still needs this one.
    pub(super) async fn wait_for_stops(
        &self,
        run: &ServiceRun<H::OldWorkers>,
    ) -> Result<(), StepFault> {
        let Dependencies { stops_after, stops_after_members, .. } = &run.plan.dependencies;
        let before = match run.phase() {
            Phase::Steps => stops_after,
            Phase::Finish => stops_after_members,
            Phase::Undo => return Ok(()),
        };
        let Some(step) = run.next_step().filter(|step| changes(step)) else { return Ok(()) };
        for service in before {
            let over = || self.board.stopped.borrow().get(service).copied();
            if over().is_none() {
                let text = format!("waits until {service} has stopped");
                self.tell(Event::note(&run.plan.service, text));
            }
            let waiting = Box::pin(self.board.until(over));
            let cause = match select(waiting, Box::pin(self.interruption.wait())).await {
                Either::Left((true, _)) => continue,
                Either::Left((false, _)) => Cause::Dependent { service: service.clone() },
                Either::Right(_) => Cause::Interrupted,
            };
            return Err(StepFault { step: step.clone(), unit: None, cause });
        }
        Ok(())
    }
}

/// Returns whether a step changes the host for its service. What only prepares is done while others start.
fn changes(step: &Step) -> bool {
    let kind = StepKind::of(step);
    !kind.only_looks() && kind != StepKind::Tag
}
