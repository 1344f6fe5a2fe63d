//! Checks that nothing else has the fixed ports of what a change starts.

use std::collections::BTreeSet;

use super::change::Change;
use super::error::Error;
use super::site::Site;
use conductor_core::error::{Problem, Problems};
use conductor_core::plan::{self, Holder, Observed, Plan, Step};
use conductor_core::service::Service;
use conductor_core::value::{FixedPort, Protocol};

/// Checks that nothing else has the fixed ports of what the plan starts: those of the definitions, or of the release that
/// a rollback starts again.
pub(super) fn check_ports(
    change: &Change,
    plan: &Plan,
    observed: &Observed,
    site: &impl Site,
) -> Result<(), Error> {
    if observed.states.is_none() {
        return Ok(());
    }
    let is_rollback = matches!(change, Change::Rollback(_));
    let wanted = |service: &Service| -> Vec<FixedPort> {
        let plans = plan.services.iter().filter(|plan| plan.service == service.id);
        let started = plans.flat_map(|plan| &plan.steps).filter_map(|step| match step {
            Step::Start(unit) | Step::Restart(unit) if unit.kind() == "service" => Some(unit),
            _ => None,
        });
        if !is_rollback {
            return started.take(1).flat_map(|_| service.ports.clone()).collect();
        }
        let units = started.filter_map(|unit| observed.set.units.get(unit));
        let instances = units.filter_map(|unit| unit.metadata.kind.instance());
        instances.flat_map(|instance| instance.ports.clone()).collect()
    };
    let services = change.services().iter().map(|service| (service, wanted(service)));
    let services: Vec<_> = services.filter(|(_, ports)| !ports.is_empty()).collect();
    if services.is_empty() {
        return Ok(());
    }
    let removed = plan.services.iter().filter(|plan| plan.revision.is_none());
    let removed: BTreeSet<_> = removed.map(|plan| plan.service.clone()).collect();
    let listeners = site.listeners()?;
    let mut problems = Vec::new();
    for (service, ports) in &services {
        let held = plan::held_ports(&service.id, ports, &removed, &listeners, observed).into_iter();
        problems.extend(held.map(|(entry, port, holder)| {
            let protocol = ports[entry].protocol;
            let (by, hint) = match holder {
                Holder::Service(id, definition) => {
                    let definition = definition.map(|path| format!(" (defined in {path})"));
                    let definition = definition.unwrap_or_default();
                    let give_up = format!("give it up in {id}{definition} and apply that first");
                    let or = if is_rollback { "" } else { "write another port, or " };
                    (format!("{id} has"), format!("{or}{give_up}; nothing was changed"))
                }
                Holder::Unknown => {
                    let kind = if protocol == Protocol::Tcp { "t" } else { "u" };
                    let stop =
                        format!("ss -l{kind}np 'sport = {port}' shows what it is: stop that");
                    let or = if is_rollback { "" } else { ", or write another port" };
                    ("something else has".to_owned(), format!("{stop}{or}; nothing was changed"))
                }
            };
            let message = format!("{by} port {port}/{} of the host", protocol.as_str());
            let file = service.origin.file.clone();
            match is_rollback {
                // The definition is of a later release.
                true => Problem {
                    position: None,
                    path: String::new(),
                    hint: Some(hint),
                    message: format!("{message}, which the release before has to have"),
                    file,
                },
                false => Problem {
                    position: service.origin.ports.get(entry).copied(),
                    path: format!("ports[{entry}]"),
                    hint: Some(hint),
                    message,
                    file,
                },
            }
        }));
    }
    if problems.is_empty() { Ok(()) } else { Err(Problems(problems).into()) }
}
