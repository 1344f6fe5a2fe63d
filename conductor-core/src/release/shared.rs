//! The units that all services of a host share. They belong to no service.
//!
//! `conductor-start@ID.service` starts the target of a service at boot. `conductor-start@ID.timer` is for
//! instances that were given up: ten seconds after its start, `conductor-retry@ID.service` starts them again.
//! `conductor-event@UNIT.service` tells the hooks of a service that a unit has failed.
//! `conductor-pod@POD.service` starts a pod of podman before its containers.
//! `conductor-turn@PLACE.service` holds the place of a scheduled job whose number is limited.

use std::num::NonZero;

use probe_protocol::places::TURNS;
use probe_protocol::{Event, JobPlace, Moment, Turn, UnitPath, option};
use serde::Serialize;
use unit_templates::Template;

use super::hooks::EVENT;
use super::{PREFIX, VERSION};
use crate::name::{JobName, POD_UNIT, ServiceId, UnitName, pod_container, pod_file};
use crate::runtime::{PROBE, Scope};
use crate::service::Service;
use crate::unit::escape::probe_line;
use crate::unit::{Kind, Lines, Link, Metadata, TemplateError, Templates, Unit, UnitSet, Values};

/// What the names of the units begin with that start a service.
const START: &str = "start@";
/// What the names of the units begin with that start its failed instances.
const RETRY: &str = "retry@";
/// What the names of the units begin with that hold the places of jobs.
const TURN: &str = "turn@";

/// The targets that start services when the host boots: that of the host, and that of a user.
pub const STARTED_BY: [&str; 2] = ["multi-user.target", "default.target"];

/// The values of the templates.
#[derive(Serialize)]
struct SharedView<'a> {
    target: String,
    timer: String,
    retry: String,
    slice: &'a str,
    wanted_by: &'a str,
    systemctl: &'a str,
    unit_path: &'a str,
    exec: Lines,
    directory: &'a str,
    event: String,
    container: String,
    pid_file: String,
}

/// What differs between the host's systemd and a user's.
pub(super) struct Place {
    wanted_by: &'static str,
    systemctl: &'static str,
    /// The directory of unit files: `%E` is `/etc` or the user's `~/.config`.
    pub(super) units: &'static str,
}

impl Place {
    pub(super) fn of(scope: Scope) -> Self {
        match scope {
            Scope::System => Self {
                wanted_by: STARTED_BY[0],
                systemctl: "/usr/bin/systemctl",
                units: "%E/systemd/system",
            },
            Scope::User => Self {
                wanted_by: STARTED_BY[1],
                systemctl: "/usr/bin/systemctl --user",
                units: "%E/systemd/user",
            },
        }
    }
}

/// Compiles the units that all services share.
///
/// # Errors
/// A template fails.
pub fn shared_units(scope: Scope, templates: &Templates) -> Result<UnitSet, TemplateError> {
    let units = [
        (format!("{PREFIX}{START}.service"), unit_templates::START),
        (format!("{PREFIX}{START}.timer"), unit_templates::START_TIMER),
        (format!("{PREFIX}{RETRY}.service"), unit_templates::RETRY),
    ];
    compile(&units, None, scope, templates)
}

/// Compiles the units that these services share: also that for their jobs, if one has a limit of
/// them or the host has, and that for their hooks, if one has hooks, and that for pods. `host_limit` is how many jobs of all services run
/// at the same time, if that is limited.
///
/// # Errors
/// A template fails.
pub fn units_shared_by(
    services: &[Service],
    host_limit: Option<u16>,
    scope: Scope,
    templates: &Templates,
) -> Result<UnitSet, TemplateError> {
    let mut set = shared_units(scope, templates)?;
    let is_limited = |service: &Service| {
        service.max_parallel.is_some() || host_limit.is_some() && !service.jobs.is_empty()
    };
    if services.iter().any(is_limited) {
        let unit = (format!("{PREFIX}{TURN}.service"), unit_templates::TURN);
        set.units.extend(compile(&[unit], host_limit, scope, templates)?.units);
    }
    if services.iter().any(|service| !service.hooks.is_empty()) {
        let unit = (format!("{EVENT}.service"), unit_templates::EVENT);
        set.units.extend(compile(&[unit], host_limit, scope, templates)?.units);
    }
    if services.iter().any(|service| service.pod.is_some()) {
        let unit = (format!("{PREFIX}{POD_UNIT}.service"), unit_templates::POD);
        set.units.extend(compile(&[unit], host_limit, scope, templates)?.units);
    }
    Ok(set)
}

fn compile(
    units: &[(String, Template)],
    host_limit: Option<u16>,
    scope: Scope,
    templates: &Templates,
) -> Result<UnitSet, TemplateError> {
    let place = Place::of(scope);
    // %i is the name as it is: a dash in an id needs no escape.
    let view = SharedView {
        target: format!("{PREFIX}%i.target"),
        timer: format!("{PREFIX}{START}%i.timer"),
        retry: format!("{PREFIX}{RETRY}%i.service"),
        // By default, template units have a slice of their own.
        slice: "conductor.slice",
        wanted_by: place.wanted_by,
        systemctl: place.systemctl,
        unit_path: place.units,
        exec: turn(host_limit),
        directory: TURNS,
        container: pod_container("%i"),
        pid_file: format!("%t/{}", pod_file("%i")),
        event: format!(
            "{PROBE} {}",
            Event::text(Moment::Failed, &format!("{}/%i.service", place.units))
        ),
    };
    let values = Values::new(&view);
    let mut set = UnitSet::default();
    for (name, template) in units {
        let text = templates.render(*template, &values)?;
        let (version, kind) = (VERSION.to_owned(), Kind::Shared);
        let metadata = Metadata { version, rendered: None, service: None, application: None, kind };
        set.units.insert(UnitName::from_checked(name.clone()), Unit::new(text, metadata));
    }
    Ok(set)
}

/// Returns the command that holds the place of a job.
fn turn(host_limit: Option<u16>) -> Lines {
    let directory = UnitPath::Runtime(TURNS.to_owned());
    let words = Turn::words_before_job(&directory, host_limit.and_then(NonZero::new));
    let mut line = probe_line("", PROBE, &words);
    line.after_specifier(&format!("{}=", option::JOB), "%i", "");
    let mut exec = Lines::default();
    exec.push("ExecStart", line);
    exec
}

/// Returns the unit that holds the place of a job while it runs.
pub(super) fn turn_unit(service: &ServiceId, job: &JobName, limit: Option<u16>) -> UnitName {
    let place = JobPlace {
        limit: limit.and_then(NonZero::new),
        service: service.to_string(),
        job: job.to_string(),
    };
    UnitName::from_checked(format!("{PREFIX}{TURN}{place}.service"))
}

/// Returns the link that starts a service when the host boots.
pub fn start_link(service: &ServiceId, scope: Scope) -> Link {
    Link {
        by: UnitName::from_checked(Place::of(scope).wanted_by.to_owned()),
        unit: start_unit(service),
    }
}

/// Returns the unit that starts a service when the host boots.
pub(super) fn start_unit(service: &ServiceId) -> UnitName {
    UnitName::from_checked(format!("{PREFIX}{START}{service}.service"))
}

/// Returns the timer that starts the instances of a service again which failed or could not start.
pub fn retry_timer(service: &ServiceId) -> UnitName {
    UnitName::from_checked(format!("{PREFIX}{START}{service}.timer"))
}

/// Returns the unit that [`retry_timer`] starts.
pub fn retry_service(service: &ServiceId) -> UnitName {
    UnitName::from_checked(format!("{PREFIX}{RETRY}{service}.service"))
}

/// Returns the service that a unit starts at boot, if it is the unit of such a link.
pub fn started_service(unit: &UnitName) -> Option<ServiceId> {
    let id = unit.as_str().strip_prefix(PREFIX)?.strip_prefix(START)?.strip_suffix(".service")?;
    id.parse().ok()
}
