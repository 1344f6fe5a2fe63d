//! Allocates ports to instances: the ports that they already have, else the next free ones.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use super::{FileChange, ServicePlan, Step};
use crate::name::UnitName;
use crate::release::Release;
use crate::unit::{Unit, UnitSet};
use crate::value::{Port, PortRange};

/// The range of ports has no free port.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no port of {range} is left for {unit}")]
pub struct PortError {
    /// The range.
    pub range: PortRange,
    /// The instance without a port.
    pub unit: UnitName,
}

/// Allocates a port of the host to each instance of each release.
///
/// An instance that is on the host keeps its port, and one in `reserved` gets that one. A new instance gets the
/// lowest port that no unit has, running or not, and on which nothing listens; ports up to `after`, the one
/// allocated last, are used only if there are none above. So a free port is reused as late as possible: netavark forwards ports to
/// containers by NAT, and for two minutes the kernel remembers a connection that was not closed completely.
/// A new connection from the same port would go to the removed container.
/// The result has one map for each release, from instance to port.
///
/// # Errors
/// There are more instances than ports.
pub fn allocate(
    releases: &[Release<'_>],
    on_host: &UnitSet,
    reserved: &BTreeMap<UnitName, Port>,
    listening: &BTreeSet<u16>,
    range: PortRange,
    after: Option<Port>,
) -> Result<Vec<BTreeMap<u16, Port>>, PortError> {
    let taken = on_host.units.values().filter_map(port_of).chain(reserved.values().copied());
    let taken: BTreeSet<Port> = taken.collect();
    let is_free = |port: &Port| !taken.contains(port) && !listening.contains(&port.number());
    let next = range.ports().filter(|port| Some(*port) > after);
    let used_before = range.ports().filter(|port| Some(*port) <= after);
    let mut free = next.chain(used_before).filter(is_free);
    let mut allocated = Vec::with_capacity(releases.len());
    for release in releases {
        let mut ports = BTreeMap::new();
        for instance in instances_with_port(release) {
            let unit = release.instance_unit(instance);
            let held = on_host.units.get(&unit).and_then(port_of);
            let held = held.or_else(|| reserved.get(&unit).copied());
            let Some(port) = held.or_else(|| free.next()) else {
                return Err(PortError { range, unit });
            };
            ports.insert(instance, port);
        }
        allocated.push(ports);
    }
    Ok(allocated)
}

/// Returns the ports that a plan gives to new instances.
pub fn given(plan: &ServicePlan) -> impl Iterator<Item = (UnitName, Port)> + '_ {
    plan.steps.iter().filter_map(|step| match step {
        Step::Write { name, unit, change: FileChange::New, .. } => {
            Some((name.clone(), port_of(unit)?))
        }
        _ => None,
    })
}

/// Returns the last port that these plans allocate to new instances.
pub fn last_given(plans: &[ServicePlan], after: Option<Port>) -> Option<Port> {
    let given = plans.iter().flat_map(given).map(|(_, port)| port);
    // Ports that are not above it were allocated after the end of the range was reached.
    given.max_by_key(|&port| (Some(port) <= after, port))
}

/// Returns whether an instance has no port yet. Only then the kernel is asked what listens on the host, which
/// takes longer than the rest of planning.
pub fn needs_ports(releases: &[Release<'_>], on_host: &UnitSet) -> bool {
    releases.iter().any(|release| {
        instances_with_port(release).any(|instance| {
            on_host.units.get(&release.instance_unit(instance)).and_then(port_of).is_none()
        })
    })
}

fn instances_with_port(release: &Release<'_>) -> RangeInclusive<u16> {
    1..=if release.service.port.is_some() { release.service.instances } else { 0 }
}

fn port_of(unit: &Unit) -> Option<Port> {
    unit.metadata.kind.instance()?.endpoint.as_ref()?.port()
}
