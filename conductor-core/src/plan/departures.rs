//! When services stop that are removed: after all instances that depend on them, whether these are removed, too, or
//! replaced by a release that does not depend on them any more.
//!
//! A new instance may need what a removed service holds: a port, a lock on data. So all that start wait for those that
//! are removed; except for those that stop late, because they wait for a change themselves.

use std::collections::BTreeSet;

use super::dependencies::Edges;
use super::{Dependencies, Observed, ServicePlan, Step, Turn};
use crate::name::{ServiceId, UnitName};
use crate::release::started_service;
use crate::unit::Unit;
use crate::value::FixedPort;

/// Directives that name what a unit can write: two services can have it in common.
const DATA: [&str; 3] = ["StateDirectory", "BindPaths", "ReadWritePaths"];

/// Returns the dependencies that services lose in a change: instances of theirs run that started after these, and stop.
pub(super) fn replaced(services: &[ServicePlan], on: &Edges, observed: &Observed) -> Edges {
    let mut replaced = Edges::new();
    for plan in services.iter().filter(|plan| plan.revision.is_some()) {
        let stopped = plan.all_steps().filter_map(|step| match step {
            Step::Stop(name) | Step::Restart(name) => Some(name),
            _ => None,
        });
        let is_up = |name: &&UnitName| observed.state(name).is_some_and(|state| !state.is_down());
        let stopped = stopped.filter(is_up).filter_map(|name| observed.set.units.get(name));
        let needs = stopped.flat_map(|unit| unit.values("After")).filter_map(|unit| {
            let unit: UnitName = unit.parse().ok()?;
            started_service(&unit)
        });
        let stays = |id: &ServiceId| on.get(&plan.service).is_some_and(|on| on.contains(id));
        let lost: BTreeSet<_> = needs.filter(|id| !stays(id)).collect();
        if !lost.is_empty() {
            replaced.insert(plan.service.clone(), lost);
        }
    }
    replaced
}

/// Decides for each removed service in which part of its plan it waits for those that need it, and which services do
/// not wait for it.
pub(super) fn order(services: &mut [ServicePlan], observed: &Observed) {
    let (late, first) = loop {
        let late = late(services);
        let first = first(services, &late);
        match taken(services, &late, &first, observed) {
            Some((holder, taker)) => stop_early(services, &holder, &taker),
            None => break (late, first),
        }
    };
    let early = services.iter().filter(|plan| is_alone(plan) && !late.contains(&plan.service));
    let early: BTreeSet<_> = early.map(|plan| plan.service.clone()).collect();
    for plan in services {
        let dependencies = &mut plan.dependencies;
        dependencies.stops_late = late.contains(&plan.service);
        dependencies.changes_first = first.contains(&plan.service);
        let Some(group) = &plan.together else { continue };
        // The others of its group wait for it until the files have changed, and something that it would wait for may
        // wait for them.
        let all = std::mem::take(&mut dependencies.stops_after).into_iter();
        let (now, later): (Vec<_>, Vec<_>) = all.partition(|id| early.contains(id));
        dependencies.stops_after = now;
        // It stops before that if another member must not run at the same time.
        if group.turn != Turn::Vacates {
            dependencies.stops_after_members = later;
        }
    }
}

/// Returns whether a service is removed and waits for no group.
fn is_alone(plan: &ServicePlan) -> bool {
    plan.revision.is_none() && plan.together.is_none()
}

/// Returns the services that are removed late: they wait for the change of another one, or for what does.
fn late(services: &[ServicePlan]) -> BTreeSet<ServiceId> {
    let alone = || services.iter().filter(|plan| is_alone(plan));
    let all: BTreeSet<_> = alone().map(|plan| &plan.service).collect();
    let mut late = BTreeSet::new();
    loop {
        let waits = |id: &ServiceId| late.contains(id) || !all.contains(id);
        let more = alone().filter(|plan| plan.dependencies.stops_after.iter().any(waits));
        let more: Vec<_> = more.map(|plan| plan.service.clone()).collect();
        if more.iter().all(|id| late.contains(id)) {
            return late;
        }
        late.extend(more);
    }
}

/// Returns the services whose change those wait for that stop late, with what that change waits for.
fn first(services: &[ServicePlan], late: &BTreeSet<ServiceId>) -> BTreeSet<ServiceId> {
    let of = |id: &ServiceId| services.iter().find(|plan| plan.service == *id);
    let waiting = services.iter().filter(|plan| late.contains(&plan.service));
    let mut next: Vec<_> = waiting.flat_map(|plan| &plan.dependencies.stops_after).collect();
    let mut first = BTreeSet::new();
    while let Some(id) = next.pop() {
        let Some(plan) = of(id).filter(|plan| !is_alone(plan)) else { continue };
        if first.insert(id.clone()) {
            next.extend(plan.together.iter().flat_map(|together| &together.members));
            next.extend(plan.dependencies.waits_for.iter().map(|wait| &wait.service));
        }
    }
    first
}

/// Finds a service that would start beside one that stops late, and take what that one has: a port, or data.
fn taken(
    services: &[ServicePlan],
    late: &BTreeSet<ServiceId>,
    first: &BTreeSet<ServiceId>,
    observed: &Observed,
) -> Option<(ServiceId, ServiceId)> {
    let held = late.iter().flat_map(|id| {
        let up = move |(name, _): &(&UnitName, &Unit)| {
            observed.state(name).is_some_and(|state| !state.is_down())
        };
        observed.units_of(id).filter(up).map(move |(_, unit)| (id, Held::by(unit)))
    });
    let held: Vec<_> = held.collect();
    let takers = services.iter().filter(|plan| first.contains(&plan.service));
    let started = takers.flat_map(|plan| {
        let units = plan.steps.iter().filter_map(|step| match step {
            Step::Start(name) | Step::Restart(name) => Some(name),
            _ => None,
        });
        units
            .filter_map(move |name| Some((&plan.service, Held::by(unit_of(name, plan, observed)?))))
    });
    started.into_iter().find_map(|(taker, wanted)| {
        let (holder, _) = held.iter().find(|(_, held)| held.meets(&wanted))?;
        Some(((*holder).clone(), taker.clone()))
    })
}

/// Returns a unit as it is after the steps of a plan.
fn unit_of<'a>(name: &UnitName, plan: &'a ServicePlan, observed: &'a Observed) -> Option<&'a Unit> {
    let written = plan.steps.iter().find_map(|step| match step {
        Step::Write { name: written, unit, .. } if written == name => Some(&**unit),
        _ => None,
    });
    written.or_else(|| observed.set.units.get(name))
}

/// Makes a service stop before what takes something that it has, although instances run that depend on it; and what it
/// waits for, too.
fn stop_early(services: &mut [ServicePlan], holder: &ServiceId, taker: &ServiceId) {
    let alone: BTreeSet<_> =
        services.iter().filter(|plan| is_alone(plan)).map(|plan| plan.service.clone()).collect();
    let mut next = vec![holder.clone()];
    while let Some(id) = next.pop() {
        let Some(plan) = services.iter_mut().find(|plan| plan.service == id) else { continue };
        let Dependencies { stops_after, notes, .. } = &mut plan.dependencies;
        let (before, after): (Vec<_>, Vec<_>) =
            std::mem::take(stops_after).into_iter().partition(|id| alone.contains(id));
        let text = |id| {
            format!(
                "it stops before {id}, which needs it, because {taker} takes a port or data of {holder}"
            )
        };
        notes.extend(after.iter().map(text));
        next.extend(before.iter().cloned());
        *stops_after = before;
    }
}

/// What one process at a time can have.
struct Held<'u> {
    ports: &'u [FixedPort],
    data: BTreeSet<&'u str>,
}

impl<'u> Held<'u> {
    fn by(unit: &'u Unit) -> Self {
        let ports = unit.metadata.kind.instance().map_or(&[][..], |instance| &instance.ports);
        let values = DATA.iter().flat_map(|directive| unit.values(directive));
        let paths = values.flat_map(str::split_whitespace).filter_map(|value| {
            let value = value.trim_matches('"').trim_start_matches('-');
            value.split(':').next()
        });
        let mounts = unit.body().split_whitespace().filter_map(source);
        Self { ports, data: paths.chain(mounts).collect() }
    }

    fn meets(&self, other: &Self) -> bool {
        let shares =
            |port: &FixedPort| other.ports.iter().any(|other| other.shared_with(port).is_some());
        self.ports.iter().any(shares) || !self.data.is_disjoint(&other.data)
    }
}

/// Returns the source of a volume that an option of an engine names, unless it is only read.
fn source(word: &str) -> Option<&str> {
    let word = word.trim_matches('"');
    if let Some(volume) = word.strip_prefix("--volume=") {
        let mut parts = volume.split(':');
        let source = parts.next();
        let is_read = parts.nth(1).is_some_and(|mode| mode.split(',').any(|word| word == "ro"));
        return source.filter(|_| !is_read);
    }
    let mount = word.strip_prefix("--mount=").filter(|mount| !mount.ends_with(",readonly"))?;
    let (_, source) = mount.split_once("source=")?;
    source.split(['"', '\\']).next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::{Kind, Metadata};

    fn shares(one: &str, other: &str) -> bool {
        let unit = |text: &str| {
            let metadata = Metadata {
                version: String::new(),
                rendered: None,
                service: None,
                application: None,
                kind: Kind::Target,
            };
            Unit { metadata, text: format!("[Service]\n{text}\n") }
        };
        Held::by(&unit(one)).meets(&Held::by(&unit(other)))
    }

    #[test]
    fn data_that_both_can_write_is_shared() {
        for (one, other) in [
            ("BindPaths=/srv/a:/x", "BindPaths=/run/b -/srv/a:/y"),
            ("StateDirectory=db", "StateDirectory=x db"),
            (
                "ExecStart=podman run --volume=/srv/a:/x:rw",
                "ExecStart=podman run --volume=/srv/a:/y:rw,z",
            ),
            (
                r#"ExecStart=docker run "--mount=type=volume,\"source=shop\",\"target=/x\"" app"#,
                r#"ExecStart=docker run "--mount=type=volume,\"source=shop\",\"target=/y\"" app"#,
            ),
        ] {
            assert!(shares(one, other), "{one}");
        }
        for (one, other) in [
            ("BindPaths=/srv/a:/x", "BindPaths=/srv/b:/x"),
            ("BindReadOnlyPaths=/srv/a", "BindReadOnlyPaths=/srv/a"),
            (
                "ExecStart=podman run --volume=/srv/a:/x:ro",
                "ExecStart=podman run --volume=/srv/a:/x:ro",
            ),
            (
                "ExecStart=docker run --mount=type=bind,source=/usr/bin/probe,target=/p,readonly",
                "ExecStart=docker run --mount=type=bind,source=/usr/bin/probe,target=/p,readonly",
            ),
        ] {
            assert!(!shares(one, other), "{one}");
        }
    }
}
