//! The networks and pods of containers: the steps that make them before their first user starts, and that remove them
//! with their last one.
//!
//! A unit on the host is a user, also that of a kept release. So a network is removed before the file of its last
//! user: until then, the same change can be planned again. A pod may be in a network: the network is made first, and
//! removed last.

use std::collections::{BTreeMap, BTreeSet};

use super::{Observed, ServicePlan, Step};
use crate::name::{PodName, UnitName};
use crate::unit::{EngineNetwork, Unit};

/// What containers of several services have in common, in the order in which it is removed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Common {
    /// A pod.
    Pod(PodName),
    /// A network.
    Network(EngineNetwork),
}

impl Common {
    /// Returns what a step makes or removes, if it does.
    pub fn of(step: &Step) -> Option<Self> {
        match step {
            Step::MakeNetwork(network, _) => Some(Self::Network(network.clone())),
            Step::MakePod(pod) => Some(Self::Pod(pod.name.clone())),
            _ => Self::removed(step),
        }
    }

    fn removed(step: &Step) -> Option<Self> {
        match step {
            Step::RemoveNetwork(network) => Some(Self::Network(network.clone())),
            Step::RemovePod(pod) => Some(Self::Pod(pod.clone())),
            _ => None,
        }
    }

    fn remove(self) -> Step {
        match self {
            Self::Pod(pod) => Step::RemovePod(pod),
            Self::Network(network) => Step::RemoveNetwork(network),
        }
    }
}

/// Returns what units have in common with others.
fn of<'u>(units: impl Iterator<Item = &'u Unit>) -> BTreeSet<Common> {
    let common = units.flat_map(|unit| {
        let kind = &unit.metadata.kind;
        let pod = kind.pod().map(|pod| Common::Pod(pod.name.clone()));
        kind.networks().map(Common::Network).chain(pod)
    });
    common.collect()
}

/// Returns the steps that make the networks and pods of units.
pub(super) fn ready<'u>(
    units: impl Iterator<Item = &'u Unit> + Clone,
) -> impl Iterator<Item = Step> {
    let networks: BTreeMap<_, _> =
        units.clone().flat_map(|unit| unit.metadata.kind.network_settings()).collect();
    let pods: BTreeSet<_> = units.filter_map(|unit| unit.metadata.kind.pod()).collect();
    let networks = networks
        .into_iter()
        .map(|(network, settings)| Step::MakeNetwork(network, settings.clone()));
    networks.chain(pods.into_iter().cloned().map(Step::MakePod))
}

/// Returns the steps that remove the networks and pods of some units that others do not have.
pub(super) fn left<'u>(
    old: impl Iterator<Item = &'u Unit>,
    others: impl Iterator<Item = &'u Unit>,
) -> Vec<Step> {
    let old = of(old);
    // Most services have none.
    let others = if old.is_empty() { BTreeSet::new() } else { of(others) };
    old.difference(&others).cloned().map(Common::remove).collect()
}

/// Keeps the networks and pods that units of other services have, before or after the change.
pub(super) fn keep_used(services: &mut [ServicePlan], observed: &Observed) {
    let removes = |step: &Step| Common::removed(step).is_some();
    if !services.iter().any(|plan| plan.finish.iter().chain(&plan.undo).any(removes)) {
        return;
    }
    let steps = || services.iter().flat_map(ServicePlan::all_steps);
    let mut after: BTreeMap<&UnitName, &Unit> = observed.set.units.iter().collect();
    for step in steps() {
        match step {
            Step::Write { name, unit, .. } => after.insert(name, unit),
            Step::Remove(name) => after.remove(name),
            _ => None,
        };
    }
    let after = of(after.into_values());
    let before = of(observed.set.units.values());
    let used = |step: &Step, by: &BTreeSet<Common>| {
        Common::removed(step).is_some_and(|common| by.contains(&common))
    };
    for plan in services {
        plan.finish.retain(|step| !used(step, &after));
        plan.undo.retain(|step| !used(step, &before));
    }
}
