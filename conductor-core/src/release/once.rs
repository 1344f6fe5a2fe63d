//! The unit of a command that runs once, in the service's image.

use serde::Serialize;

use super::compile::{check_volumes, image};
use super::{CompileError, PREFIX, Release, slice_unit};
use crate::name::UnitName;
use crate::runtime::{self, Parts, Scope};
use crate::service::Service;
use crate::unit::{Lines, Templates, Values, escape};
use crate::value::{Argument, Listen, Tokens};

/// The values of `command.service.hbs`.
#[derive(Serialize)]
struct CommandView<'a> {
    id: &'a str,
    description: String,
    revision: &'a str,
    slice: &'a str,
    r#type: &'a str,
    stop_timeout: String,
    unit: Lines,
    exec: Lines,
    environment: Lines,
    resources: Lines,
    limits: Lines,
    sandbox: Lines,
    settings: Lines,
}

pub(super) fn compile(
    release: &Release<'_>,
    command: &[Argument],
    purpose: &str,
    scope: Scope,
    templates: &Templates,
) -> Result<(UnitName, String), CompileError> {
    // It serves nobody, so it has no port and nobody asks whether it is well.
    let service = Service {
        command: command.to_owned(),
        health: None,
        port: None,
        listen: Listen::default(),
        ..release.service.clone()
    };
    let id = service.id.as_str();
    let unit = UnitName::from_checked(format!("{PREFIX}{id}-{}-{purpose}.service", release.name()));
    let slice = slice_unit(&service.id);
    let revision = release.revision.as_str();
    let tokens = Tokens { id, revision, instance: "0", port: None, socket: None };
    let image = image(release, &tokens)?;
    check_volumes(&service, &tokens)?;
    // Without `..`: what a runtime contributes has its place in the unit, or is about what goes on.
    let Parts {
        service_type,
        unit: of_runtime,
        exec,
        restart: _,
        health: _,
        environment,
        resources,
        limits,
        sandbox,
    } = runtime::once(&runtime::Instance {
        service: &service,
        unit: &unit,
        slice: &slice,
        image: image.as_deref(),
        tokens,
        endpoint: None,
        scope,
    });
    let view = CommandView {
        id,
        description: escape::description(&format!("{id} {}, {purpose}", release.revision.short())),
        revision,
        slice: slice.as_str(),
        r#type: service_type,
        stop_timeout: service.deploy.stop_timeout.to_string(),
        unit: of_runtime,
        exec,
        environment,
        resources,
        limits,
        sandbox,
        settings: settings(&service),
    };
    let text = templates.render(unit_templates::COMMAND, &Values::new(&view))?;
    Ok((unit, text))
}

/// Gives the definition's own directives, without those that are about what goes on and on.
fn settings(service: &Service) -> Lines {
    const LASTING: [&str; 5] = ["Exec", "Restart", "Timeout", "Watchdog", "RuntimeDirectory"];
    let mut lines = Lines::default();
    let tables = service.settings.iter().filter(|(name, _)| name.as_str() == "Service");
    for (directive, setting) in tables.flat_map(|(_, table)| table) {
        if LASTING.iter().any(|prefix| directive.as_str().starts_with(prefix)) {
            continue;
        }
        for value in setting.values() {
            lines.push(directive, value);
        }
    }
    lines
}
