//! The order between services that depend on each other, within one change.
//!
//! Services do not wait for each other, except for these: what depends on a service starts when that one is up, and
//! what is removed stops after the instances that depend on it; see [`super::departures`].

use std::collections::{BTreeMap, BTreeSet};

use super::{
    FileChange, Observed, ObservedRelease, ServicePlan, Step, Steps, Turn, departures, releases,
};
use crate::definition::Condition;
use crate::name::{ServiceId, UnitName};
use crate::release::target_unit;
use crate::service::Service;
use crate::unit::Unit;

/// What a service depends on, and what follows from it for its change.
#[derive(Debug, Clone, Default)]
pub struct Dependencies {
    /// The services on which it depends; `None` is the condition that they are up.
    pub(super) on: BTreeMap<ServiceId, Option<Condition>>,
    /// The services whose instances have to be up, or only started, before its own start.
    pub waits_for: Vec<Wait>,
    /// The services whose old instances need it, and stop in the same change: they have to stop before it changes
    /// anything.
    pub stops_after: Vec<ServiceId>,
    /// For a member of a group, those that stop when all files have changed, or later: they have to stop before it does.
    pub stops_after_members: Vec<ServiceId>,
    /// Whether it is removed only when others have changed. What has to change before that does not wait for it.
    pub stops_late: bool,
    /// Whether something that stops late waits for its change.
    pub changes_first: bool,
    /// What an operator should know about it.
    pub notes: Vec<String>,
}

impl Dependencies {
    /// Returns what a definition says.
    pub(super) fn of(service: &Service) -> Self {
        let on = service.depends_on.iter();
        let on = on.map(|(id, dependency)| (id.clone(), dependency.condition)).collect();
        Self { on, ..Self::default() }
    }
}

/// A service for which another one waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// The service.
    pub service: ServiceId,
    /// Whether it is enough that its instances have been started.
    pub started: bool,
}

/// Which services depend on which.
pub(super) type Edges = BTreeMap<ServiceId, BTreeSet<ServiceId>>;

/// Adds to plans what the dependencies between their services need.
pub(super) fn order(services: &mut [ServicePlan], observed: &Observed) {
    let none = services.iter().all(|plan| plan.dependencies.on.is_empty());
    if none && observed.depends_on.is_empty() {
        return;
    }
    let planned = |plan: &ServicePlan| plan.dependencies.on.keys().cloned().collect();
    let on: Edges = services.iter().map(|plan| (plan.service.clone(), planned(plan))).collect();
    let mut dependents = inverted(&observed.depends_on);
    for (service, others) in inverted(&on) {
        dependents.entry(service).or_default().extend(others);
    }
    let chosen = |chooses: fn(&ServicePlan) -> bool| {
        let plans = services.iter().filter(|plan| chooses(plan));
        plans.map(|plan| plan.service.clone()).collect::<BTreeSet<_>>()
    };
    let starting = chosen(starts);
    let removed = chosen(|plan| plan.revision.is_none());
    let leaving = chosen(|plan| {
        plan.revision.is_none() && plan.all_steps().any(|step| matches!(step, Step::Stop(_)))
    });
    let replaced = departures::replaced(services, &on, observed);
    let late =
        chosen(|plan| plan.together.as_ref().is_some_and(|together| together.turn != Turn::AtOnce));
    for plan in &mut *services {
        let own = plan.service.clone();
        let others = dependents.get(&own).into_iter().flatten();
        if plan.revision.is_none() {
            let needs = reached(&own, &observed.depends_on);
            let is_replaced =
                |id: &ServiceId| replaced.get(id).is_some_and(|lost| lost.contains(&own));
            let stops = |id: &&ServiceId| {
                (leaving.contains(*id) || is_replaced(id)) && !needs.contains(*id)
            };
            if leaving.contains(&own) {
                plan.dependencies.stops_after = others.clone().filter(stops).cloned().collect();
            }
            let stays = |id: &&ServiceId| {
                !removed.contains(*id) && on.get(*id).is_none_or(|on| on.contains(&own))
            };
            let notes = &mut plan.dependencies.notes;
            notes.extend(others.filter(stays).map(|id| format!("{id} depends on it")));
            continue;
        }
        if starting.contains(&own) {
            wait(plan, &starting, &late, &on, observed);
        }
        if others.count() > 0 {
            reread_members(plan, observed);
        }
    }
    departures::order(services, observed);
}

/// Adds to a plan the services for which it waits, and notes those that are not up.
fn wait(
    plan: &mut ServicePlan,
    starting: &BTreeSet<ServiceId>,
    late: &BTreeSet<ServiceId>,
    on: &Edges,
    observed: &Observed,
) {
    let Dependencies { on: wanted, waits_for, notes, .. } = &mut plan.dependencies;
    let (now, not): (Vec<_>, Vec<_>) = wanted.iter().partition(|(id, _)| starting.contains(*id));
    let can_wait = |id: &ServiceId| {
        let reached = reached(id, on);
        // Members of a group that stop first wait for its other members.
        let meets = plan.together.is_some() && !reached.is_disjoint(late);
        !meets && !reached.contains(&plan.service)
    };
    let waits = now.into_iter().filter(|(id, _)| can_wait(id)).map(|(id, condition)| Wait {
        service: id.clone(),
        started: *condition == Some(Condition::Started),
    });
    *waits_for = waits.collect();
    let down = not.into_iter().filter(|(id, _)| is_down(id, observed));
    notes.extend(down.map(|(id, _)| format!("{id}, on which it depends, is not up")));
}

fn inverted(edges: &Edges) -> Edges {
    let mut inverted = Edges::new();
    for (from, to) in edges.iter().flat_map(|(from, all)| all.iter().map(move |to| (from, to))) {
        inverted.entry(to.clone()).or_default().insert(from.clone());
    }
    inverted
}

/// Returns whether a plan starts an instance, or may do so once it is planned again.
fn starts(plan: &ServicePlan) -> bool {
    let is_start =
        |step: &Step| matches!(step, Step::Start(_) | Step::Restart(_) | Step::Pull { .. });
    plan.revision.is_some() && plan.steps.iter().any(is_start)
}

/// Returns whether a service that is on the host is not up.
fn is_down(service: &ServiceId, observed: &Observed) -> bool {
    observed.states.is_some()
        && releases(service, observed)
            .first()
            .is_some_and(|current| !ObservedRelease::serves(current))
}

/// Returns the services that a service depends on, through others, too; and itself.
fn reached(service: &ServiceId, on: &Edges) -> BTreeSet<ServiceId> {
    let mut reached = BTreeSet::from([service.clone()]);
    let mut next = vec![service];
    while let Some(id) = next.pop() {
        for on in on.get(id).into_iter().flatten() {
            if reached.insert(on.clone()) {
                next.push(on);
            }
        }
    }
    reached
}

/// Makes systemd read the members of a service's target again if they change.
///
/// What depends on the service is ordered after its target. So systemd holds the target also while it is stopped, with
/// the members that it read first, and the next start would start those. A new time of its file is what makes systemd
/// read them again.
fn reread_members(plan: &mut ServicePlan, observed: &Observed) {
    let target = target_unit(&plan.service);
    // A target that is new has not been read.
    let Some(old) = observed.set.units.get(&target).cloned() else { return };
    let new = plan.steps.iter().find_map(|step| match step {
        Step::Write { name, unit, .. } if *name == target => Some(Unit::clone(unit)),
        _ => None,
    });
    let mut changes = plan.steps.iter().chain(&plan.finish);
    if !changes.any(|step| changes_member(step, &target)) {
        return;
    }
    plan.finish = reread(&target, new.unwrap_or_else(|| old.clone()), &plan.finish);
    if plan.undo.iter().any(|step| changes_member(step, &target)) {
        plan.undo = reread(&target, old, &plan.undo);
    }
}

fn changes_member(step: &Step, target: &UnitName) -> bool {
    matches!(step, Step::Enable(link) | Step::Disable(link) if link.by == *target)
}

/// Returns steps that also write the file of a target, after the last link that changes.
fn reread(target: &UnitName, unit: Unit, steps: &Steps) -> Steps {
    let last = steps.iter().rposition(|step| changes_member(step, target));
    let write = Step::Write { name: target.clone(), unit: unit.into(), change: FileChange::Text };
    let at = last.map_or(0, |last| last + 1);
    let mut with = Steps::default();
    let is_write = |step: &&Step| !matches!(step, Step::Write { name, .. } if name == target);
    with.extend(steps.iter().take(at).cloned());
    with.extend([write]);
    with.extend(steps.iter().skip(at).filter(is_write).cloned());
    with
}
