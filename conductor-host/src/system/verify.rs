//! Asks systemd about the directives of definitions, and looks for the units that they refer to.

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use super::atomic;
use conductor_core::error::Problem;
use conductor_core::runtime::Scope;
use conductor_core::service::Service;

/// Where the host's systemd looks for units (systemd.unit(5)).
const UNITS: [&str; 5] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];
/// The program that knows all directives of the host's systemd (systemd-analyze(1)).
const ANALYZE: &str = "systemd-analyze";

/// A line of a unit file: the service that it is of, and the path of its key in the definition.
struct Line<'s> {
    service: &'s Service,
    path: String,
}

/// Returns what the host's systemd says about the directives below `systemd`: it ignores unknown ones, and values that
/// it does not understand. Returns nothing on a host without `systemd-analyze`.
pub(crate) fn verify(services: &[Service], scope: Scope) -> Vec<Problem> {
    let with_directives: Vec<_> =
        services.iter().filter(|service| !service.settings.is_empty()).collect();
    if with_directives.is_empty() {
        return Vec::new();
    }
    ask(&with_directives, scope).unwrap_or_default()
}

fn ask(services: &[&Service], scope: Scope) -> io::Result<Vec<Problem>> {
    let directory = tempfile::tempdir()?;
    let mut command = Command::new(ANALYZE);
    if scope == Scope::User {
        command.arg("--user");
    }
    command.args(["verify", "--man=no", "--recursive-errors=no"]);
    let mut units = Vec::new();
    for (number, service) in services.iter().enumerate() {
        let name = format!("conductor-check-{number}.service");
        let (text, lines) = unit(service);
        atomic::replace(directory.path(), &name, Some(&text)).map_err(io::Error::other)?;
        let file = directory.path().join(name);
        command.arg(&file);
        units.push((file, lines));
    }
    let output = command.env("LC_ALL", "C").stdin(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let about = |said: &str, file: &Path, lines: &[Option<Line<'_>>]| {
        let rest = said.strip_prefix(file.to_str()?)?.strip_prefix(':')?;
        let (number, message) = rest.split_once(": ")?;
        let line = lines.get(number.parse::<usize>().ok()?.checked_sub(1)?)?.as_ref()?;
        Some(problem(line, message))
    };
    let problems = said
        .lines()
        .filter_map(|said| units.iter().find_map(|(file, lines)| about(said, file, lines)));
    Ok(problems.collect())
}

/// Returns a unit with the directives of a service, and what each of its lines is.
fn unit(service: &Service) -> (String, Vec<Option<Line<'_>>>) {
    let mut text = "[Service]\nType=oneshot\nExecStart=/bin/true\n".to_owned();
    let mut lines = vec![None, None, None];
    for (section, directives) in &service.settings {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "[{section}]");
        lines.push(None);
        for (name, setting) in directives {
            for value in setting.values() {
                let _ = writeln!(text, "{name}={value}");
                lines.push(Some(Line { service, path: format!("systemd.{section}.{name}") }));
            }
        }
    }
    (text, lines)
}

fn problem(line: &Line<'_>, message: &str) -> Problem {
    let origin = &line.service.origin;
    Problem {
        file: origin.file.clone(),
        position: Some(origin.position),
        path: line.path.clone(),
        message: format!("systemd says: {}", message.trim_end_matches('.')),
        hint: Some("systemd.directives(7) lists all directives".to_owned()),
    }
}

/// Returns the jobs whose `on_failure` or `on_success` names a unit that the host does not have.
pub(crate) fn missing_units(services: &[Service]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for service in services {
        for (name, job) in &service.jobs {
            for (key, unit) in [("on_failure", &job.on_failure), ("on_success", &job.on_success)] {
                let Some(unit) = unit.as_ref().filter(|unit| !is_installed(unit.as_str())) else {
                    continue;
                };
                problems.push(Problem {
                    file: service.origin.file.clone(),
                    position: service.origin.jobs.get(name).copied(),
                    path: format!("cron.{name}.{key}"),
                    message: format!("there is no unit {unit} on this host"),
                    hint: Some("install it, or nothing happens when the job ends".to_owned()),
                });
            }
        }
    }
    problems
}

/// Returns whether a unit file, or the template of an instance, is where systemd looks for it.
pub(crate) fn is_installed(unit: &str) -> bool {
    let template = unit.split_once('@').and_then(|(name, rest)| {
        let (_, suffix) = rest.rsplit_once('.')?;
        Some(format!("{name}@.{suffix}"))
    });
    let names = [Some(unit.to_owned()), template];
    // A specifier before the @ has no value here.
    let is_known = !unit.split('@').next().is_some_and(|name| name.contains('%'));
    let exists = |name: &String| UNITS.iter().any(|units| Path::new(units).join(name).exists());
    !is_known || names.iter().flatten().any(exists)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_has_a_line_for_each_value() {
        let text = "id: a\ncommand: [/bin/a]\n\
                    systemd: {Service: {Nice: 5, Foo: [a, b]}, Unit: {After: x.service}}\n";
        let service = Service::parse(Path::new("a.yaml"), text).unwrap();
        let (text, lines) = unit(&service);
        assert_eq!(text.lines().count(), lines.len());
        for (line, known) in text.lines().zip(lines) {
            if let Some(Line { path, .. }) = known {
                let name = line.split('=').next().unwrap();
                assert!(path.ends_with(&format!(".{name}")), "{path}: {line}");
            }
        }
    }

    #[test]
    fn what_has_a_specifier_in_its_name_is_not_looked_for() {
        assert!(is_installed("%p-failed.service"));
        assert!(!is_installed("no-such-unit@%n.service"));
    }
}
