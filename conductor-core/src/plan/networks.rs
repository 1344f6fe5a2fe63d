//! The networks of containers: the steps that make them before their first user starts, and that remove them with
//! their last one.
//!
//! A unit on the host is a user, also that of a kept release. So a network is removed before the file of its last
//! user: until then, the same change can be planned again.

use std::collections::{BTreeMap, BTreeSet};

use super::{Observed, ServicePlan, Step};
use crate::name::UnitName;
use crate::unit::{EngineNetwork, Unit};

/// Returns the networks of units.
fn of<'u>(units: impl Iterator<Item = &'u Unit>) -> BTreeSet<EngineNetwork> {
    units.flat_map(|unit| unit.metadata.kind.networks()).collect()
}

/// Returns the steps that make the networks of units.
pub(super) fn ready<'u>(units: impl Iterator<Item = &'u Unit>) -> impl Iterator<Item = Step> {
    let networks: BTreeMap<_, _> =
        units.flat_map(|unit| unit.metadata.kind.network_settings()).collect();
    networks.into_iter().map(|(network, settings)| Step::MakeNetwork(network, settings.clone()))
}

/// Returns the steps that remove the networks of some units that others do not have.
pub(super) fn left<'u>(
    old: impl Iterator<Item = &'u Unit>,
    others: impl Iterator<Item = &'u Unit>,
) -> Vec<Step> {
    let old = of(old);
    // Most services have none.
    let others = if old.is_empty() { BTreeSet::new() } else { of(others) };
    old.difference(&others).cloned().map(Step::RemoveNetwork).collect()
}

/// Keeps the networks that units of other services have, before or after the change.
pub(super) fn keep_used(services: &mut [ServicePlan], observed: &Observed) {
    let removes = |step: &Step| matches!(step, Step::RemoveNetwork(_));
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
    let used = |step: &Step, by: &BTreeSet<EngineNetwork>| match step {
        Step::RemoveNetwork(network) => by.contains(network),
        _ => false,
    };
    for plan in services {
        plan.finish.retain(|step| !used(step, &after));
        plan.undo.retain(|step| !used(step, &before));
    }
}
