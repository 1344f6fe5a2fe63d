//! The unit of a command that runs once, in the service's image.

use std::collections::BTreeMap;

use probe_protocol::{Mail, UnitPath};
use serde::Serialize;

use super::compile::{check_scope, check_volumes, image};
use super::{CompileError, PREFIX, Release, slice_unit};
use crate::definition::{Children, Runtime};
use crate::name::UnitName;
use crate::runtime::{self, Parts, RunParts, Scope};
use crate::service::{Limits, Service};
use crate::unit::escape::probe_line;
use crate::unit::{Lines, Templates, Values, escape};
use crate::value::{Argument, EnvName, EnvValue, Listen, Span, User};

/// The values of `command.service.hbs`.
#[derive(Serialize)]
struct CommandView<'a> {
    id: &'a str,
    description: String,
    revision: &'a str,
    slice: &'a str,
    r#type: &'a str,
    kill_mode: &'a str,
    timeout: String,
    stop_timeout: String,
    unit: Lines,
    exec: Lines,
    environment: Lines,
    resources: Lines,
    limits: Lines,
    sandbox: Lines,
    settings: Lines,
}

/// A command that runs once, and how it differs from the service's instances.
#[derive(Debug, Default)]
pub struct Task {
    /// The program and its arguments, with their tokens.
    pub command: Vec<Argument>,
    /// What replaces the ENTRYPOINT, in place of the service's, with its tokens.
    pub entrypoint: Option<Vec<Argument>>,
    /// Environment variables, in addition to the service's, with their tokens.
    pub env: BTreeMap<EnvName, EnvValue>,
    /// Limits, each in place of the service's.
    pub limits: Limits,
    /// The tag under which the image is kept, in place of the service's image.
    pub image_tag: Option<String>,
    /// From where exactly that image comes again, if somebody removed it.
    pub image_source: Option<String>,
    /// The user to run as, in place of the service's.
    pub user: Option<User>,
    /// The longest that it may take.
    pub timeout: Option<Span>,
    /// What happens to processes that it leaves behind.
    pub children: Children,
    /// What a run needs; `None` for a job or a hook.
    pub run: Option<RunParts>,
    /// How its output is mailed when it has ended, if it is.
    pub mail: Option<Mail<UnitPath>>,
    /// Its own directives of the section `[Unit]`.
    pub unit: Lines,
    /// Its own directives of the section `[Service]`.
    pub service: Lines,
}

/// Returns the name of the unit of a command that runs once for a release.
pub(super) fn unit(release: &Release<'_>, purpose: &str) -> UnitName {
    let (id, name) = (&release.service.id, release.name());
    UnitName::from_checked(format!("{PREFIX}{id}-{name}-{purpose}.service"))
}

pub(super) fn compile(
    release: &Release<'_>,
    task: Task,
    unit: &UnitName,
    purpose: &str,
    scope: Scope,
    templates: &Templates,
) -> Result<String, CompileError> {
    let own = release.service;
    // Instances must not lose their volumes to the user of another command.
    let is_owner = own.instances == 0 || task.user.is_none() || task.user == own.user;
    let mut env = own.env.clone();
    env.extend(task.env);
    // It serves no requests, so it has neither a port nor a health check.
    let service = own.clone().with(|fields| {
        fields.command = task.command;
        fields.entrypoint = task.entrypoint.or_else(|| own.entrypoint.clone());
        fields.env = env;
        fields.limits = task.limits.or(&own.limits);
        fields.user = task.user.or_else(|| own.user.clone());
        fields.health = None;
        fields.port = None;
        fields.ports = Vec::new();
        fields.listen = Listen::default();
    });
    if scope == Scope::User && service.user.is_some() {
        return Err(CompileError::UserScope { service: service.id.clone() });
    }
    if service.runtime == Runtime::Native && service.entrypoint.is_some() {
        return Err(CompileError::Entrypoint { service: service.id.clone() });
    }
    if service.runtime == Runtime::Native
        && let Some(name) = service.env.keys().find(|name| name.is_of_containers())
    {
        return Err(CompileError::Variable { service: service.id.clone(), name: name.clone() });
    }
    check_scope(&service, scope)?;
    let id = service.id.as_str();
    let slice = slice_unit(&service.id);
    let revision = release.revision.as_str();
    let tokens = release.task_tokens();
    let image = image(release, &tokens)?;
    check_volumes(&service, &tokens)?;
    // Without `..`: what a runtime adds has its place in the unit, or is only for units that keep running.
    let Parts {
        service_type,
        unit: of_runtime,
        mut exec,
        restart: _,
        health: _,
        environment,
        resources,
        limits,
        sandbox,
    } = runtime::once(&runtime::Instance {
        service: &service,
        unit,
        slice: &slice,
        image: task.image_tag.as_deref().or(image.as_deref()),
        pinned: task.image_tag.is_some(),
        image_source: task.image_source.as_deref(),
        // They are those of instances. A command that runs once must not be on the data of one.
        image_volumes: &[],
        tokens,
        endpoint: None,
        scope,
        is_owner,
        run: task.run.as_ref(),
        collected: task.mail.as_ref().map(|_| task.children),
    });
    if let Some(mail) = &task.mail {
        // As root, outside of the sandbox and of the image. A mail that fails is no failure of the job.
        exec.push("ExecStopPost", probe_line("-+", runtime::PROBE, &mail.words()));
    }
    exec.extend(task.service);
    let timeout = task.timeout.map(|span| span.to_string());
    // With Type=oneshot, the start lasts as long as the command.
    let (start, run) = if task.run.is_some() { (None, timeout) } else { (timeout, None) };
    if let Some(longest) = run {
        exec.push("RuntimeMaxSec", longest);
    }
    let mut unit = task.unit;
    unit.extend(of_runtime);
    let view = CommandView {
        id,
        description: escape::description(&format!("{id} {}, {purpose}", release.revision.short())),
        revision,
        slice: slice.as_str(),
        r#type: service_type,
        kill_mode: match task.children {
            // systemd's process that closes the session gets the time to do so.
            Children::Kill if has_session(&service) => "control-group",
            Children::Kill => "mixed",
            Children::Keep => "process",
        },
        timeout: start.unwrap_or_else(|| "infinity".to_owned()),
        stop_timeout: service.deploy.stop_timeout.to_string(),
        unit,
        exec,
        environment,
        resources,
        limits,
        sandbox,
        settings: settings(&service),
    };
    Ok(templates.render(unit_templates::COMMAND, &Values::new(&view))?)
}

/// Returns whether the definition's own directives open a session of PAM.
fn has_session(service: &Service) -> bool {
    let names = service.settings.values().flat_map(BTreeMap::keys);
    names.into_iter().any(|name| name.as_str() == "PAMName")
}

/// Returns the definition's own directives, without those for units that keep running.
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
