//! Allocates ports to instances: the ports that they already have, else the next free ones.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use super::{FileChange, Observed, ServicePlan, Step};
use crate::name::{ServiceId, UnitName};
use crate::release::Release;
use crate::service::Service;
use crate::unit::{Instance, Unit, UnitSet};
use crate::value::{Endpoint, FixedPort, Port, PortRange, Protocol};

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

/// Returns the TCP ports that services always have: those of definitions, and those on the host.
pub fn fixed_ports(services: &[Service], observed: &Observed) -> BTreeSet<u16> {
    let units = observed.set.units.values();
    let units = units.filter_map(|unit| unit.metadata.kind.instance());
    let ports = units.flat_map(|instance| &instance.ports);
    let ports = services.iter().flat_map(|service| &service.ports).chain(ports);
    ports.filter(|port| port.protocol == Protocol::Tcp).flat_map(FixedPort::numbers).collect()
}

/// Who has a port of the host that a service is about to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// Another service, of a definition, if that is known.
    Service(ServiceId, Option<String>),
    /// Something else.
    Unknown,
}

/// Returns which fixed ports of a service something else has: the number of the entry, the port, and who has it.
/// Services that are removed have stopped before.
pub fn held_ports(
    service: &ServiceId,
    wanted: &[FixedPort],
    removed: &BTreeSet<ServiceId>,
    listeners: &[FixedPort],
    observed: &Observed,
) -> Vec<(usize, u16, Holder)> {
    let up = observed.set.units.iter().filter_map(|(name, unit)| {
        let state = observed.state(name)?;
        let runs = !state.is_down();
        let (id, instance) = (unit.metadata.service.as_ref()?, unit.metadata.kind.instance()?);
        (runs && !removed.contains(id)).then_some((id, instance))
    });
    let (own, others): (Vec<_>, Vec<_>) = up.partition(|(id, _)| *id == service);
    // What it has now, it gives up first. A release without such ports may listen there all the same.
    let is_known = own.iter().all(|(_, instance)| !instance.ports.is_empty());
    let mut held = Vec::new();
    for (number, port) in wanted.iter().enumerate() {
        let mut its = own.iter().flat_map(|(_, instance)| &instance.ports);
        if its.any(|own| own.shared_with(port).is_some()) {
            continue;
        }
        let other = others.iter().find_map(|(id, instance)| {
            let mut ports = instance.ports.iter().cloned().chain(given_port(instance));
            let shared = ports.find_map(|other| other.shared_with(port))?;
            let record = instance.record.as_ref();
            let definition = record.and_then(|record| record.definition.clone());
            Some((shared, Holder::Service((*id).clone(), definition)))
        });
        let foreign = || {
            let mut listeners = listeners.iter().filter(|_| is_known);
            let shared = listeners.find_map(|other| other.shared_with(port))?;
            Some((shared, Holder::Unknown))
        };
        held.extend(other.or_else(foreign).map(|(shared, holder)| (number, shared, holder)));
    }
    held
}

/// Returns the port that conductor gave to an instance.
fn given_port(instance: &Instance) -> Option<FixedPort> {
    match instance.endpoint {
        Some(Endpoint::Tcp { listen, port }) => {
            Some(FixedPort::listening(Protocol::Tcp, listen.into(), port))
        }
        _ => None,
    }
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
