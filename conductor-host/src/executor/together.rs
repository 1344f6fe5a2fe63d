//! Services that change together: all are ready, then requests go to all of them, where all files for proxies are written
//! and tested at once, and one reload switches them; or all are put back.
//!
//! The members meet at points of their plans. No member passes a point before all have reached it, and none
//! waits any longer once one has failed.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use conductor_core::name::{ProxyName, ServiceId, UnitName};
use conductor_core::plan::{ServicePlan, Step, Together, Turn};
use conductor_core::proxy::UpstreamChange;
use futures_util::future::{Either, poll_fn, select};

use super::progress::{Phase, ServiceRun};
use super::{Executor, Halt};
use crate::host::Host;
use crate::report::Cause;

/// Where the members of a group meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Point {
    /// The new instances are up.
    Ready,
    /// They still are, now that those of the others are, too.
    Sure,
    /// The fixed names of its sockets lead to them.
    Named,
    /// The proxy uses the new files, and the new instances are still up.
    Done,
    /// The change failed after files were written.
    Back,
}

/// The unit that failed, if any, and the cause.
type Fault = (Option<UnitName>, Cause);

/// Changes of files, by proxy.
type Changes = BTreeMap<ProxyName, Vec<UpstreamChange>>;

/// All points.
const POINTS: [Point; 5] = [Point::Ready, Point::Sure, Point::Named, Point::Done, Point::Back];

/// What the members of a group share.
#[derive(Default)]
pub(super) struct Group {
    /// The application, if all members are its processes.
    application: Option<ServiceId>,
    changes: RefCell<Changes>,
    restores: RefCell<Changes>,
    /// The members that have not reached each point.
    missing: [RefCell<BTreeSet<ServiceId>>; POINTS.len()],
    /// The turns of the members that are not ready.
    turns: RefCell<BTreeMap<ServiceId, Turn>>,
    /// The first member that failed.
    failed: RefCell<Option<ServiceId>>,
    /// Whether files were written, or may have been.
    touched: Cell<bool>,
    /// Whether a member changes the files, or has changed them.
    switches: Cell<bool>,
    switched: Cell<bool>,
    /// Whether files are being written: they cannot be put back before that has ended.
    writes: Cell<bool>,
    /// Whether a member puts the files back, or has put them back.
    restores_now: Cell<bool>,
    restored: Cell<bool>,
    waiting: RefCell<Vec<Waker>>,
}

/// A service's part in a group.
pub(super) struct Member {
    service: ServiceId,
    group: Rc<Group>,
    turn: Turn,
    /// The step at which requests go to the new instances; its last one, if none does that.
    step: Step,
    /// The new instances.
    units: Vec<UnitName>,
}

/// Makes the members of all groups, in the order of the plans.
pub(super) fn members(plans: &[ServicePlan]) -> Vec<Option<Member>> {
    let mut groups: BTreeMap<&BTreeSet<ServiceId>, Group> = BTreeMap::new();
    for plan in plans {
        let Some(Together { members, application, turn, .. }) = &plan.together else { continue };
        let group = groups.entry(members).or_default();
        group.application.clone_from(application);
        add(group.changes.get_mut(), plan.steps.iter());
        add(group.restores.get_mut(), plan.undo.iter());
        let restores = plan.undo.iter().any(is_change);
        for point in POINTS {
            if point != Point::Back || restores {
                group.missing[point as usize].get_mut().insert(plan.service.clone());
            }
        }
        group.turns.get_mut().insert(plan.service.clone(), *turn);
    }
    let groups: BTreeMap<_, _> =
        groups.into_iter().map(|(members, group)| (members, Rc::new(group))).collect();
    let member = |plan: &ServicePlan| {
        let Together { members, turn, .. } = plan.together.as_ref()?;
        Some(Member {
            service: plan.service.clone(),
            group: Rc::clone(groups.get(members)?),
            turn: *turn,
            step: step_of(plan)?,
            units: new_instances(plan),
        })
    };
    plans.iter().map(member).collect()
}

/// Returns the step before which a member meets the others, or its last one.
fn step_of(plan: &ServicePlan) -> Option<Step> {
    let steps = || plan.steps.iter();
    steps().find(|step| step.is_traffic()).or_else(|| steps().last()).cloned()
}

fn add<'s>(changes: &mut Changes, steps: impl Iterator<Item = &'s Step>) {
    for step in steps {
        let (proxy, service, text) = match step {
            Step::WriteUpstream { file, .. } => {
                (&file.proxy, &file.service, Some(file.text.clone()))
            }
            Step::RemoveUpstream { proxy, service, .. } => (proxy, service, None),
            _ => continue,
        };
        let change = UpstreamChange { service: service.clone(), text };
        changes.entry(proxy.clone()).or_default().push(change);
    }
}

/// Returns the instances that are confirmed before the switch.
fn new_instances(plan: &ServicePlan) -> Vec<UnitName> {
    let units = plan.steps.iter().find_map(|step| match step {
        Step::Confirm { units, .. } => Some(units.clone()),
        _ => None,
    });
    units.unwrap_or_default()
}

/// Returns whether a step changes a file for a proxy.
pub(super) fn is_change(step: &Step) -> bool {
    matches!(step, Step::WriteUpstream { .. } | Step::RemoveUpstream { .. })
}

/// Returns whether the files of the whole group change before this step.
pub(super) fn switches(step: &Step) -> bool {
    is_change(step) || matches!(step, Step::ReloadProxy(_))
}

impl Group {
    fn wake(&self) {
        self.waiting.take().into_iter().for_each(Waker::wake);
    }

    fn is_missing(&self, point: Point) -> bool {
        !self.missing[point as usize].borrow().is_empty()
    }

    fn has_reached(&self, service: &ServiceId, point: Point) -> bool {
        !self.missing[point as usize].borrow().contains(service)
    }

    fn reach(&self, service: &ServiceId, point: Point) {
        self.missing[point as usize].borrow_mut().remove(service);
        if point == Point::Ready {
            self.turns.borrow_mut().remove(service);
        }
        self.wake();
    }

    /// Returns whether all have passed the last point from which there is a way back.
    fn is_done(&self) -> bool {
        !self.is_missing(Point::Done)
    }

    fn failed(&self) -> Option<Cause> {
        let service = self.failed.borrow().clone()?;
        Some(match self.application.clone() {
            Some(application) => Cause::Application { application, service },
            None => Cause::Together { service },
        })
    }

    /// Waits until something holds. Fails if a member has failed.
    async fn wait(&self, holds: impl Fn(&Self) -> bool) -> Result<(), Cause> {
        poll_fn(|context| {
            if let Some(cause) = self.failed() {
                return Poll::Ready(Err(cause));
            }
            if holds(self) {
                return Poll::Ready(Ok(()));
            }
            self.waiting.borrow_mut().push(context.waker().clone());
            Poll::Pending
        })
        .await
    }
}

impl Member {
    /// Returns the step of a failure that has no step of its own.
    pub(super) fn step(&self) -> &Step {
        &self.step
    }

    /// Returns why this member has to go back; `None` if no member has failed, or if it is too late.
    pub(super) fn failed(&self) -> Option<Cause> {
        self.group.failed().filter(|_| !self.is_done())
    }

    /// Returns whether all have passed the last point from which there is a way back.
    pub(super) fn is_done(&self) -> bool {
        self.group.is_done()
    }

    /// Returns whether files were written, or may have been.
    pub(super) fn was_touched(&self) -> bool {
        self.group.touched.get()
    }

    /// Makes all others go back, too.
    pub(super) fn fail(&self) {
        if !self.is_done() {
            self.group.failed.borrow_mut().get_or_insert_with(|| self.service.clone());
            self.group.wake();
        }
    }

    /// Replaces the service's part by that of a new plan, before any of its steps. Returns `None` if the new plan
    /// changes nothing.
    pub(super) fn planned_again(self, plan: &ServicePlan) -> Option<Self> {
        let group = &self.group;
        let both = [(&group.changes, &plan.steps), (&group.restores, &plan.undo)];
        for (changes, steps) in both {
            let mut changes = changes.borrow_mut();
            for changes in changes.values_mut() {
                changes.retain(|change| change.service != self.service);
            }
            add(&mut changes, steps.iter());
            changes.retain(|_, changes| !changes.is_empty());
        }
        if !plan.undo.iter().any(is_change) {
            group.reach(&self.service, Point::Back);
        }
        let Some(step) = step_of(plan) else {
            for point in POINTS {
                group.reach(&self.service, point);
            }
            return None;
        };
        Some(Self { step, units: new_instances(plan), ..self })
    }

    /// Leaves the group: nobody waits for this member any more.
    pub(super) fn leave(&self) {
        self.fail();
        if !self.is_done() {
            self.group.reach(&self.service, Point::Back);
        }
    }
}

/// Notes that the fixed names of a member's sockets lead to its new instances, once none is left to change.
pub(super) fn note_named<W>(run: &ServiceRun<W>) {
    let Some(member) = run.member.as_ref().filter(|_| run.phase() == Phase::Steps) else {
        return;
    };
    let is_switch = |step: &Step| matches!(step, Step::Switch { .. });
    let group = &member.group;
    if group.has_reached(&member.service, Point::Sure) && !run.has_left(is_switch) {
        group.reach(&member.service, Point::Named);
    }
}

impl<H: Host> Executor<'_, H> {
    /// Waits before a service of a group stops or starts instances, until the members are ready whose turn is
    /// before.
    pub(super) async fn wait_for_turn(&self, run: &ServiceRun<H::OldWorkers>) -> Result<(), Cause> {
        let Some(member) = &run.member else { return Ok(()) };
        let is_next =
            |group: &Group| group.turns.borrow().values().all(|turn| *turn >= member.turn);
        self.unless_interrupted(member.group.wait(is_next)).await
    }

    /// Changes the files of a group, or puts them back, if the group does so before this step of a member. If
    /// that fails, returns the cause and the unit that failed.
    pub(super) async fn meet_before(
        &self,
        step: &Step,
        run: &ServiceRun<H::OldWorkers>,
    ) -> Result<Option<Fault>, Halt> {
        let Some(member) = run.member.as_ref().filter(|_| step.is_traffic()) else {
            return Ok(None);
        };
        match run.phase() {
            Phase::Steps => {
                let mut met = self.all_ready(member).await?;
                if met.is_ok() && switches(step) {
                    let switched = self.switch_together(member).await;
                    met = switched.map_err(|cause| (None, cause));
                }
                Ok(met.err())
            }
            Phase::Undo if switches(step) => {
                Ok(self.put_back_together(member).await.err().map(|cause| (None, cause)))
            }
            Phase::Undo | Phase::Finish => Ok(None),
        }
    }

    /// Waits until all members are ready, before requests go to the new instances of any.
    async fn all_ready(&self, member: &Member) -> Result<Result<(), Fault>, Halt> {
        let (group, own) = (&member.group, |cause| (None, cause));
        if group.has_reached(&member.service, Point::Sure) {
            return Ok(Ok(()));
        }
        group.reach(&member.service, Point::Ready);
        let ready = group.wait(|group| !group.is_missing(Point::Ready));
        if let Err(cause) = self.unless_interrupted(ready).await {
            return Ok(Err(own(cause)));
        }
        // An instance may have ended while others were waited for.
        if !member.units.is_empty()
            && let Some(fault) = self.confirm(&member.units, Duration::ZERO).await?
        {
            return Ok(Err(fault));
        }
        group.reach(&member.service, Point::Sure);
        let sure = group.wait(|group| !group.is_missing(Point::Sure));
        Ok(self.unless_interrupted(sure).await.map_err(own))
    }

    /// Changes the files of a group once the fixed names of all sockets lead to the new instances: the files have these
    /// names. What is joined here is done once.
    async fn switch_together(&self, member: &Member) -> Result<(), Cause> {
        let group = &member.group;
        if group.switched.get() {
            return Ok(());
        }
        group.reach(&member.service, Point::Named);
        self.unless_interrupted(group.wait(|group| !group.is_missing(Point::Named))).await?;
        if group.switches.replace(true) {
            let switched = group.wait(|group| group.switched.get());
            return self.unless_interrupted(switched).await;
        }
        let changes = group.changes.borrow().clone();
        for (proxy, changes) in &changes {
            self.test_proxy(proxy, changes).await?;
        }
        if let Some(cause) = group.failed() {
            return Err(cause);
        }
        group.touched.set(true);
        group.writes.set(true);
        let mut result = Ok(());
        for (proxy, changes) in &changes {
            result = self.host.write_upstreams(proxy, changes).await;
            if result.is_err() {
                break;
            }
        }
        group.writes.set(false);
        group.switched.set(result.is_ok());
        group.wake();
        Ok(result?)
    }

    /// Puts the files of a group back once all members are about to.
    async fn put_back_together(&self, member: &Member) -> Result<(), Cause> {
        let group = &member.group;
        if !group.touched.get() || group.restored.get() {
            return Ok(());
        }
        group.reach(&member.service, Point::Back);
        loop {
            poll_fn(|context| {
                let waits = group.is_missing(Point::Back)
                    || group.writes.get()
                    || group.restores_now.get() && !group.restored.get();
                if waits {
                    group.waiting.borrow_mut().push(context.waker().clone());
                    return Poll::Pending;
                }
                Poll::Ready(())
            })
            .await;
            if group.restored.get() {
                return Ok(());
            }
            if group.restores_now.replace(true) {
                continue;
            }
            let mut result = Ok(());
            let restores = group.restores.borrow().clone();
            for (proxy, changes) in &restores {
                let written = self.write_upstreams(proxy, changes, true).await;
                result = result.and(written);
            }
            group.restored.set(true);
            group.wake();
            return result;
        }
    }

    /// Waits until the change of all members has succeeded. After that, there is no way back.
    pub(super) async fn commit(&self, member: &Member) -> Result<Result<(), Fault>, Halt> {
        let group = &member.group;
        if let Some(cause) = group.failed() {
            return Ok(Err((None, cause)));
        }
        // A member without requests has not met the others yet.
        if let Err(fault) = self.all_ready(member).await? {
            return Ok(Err(fault));
        }
        group.reach(&member.service, Point::Named);
        group.reach(&member.service, Point::Done);
        if group.is_done() {
            return Ok(Ok(()));
        }
        let result = self.unless_interrupted(group.wait(Group::is_done)).await;
        Ok(if group.is_done() { Ok(()) } else { result.map_err(|cause| (None, cause)) })
    }

    async fn unless_interrupted(
        &self,
        wait: impl Future<Output = Result<(), Cause>>,
    ) -> Result<(), Cause> {
        match select(Box::pin(wait), Box::pin(self.interruption.wait())).await {
            Either::Left((result, _)) => result,
            Either::Right(_) => Err(Cause::Interrupted),
        }
    }
}
