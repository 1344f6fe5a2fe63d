//! Hooks on a host: whether it has what they name, and those of changes that failed.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use super::Conductor;
use super::change::Change;
use super::error::Error;
use super::host_files::replaceable;
use crate::report::ServiceReport;
use crate::system::open::{Links, ReadError, read_text};
use crate::system::{program, verify};
use conductor_core::error::{Invalid, Problem, Problems};
use conductor_core::plan::Observed;
use conductor_core::release::target_unit;
use conductor_core::runtime::{Program, Scope};
use conductor_core::service::Service;
use conductor_core::settings::HostHook;
use conductor_core::value::HookUrl;
use probe_protocol::{Hook, HookAction, HookEvent, Told, order};

/// The longest name of a host (gethostname(2)).
const LONGEST_NAME: u64 = 64;

/// What posts to URLs.
const CURL: &str = "/usr/bin/curl";

/// Rejects hooks that could do nothing on this host.
pub(super) fn check_hooks(services: &[Service]) -> Result<(), Problems> {
    let problems = missing(services);
    if problems.is_empty() { Ok(()) } else { Err(Problems(problems)) }
}

/// Returns what hooks name and the host does not have.
pub(super) fn missing(services: &[Service]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for service in services {
        for (event, hook) in &service.hooks {
            let Err((key, Invalid { message, hint })) = check(hook) else { continue };
            let of_service = || (service.origin.file.clone(), service.origin.position);
            let (file, at) = service.origin.hooks.get(event).cloned().unwrap_or_else(of_service);
            let path = format!("on.{event}.{key}");
            let problem = Problem { file, position: Some(at), path, message, hint };
            // Many services have the same hook of the host.
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        }
    }
    problems
}

/// Returns the key of a hook that names something which the host does not have.
fn check(hook: &Hook) -> Result<(), (&'static str, Invalid)> {
    let curl = || match Path::new(CURL).exists() {
        true => Ok(()),
        false => Err(Invalid::new(format!("there is no {CURL} on this host, which posts to URLs"))
            .hint("install curl, or write a command")),
    };
    match &hook.action {
        HookAction::Command(words) => {
            let path = words.first().cloned().unwrap_or_default();
            let stranger = hook.user.is_none();
            let program = Program { path, image: None, hidden: Vec::new(), stranger };
            program::check_program(&program).map_err(|invalid| ("command", invalid))?;
        }
        HookAction::Unit(unit) if !verify::is_installed(unit) => {
            let invalid = Invalid::new(format!("there is no unit {unit} on this host"));
            return Err(("unit", invalid.hint("install it, or name another one")));
        }
        HookAction::Unit(_) => {}
        HookAction::Url(_) => curl().map_err(|invalid| ("url", invalid))?,
        HookAction::UrlFile(path) => {
            curl().and_then(|()| check_url_file(path)).map_err(|invalid| ("url_file", invalid))?;
        }
    }
    let user = hook.user.as_ref().and_then(|user| user.parse().ok());
    user.map_or(Ok(()), |user| program::check_user(&user)).map_err(|invalid| ("user", invalid))
}

/// Returns what is wrong with a file that shall have a URL. Its content is not shown: it is a secret, or that of another
/// file.
fn check_url_file(path: &str) -> Result<(), Invalid> {
    /// More than the longest URL.
    const LONGEST: u64 = 4096;
    const HINT: &str =
        "write the URL into it, on one line, such as https://hooks.example.org/services/a";
    let wrong = |message: String| Err(Invalid::new(message).hint(HINT));
    if let Some(invalid) = replaceable(Path::new(path)) {
        return Err(invalid);
    }
    match read_text(Path::new(path), Links::Followed, LONGEST) {
        Ok(text) if text.trim_end_matches('\n').parse::<HookUrl>().is_ok() => Ok(()),
        Err(ReadError::Io(error)) => match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => {
                wrong(format!("there is no file {path} on this host"))
            }
            ErrorKind::InvalidData => wrong(format!("{path} has no URL")),
            // root may read it.
            _ => Ok(()),
        },
        Err(ReadError::NotRegular) => wrong(format!("{path} is not a regular file")),
        Ok(_) | Err(ReadError::TooLong(_)) => {
            wrong(format!("{path} has no URL, or more than one line"))
        }
    }
}

impl Conductor {
    /// Adds the hooks of the host settings to services that have none for the same events, as
    /// [`read`](Self::read) does: for services from memory.
    ///
    /// # Errors
    /// The settings are wrong, or are those of a user.
    pub fn with_hooks_of_host(&self, mut services: Vec<Service>) -> Result<Vec<Service>, Error> {
        let settings = self.settings()?;
        let first = settings.hooks.first_key_value();
        if let (Scope::User, Some((event, HostHook { at: (file, at), .. }))) =
            (self.paths.scope, first)
        {
            let problem = Problem {
                file: file.clone(),
                position: Some(*at),
                path: format!("on.{event}"),
                message: "services of a user have no hooks: it is root that reports what happens"
                    .to_owned(),
                hint: Some("remove on, or make the services those of the host".to_owned()),
            };
            return Err(Problems(vec![problem]).into());
        }
        for service in &mut services {
            settings.add_hooks(service);
        }
        Ok(services)
    }

    /// Runs the hooks of services whose change failed. Nothing waits for them. A hook that cannot be started does not
    /// make the change fail once more: the failure itself is reported anyway.
    pub(super) fn tell_failures(
        &self,
        change: &Change,
        observed: &Observed,
        services: &[ServiceReport],
    ) {
        if !self.is_online() || self.paths.scope != Scope::System {
            return;
        }
        for report in services {
            let failure = report.failure.as_ref().filter(|failure| !failure.interrupted);
            let Some(failure) = failure else { continue };
            let event = HookEvent::DeployFailed;
            let defined = change.services().iter().find(|service| service.id == report.id);
            let hook = match defined {
                Some(service) => service.hooks.get(&event).cloned(),
                // A rollback knows only what is on the host.
                None => observed
                    .set
                    .units
                    .get(&target_unit(&report.id))
                    .and_then(|target| Hook::find(&target.text, event)),
            };
            let Some(hook) = hook else { continue };
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let told = Told {
                event,
                id: report.id.to_string(),
                revision: report.revision.as_ref().map(ToString::to_string),
                unit: failure.unit.as_ref().map(ToString::to_string),
                instance: None,
                job: None,
                result: Some(failure.step.action.to_string()),
                status: None,
                ends: None,
                host: host_name(),
                time: since.as_secs(),
            };
            let words = order(&hook, &told, since.as_micros());
            if let Some((program, arguments)) = words.split_first() {
                let mut command = Command::new(program);
                let _ = command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).status();
            }
        }
    }
}

/// Returns the name of the host, as the kernel knows it.
fn host_name() -> String {
    let name = File::open("/proc/sys/kernel/hostname")
        .and_then(|file| io::read_to_string(file.take(LONGEST_NAME)));
    name.unwrap_or_default().trim_end().chars().filter(|c| !c.is_control()).collect()
}
