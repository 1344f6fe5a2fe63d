//! Checks that the volumes are there that services have from somebody else.

use std::collections::BTreeSet;

use super::change::Change;
use super::error::Error;
use super::site::Site;
use crate::system::volumes;
use conductor_core::definition::Runtime;
use conductor_core::error::{Problem, Problems};
use conductor_core::plan::Plan;
use conductor_core::service::Service;
use conductor_core::unit::Engine;

/// Checks that the engines have the volumes of `volume_names`. They would make a missing one, and the program would
/// begin anew without its data.
///
/// Only for services of which something changes: a change must not fail because of others.
pub(super) fn check_volumes(change: &Change, plan: &Plan, site: &impl Site) -> Result<(), Error> {
    // A rollback starts what was defined earlier.
    if matches!(change, Change::Rollback(_)) {
        return Ok(());
    }
    let changes = |service: &Service| {
        let mut plans = plan.services.iter().filter(|plan| plan.service == service.id);
        plans.any(|plan| plan.revision.is_some() && !plan.steps.is_empty())
    };
    let services = change.services().iter().filter(|service| changes(service));
    refuse_missing(&services.collect::<Vec<_>>(), |engine, names| {
        site.missing_volumes(engine, names)
    })
}

/// Checks that the engine has the volumes of `volume_names` for a command that runs once.
pub(super) fn check_volumes_of(service: &Service) -> Result<(), Error> {
    refuse_missing(&[service], |engine, names| Ok(volumes::missing(engine, names)?))
}

fn refuse_missing(
    services: &[&Service],
    missing: impl Fn(Engine, &BTreeSet<String>) -> Result<BTreeSet<String>, Error>,
) -> Result<(), Error> {
    let mut problems = Vec::new();
    for (engine, runtime) in [(Engine::Docker, Runtime::Docker), (Engine::Podman, Runtime::Podman)]
    {
        let services: Vec<_> = services.iter().filter(|it| it.runtime == runtime).collect();
        let wanted = services.iter().flat_map(|service| service.process.volume_names.values());
        let names: BTreeSet<_> = wanted.map(ToString::to_string).collect();
        if names.is_empty() {
            continue;
        }
        let missing = missing(engine, &names)?;
        for service in services {
            let names = service.process.volume_names.iter();
            for (own, name) in names.filter(|(_, name)| missing.contains(name.as_str())) {
                let program = engine.program();
                problems.push(Problem {
                    file: service.origin.file.clone(),
                    position: service.origin.volume_names.get(own).copied(),
                    path: format!("volume_names.{own}"),
                    message: format!("{program} has no volume {name}"),
                    hint: Some(format!(
                        "{program} volume ls lists those that it has; {program} volume create {name} makes an empty \
                         one; nothing was changed"
                    )),
                });
            }
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(Problems(problems).into()) }
}
