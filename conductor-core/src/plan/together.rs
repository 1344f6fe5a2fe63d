//! Services that change together: the processes of an application, and services whose files for a proxy change
//! together, because one takes an upstream that another one has.
//!
//! A proxy refuses two upstreams of one name, and a site without its upstream. So the file of a renamed service
//! can be written neither before nor after the file of its old name is removed, and two services can swap their
//! upstreams only in one step.

use std::collections::{BTreeMap, BTreeSet};

use super::converge::start_again;
use super::{ActiveState, Observed, ServicePlan, Step};
use crate::name::{ProxyName, ServiceId};
use crate::proxy::{UpstreamChange, UpstreamFile};

/// The services that change together with one service: all of them, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Together {
    /// All of them, with the service itself.
    pub members: BTreeSet<ServiceId>,
    /// The application, if all of them are its processes.
    pub application: Option<ServiceId>,
    /// Whether one of them replaces instances that serve, which go on if the change fails.
    pub serves: bool,
    /// When the service stops old instances and starts new ones.
    pub turn: Turn,
}

/// When a service stops old instances and starts new ones: after all members of its group with an earlier turn
/// are ready for the change of the files, so that the time without an instance is short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
    /// At once: what it replaces serves until then.
    AtOnce,
    /// It is removed, and another one that stops first takes its place.
    Vacates,
    /// Its old instances stop first.
    StopsFirst,
}

/// An upstream of a changed file that another file still has, and no step removes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the upstream {upstream} of {service} is still in the file of {holder} for {proxy}")]
pub struct Taken {
    /// The proxy.
    pub proxy: ProxyName,
    /// The upstream.
    pub upstream: String,
    /// The service that wants it.
    pub service: ServiceId,
    /// The service whose file has it.
    pub holder: ServiceId,
}

/// What a plan does to a service's file for a proxy.
struct Change<'a> {
    proxy: &'a ProxyName,
    /// The file afterwards.
    file: Option<&'a UpstreamFile>,
    /// Whether it differs from the present one; else the proxy may not have read it yet.
    differs: bool,
}

impl Change<'_> {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.file.into_iter().flat_map(UpstreamFile::names)
    }
}

fn changes<'a>(plan: &'a ServicePlan, observed: &'a Observed) -> Vec<Change<'a>> {
    let mut changes: Vec<Change<'_>> = Vec::new();
    for step in &plan.steps {
        let change = match step {
            Step::WriteUpstream { file, .. } => {
                Change { proxy: &file.proxy, file: Some(file), differs: true }
            }
            Step::RemoveUpstream { proxy, .. } => Change { proxy, file: None, differs: true },
            Step::ReloadProxy(proxy) if !changes.iter().any(|change| change.proxy == proxy) => {
                Change { proxy, file: present(&plan.service, proxy, observed), differs: false }
            }
            _ => continue,
        };
        changes.push(change);
    }
    changes
}

fn present<'o>(
    service: &ServiceId,
    proxy: &ProxyName,
    observed: &'o Observed,
) -> Option<&'o UpstreamFile> {
    observed.upstreams.get(service)?.iter().find(|file| file.proxy == *proxy)
}

/// Finds an upstream that a plan wants to write and that stays in the file of another service.
pub fn taken(services: &[ServicePlan], observed: &Observed) -> Option<Taken> {
    let mut after: BTreeMap<(&ServiceId, &ProxyName), Change<'_>> = BTreeMap::new();
    for plan in services {
        let changes = changes(plan, observed).into_iter();
        after.extend(changes.map(|change| ((&plan.service, change.proxy), change)));
    }
    if after.is_empty() {
        return None;
    }
    let mut stay: BTreeMap<(&ProxyName, &str), Vec<&ServiceId>> = BTreeMap::new();
    for file in observed.upstreams.values().flatten() {
        let change = after.get(&(&file.service, &file.proxy));
        for name in file.names() {
            if change.is_none_or(|change| change.names().any(|new| new == name)) {
                stay.entry((&file.proxy, name)).or_default().push(&file.service);
            }
        }
    }
    after.iter().find_map(|((service, proxy), change)| {
        change.names().find_map(|name| {
            let holders = stay.get(&(*proxy, name))?;
            let holder = holders.iter().find(|holder| *holder != service)?;
            Some(Taken {
                proxy: (*proxy).clone(),
                upstream: name.to_owned(),
                service: (*service).clone(),
                holder: (*holder).clone(),
            })
        })
    })
}

/// Finds the services that have to change together, and adds to their plans what that takes.
pub(super) fn group(services: &mut [ServicePlan], observed: &Observed) {
    let all: Vec<_> = services.iter().map(|plan| changes(plan, observed)).collect();
    let mut groups: Vec<usize> = (0..services.len()).collect();
    let mut vacates = BTreeSet::new();
    let holders = holders(services, &all, observed);
    let numbered = || all.iter().enumerate().flat_map(|(n, all)| all.iter().map(move |c| (n, c)));
    let unite = |groups: &mut Vec<usize>, one: usize, other: usize| {
        let (from, to) = (groups[one], groups[other]);
        groups.iter_mut().filter(|group| **group == from).for_each(|group| *group = to);
    };
    for (taker, change) in numbered() {
        let holders = change.names().filter_map(|name| holders.get(&(change.proxy, name)));
        for holder in holders.flatten().copied().filter(|holder| *holder != taker) {
            unite(&mut groups, taker, holder);
            if services[taker].stop_first && services[holder].revision.is_none() {
                vacates.insert(holder);
            }
        }
    }
    // A process may have been killed after it had changed only some files of a group. Until the others are
    // changed, too, the proxy must not read what it wrote, and refuses any other change.
    let is_pending = |(number, change): &(usize, &Change<'_>)| {
        let pending = observed.pending.get(&services[*number].service);
        pending.is_some_and(|proxies| proxies.contains(change.proxy))
    };
    for (pending, change) in numbered().filter(is_pending) {
        let writes = |other: &Change<'_>| other.differs && other.proxy == change.proxy;
        for (writer, _) in numbered().filter(|(_, other)| writes(other)) {
            unite(&mut groups, pending, writer);
        }
    }
    let mut firsts = BTreeMap::new();
    for (number, plan) in services.iter().enumerate().filter(|(_, plan)| is_process(plan)) {
        let first = *firsts.entry(&plan.application).or_insert(number);
        unite(&mut groups, number, first);
    }
    let needed = needed(services);
    let mut members: BTreeMap<usize, BTreeSet<ServiceId>> = BTreeMap::new();
    let mut serving = BTreeSet::new();
    let mut applications: BTreeMap<usize, BTreeSet<Option<ServiceId>>> = BTreeMap::new();
    let mut together: BTreeMap<(usize, ProxyName), Vec<UpstreamChange>> = BTreeMap::new();
    for ((plan, group), changes) in services.iter().zip(&groups).zip(&all) {
        members.entry(*group).or_default().insert(plan.service.clone());
        applications.entry(*group).or_default().insert(plan.application.clone());
        if plan.replaces {
            serving.insert(*group);
        }
        for change in changes.iter().filter(|change| change.differs) {
            let text = change.file.map(|file| file.text.clone());
            let changed = UpstreamChange { service: plan.service.clone(), text };
            together.entry((*group, change.proxy.clone())).or_default().push(changed);
        }
    }
    for (number, (plan, group)) in services.iter_mut().zip(groups).enumerate() {
        let Some(members) = members.get(&group).filter(|members| members.len() > 1) else {
            continue;
        };
        plan.steps.change(|step| {
            if let Step::TestProxy { proxy, changes } = step
                && let Some(all) = together.get(&(group, proxy.clone()))
            {
                changes.clone_from(all);
            }
        });
        let turn = if plan.stop_first && !needed.contains(&plan.service) {
            Turn::StopsFirst
        } else if vacates.contains(&number) && vacate(plan, observed) {
            Turn::Vacates
        } else {
            Turn::AtOnce
        };
        let all = applications.get(&group).filter(|all| all.len() == 1);
        let application = all.and_then(|all| all.first().cloned().flatten());
        let serves = serving.contains(&group);
        plan.together = Some(Together { members: members.clone(), application, serves, turn });
    }
}

/// Returns whether a plan changes a process of an application, which then changes with the others. What only removes
/// old units is no change.
fn is_process(plan: &ServicePlan) -> bool {
    plan.application.is_some() && plan.revision.is_some() && plan.steps.iter().next().is_some()
}

/// Returns the processes on which others of the same application depend. Those do not wait for the others, which wait
/// for them.
fn needed(services: &[ServicePlan]) -> BTreeSet<ServiceId> {
    let of: BTreeMap<_, _> =
        services.iter().map(|plan| (&plan.service, plan.application.as_ref())).collect();
    let pairs =
        services.iter().flat_map(|plan| plan.dependencies.on.keys().map(move |on| (plan, on)));
    let siblings = pairs.filter(|(plan, on)| {
        plan.application.is_some() && of.get(on).copied().flatten() == plan.application.as_ref()
    });
    siblings.map(|(_, on)| on.clone()).collect()
}

/// Returns the plans that take a name from a file, by proxy and name.
fn holders<'a>(
    services: &[ServicePlan],
    all: &[Vec<Change<'a>>],
    observed: &'a Observed,
) -> BTreeMap<(&'a ProxyName, &'a str), Vec<usize>> {
    let mut holders: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (number, (plan, changes)) in services.iter().zip(all).enumerate() {
        for change in changes.iter().filter(|change| change.differs) {
            let old = present(&plan.service, change.proxy, observed);
            for name in old.into_iter().flat_map(UpstreamFile::names) {
                holders.entry((change.proxy, name)).or_default().push(number);
            }
        }
    }
    holders
}

/// Makes a removed service stop its instances before the files change, for another service that must not run at
/// the same time. Returns whether it has some.
fn vacate(plan: &mut ServicePlan, observed: &Observed) -> bool {
    let is_up = |step: &Step| match step {
        Step::Stop(name) => {
            let unit = observed.set.units.get(name);
            unit.is_some_and(|unit| unit.metadata.kind.is_instance())
                && observed.state(name).is_some_and(ActiveState::is_up)
        }
        _ => false,
    };
    let stops: Vec<Step> = plan.finish.iter().filter(|step| is_up(step)).cloned().collect();
    plan.finish.retain(|step| !is_up(step));
    let back = start_again(&plan.service, stops.iter().filter_map(Step::unit), observed);
    plan.undo.extend(back);
    let vacates = !stops.is_empty();
    plan.downtime |= vacates;
    let (traffic, mut before): (Vec<_>, Vec<_>) =
        std::mem::take(&mut plan.steps).into_iter().partition(Step::is_traffic);
    before.extend(stops);
    before.extend(traffic);
    plan.steps.extend(before);
    vacates
}
