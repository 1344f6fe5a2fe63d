//! Reads the journal of a service with `journalctl`.
//!
//! Any user can write entries with any field whose name does not begin with `_`, so `CONDUCTOR_ID=` and
//! `UNIT=` alone cannot be trusted. Each match has a field that journald itself added
//! (systemd.journal-fields(7)).

use std::fmt::Display;
use std::process::Command;
use std::thread;
use std::time::{Duration, SystemTime};

use conductor_core::name::{JobName, ServiceId, UnitName};
use conductor_core::release::{PREFIX, job_unit, slice_unit};
use conductor_core::runtime::Scope;
use serde_json::Value;

use super::last_words::{FAILURE_RESULT, SUCCESS};

/// A query for the journal of a service.
#[derive(Debug, Clone)]
pub struct JournalQuery {
    /// The service, in all releases.
    pub service: ServiceId,
    /// Only this instance.
    pub instance: Option<u16>,
    /// Only this scheduled job.
    pub job: Option<JobName>,
    /// Whether to wait for new lines.
    pub follow: bool,
    /// How many of the last lines; `None` for all.
    pub lines: Option<u32>,
    /// The start time, in the syntax of systemd.time(7).
    pub since: Option<String>,
    /// Whether to print each entry as a JSON object.
    pub json: bool,
    /// The other services of the host: names of their units may begin like those of this service.
    pub others: Vec<ServiceId>,
}

/// The name under which a process logs.
pub(super) const IDENTIFIER: &str = "SYSLOG_IDENTIFIER";
/// The unit of a user's process.
const USER_UNIT: &str = "_SYSTEMD_USER_UNIT";

/// The most units whose names are passed to `journalctl`.
const MOST_UNITS: usize = 1000;

impl JournalQuery {
    /// Returns the command that prints the result.
    pub fn command(&self, scope: Scope) -> Command {
        self.command_with(scope, &self.units(scope))
    }

    /// Returns the command, given the units of the service that systemd wrote about.
    fn command_with(&self, scope: Scope, units: &[String]) -> Command {
        let mut command = journalctl(scope);
        if let (Some(instance), Scope::User) = (self.instance, scope) {
            // journald adds the fields of `LogExtraFields=` only to lines of system units.
            command.arg(format!("--user-unit=conductor-{}-*-{instance}.service", self.service));
        }
        let mut groups = self.groups(scope);
        groups.extend(units.iter().map(|unit| about(scope, unit)));
        matches(&mut command, &groups);
        if self.follow {
            command.arg("--follow");
        }
        if let Some(lines) = self.lines {
            command.arg(format!("--lines={lines}"));
        }
        if let Some(since) = &self.since {
            command.arg(format!("--since={since}"));
        }
        command.arg(if self.json { "--output=json" } else { "--output=short-iso" });
        command
    }

    /// Returns the units of the service that systemd wrote about, also of releases that are gone. Before systemd 257,
    /// its own lines do not have the fields of `LogExtraFields=`.
    fn units(&self, scope: Scope) -> Vec<String> {
        if self.job.is_some() {
            return Vec::new();
        }
        let field = match scope {
            Scope::System => "--field=UNIT",
            Scope::User => "--field=USER_UNIT",
        };
        let mut units = read(journalctl(scope).arg(field));
        units.retain(|unit| self.has(unit));
        units.sort_unstable();
        units.truncate(MOST_UNITS);
        units
    }

    /// Returns whether a unit is one of the service, by its name: an instance, or without `instance` a job.
    fn has(&self, unit: &str) -> bool {
        let begins = |id: &ServiceId| unit.starts_with(&format!("{PREFIX}{id}-"));
        let is_longer = |other: &&ServiceId| other.as_str().len() > self.service.as_str().len();
        let others = || self.others.iter().filter(is_longer).any(begins);
        if !begins(&self.service) || !unit.ends_with(".service") || others() {
            return false;
        }
        self.instance.is_none_or(|instance| unit.ends_with(&format!("-{instance}.service")))
    }

    /// Returns the matches for the lines of the service; see [`matches`].
    fn groups(&self, scope: Scope) -> Vec<Vec<String>> {
        if let Some(job) = &self.job {
            return of_job(scope, &job_unit(&self.service, job));
        }
        let slice = slice_unit(&self.service);
        let id = || format!("CONDUCTOR_ID={}", self.service);
        let group = |trusted: &str| vec![trusted.to_owned(), id()];
        let mut groups = match scope {
            Scope::System => vec![
                // Everything that its processes write.
                vec![format!("_SYSTEMD_SLICE={slice}")],
                // The same for a process that ended before journald could read its slice. journald knows the
                // unit from the stream, and such an entry has no fields that the writer chose.
                group("_TRANSPORT=stdout"),
                group("_PID=1"),
                // Docker adds fields from a container's labels.
                group("_SYSTEMD_UNIT=docker.service"),
            ],
            Scope::User => vec![
                vec![format!("_SYSTEMD_USER_SLICE={slice}")],
                group("_SYSTEMD_USER_UNIT=init.scope"),
                group("_SYSTEMD_USER_UNIT=docker.service"),
            ],
        };
        if (self.instance, scope) == (None, Scope::User) {
            groups.push(of_user([&self.service]));
        }
        if let (Some(instance), Scope::System) = (self.instance, scope) {
            let instance = format!("CONDUCTOR_INSTANCE={instance}");
            for group in &mut groups {
                group.push(instance.clone());
            }
        }
        groups
    }
}

/// Returns the matches for the lines of a job: its own, and those of systemd about it.
fn of_job(scope: Scope, unit: &UnitName) -> Vec<Vec<String>> {
    vec![vec![wrote(scope, unit)], about(scope, unit.as_str())]
}

/// Returns the matches for the lines of systemd about a unit.
fn about(scope: Scope, unit: &str) -> Vec<String> {
    match scope {
        Scope::System => vec!["_PID=1".to_owned(), format!("UNIT={unit}")],
        Scope::User => {
            vec!["_SYSTEMD_USER_UNIT=init.scope".to_owned(), format!("USER_UNIT={unit}")]
        }
    }
}

/// Adds matches to a command: an entry has to match all of one group.
pub(super) fn matches(command: &mut Command, groups: &[Vec<String>]) {
    for (place, group) in groups.iter().enumerate() {
        if place > 0 {
            command.arg("+");
        }
        command.args(group);
    }
}

/// Returns the match for the output of a unit's processes.
pub(super) fn wrote(scope: Scope, unit: &UnitName) -> String {
    match scope {
        Scope::System => format!("_SYSTEMD_UNIT={unit}"),
        Scope::User => format!("_SYSTEMD_USER_UNIT={unit}"),
    }
}

/// Returns the matches for what processes of the user wrote under some identifiers, whatever their unit. journald does
/// not know a user's unit from the stream, as it knows one of the system: a process that ended before journald could
/// read its unit has none.
fn of_user(identifiers: impl IntoIterator<Item = impl Display>) -> Vec<String> {
    let uid = rustix::process::getuid().as_raw();
    let mut group = vec![format!("_UID={uid}"), "_TRANSPORT=stdout".to_owned()];
    group.extend(identifiers.into_iter().map(|id| format!("{IDENTIFIER}={id}")));
    group
}

/// Lets a query find the entries of a unit's processes, of which [`entry`] then reads each.
///
/// An entry of a user's unit counts, too, if its process had ended when journald read it, and it has the identifier
/// of the unit's service. Other units of the service have that as well; their processes seldom end so early.
pub(super) fn query_entries(scope: Scope, unit: &UnitName, command: &mut Command, fields: &[&str]) {
    let mut groups = vec![vec![wrote(scope, unit)]];
    if scope == Scope::User {
        // Where the id ends in the name is not known.
        let name = unit.as_str().strip_prefix(PREFIX).unwrap_or_default();
        groups.push(of_user(name.match_indices('-').map(|(end, _)| &name[..end])));
    }
    matches(command, &groups);
    let fields = [&["MESSAGE", USER_UNIT], fields].concat().join(",");
    // Without --all, a line of more than 4096 bytes is null.
    command.args(["--output=json", "--all"]).arg(format!("--output-fields={fields}"));
}

/// Reads an entry of a unit's processes; `None` if it is of another unit.
pub(super) fn entry(scope: Scope, unit: &UnitName, line: &str) -> Option<Value> {
    let entry: Value = serde_json::from_str(line).ok()?;
    let is_of = entry.get(USER_UNIT).is_none_or(|of| of == unit.as_str());
    (scope == Scope::System || is_of).then_some(entry)
}

/// Returns the text of an entry. journalctl writes one that is not UTF-8 as a list of bytes.
pub(super) fn message(entry: &Value) -> Option<String> {
    let message = &entry["MESSAGE"];
    let byte = |value: &Value| u8::try_from(value.as_u64()?).ok();
    let bytes = || message.as_array()?.iter().map(byte).collect::<Option<Vec<_>>>();
    let lossy = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    message.as_str().map(str::to_owned).or_else(|| bytes().map(lossy))
}

/// Runs a query and returns its lines. Errors are ignored: a message without these is better than none.
pub(super) fn read(command: &mut Command) -> Vec<String> {
    match command.arg("--quiet").output() {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

/// Follows the output of a unit's processes.
#[derive(Debug)]
pub struct Follower {
    scope: Scope,
    unit: UnitName,
    /// The time at which it was started, and the position of the next line, as options for journalctl.
    start: String,
    position: String,
}

impl Follower {
    /// Starts at the current end of the journal.
    pub fn new(scope: Scope, unit: &UnitName) -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let start = format!("--since=@{}.{:06}", now.as_secs(), now.subsec_micros());
        Self { scope, unit: unit.clone(), position: start.clone(), start }
    }

    /// Returns the lines since the last call. Errors are ignored.
    pub fn lines(&mut self) -> Vec<String> {
        const CURSOR: &str = "-- cursor: ";
        let mut command = journalctl(self.scope);
        query_entries(self.scope, &self.unit, &mut command, &["_TRANSPORT"]);
        command.args(["--show-cursor", &self.position]);
        let mut lines = read(&mut command);
        if let Some(cursor) = lines.pop_if(|line| line.starts_with(CURSOR)) {
            self.position = format!("--after-cursor={}", &cursor[CURSOR.len()..]);
        }
        let entries = lines.iter().filter_map(|line| entry(self.scope, &self.unit, line));
        // This excludes the messages of the engine's own commands.
        let written = entries.filter(|entry| entry["_TRANSPORT"] == "stdout");
        written.filter_map(|entry| message(&entry)).collect()
    }

    /// Returns the remaining lines of a unit that has ended.
    pub fn last_lines(&mut self) -> Vec<String> {
        match self.scope {
            Scope::System => sync(self.scope),
            Scope::User => self.wait_for_end(),
        }
        self.lines()
    }

    /// Waits until journald has processed what systemd wrote about the end of the unit, which is later than what the
    /// unit's processes wrote.
    fn wait_for_end(&self) {
        const TIMES: u32 = 50;
        for _ in 0..TIMES {
            let mut command = journalctl(self.scope);
            let ends = [SUCCESS, FAILURE_RESULT].map(|id| format!("MESSAGE_ID={id}"));
            command.args(about(self.scope, self.unit.as_str())).args(ends).arg(&self.start);
            if !read(&mut command).is_empty() {
                break;
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Waits until journald has processed all entries. Only root can request that.
pub(super) fn sync(scope: Scope) {
    if scope == Scope::System {
        let _ = Command::new("journalctl").arg("--sync").output();
    }
}

pub(super) fn journalctl(scope: Scope) -> Command {
    let mut command = Command::new("journalctl");
    command.arg("--no-pager");
    if scope == Scope::User {
        command.arg("--user");
    }
    command
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn query(instance: Option<u16>, job: Option<&str>) -> JournalQuery {
        JournalQuery {
            service: "a-b".parse().unwrap(),
            instance,
            job: job.map(|job| job.parse().unwrap()),
            follow: true,
            lines: None,
            since: None,
            json: false,
            others: ["a", "a-b-c", "a-b"].map(|id| id.parse().unwrap()).to_vec(),
        }
    }

    #[test]
    fn units_that_are_gone_are_known_by_their_names() {
        let has = |instance, unit: &str| query(instance, None).has(unit);
        assert!(has(None, "conductor-a-b-v1-rc.123abc-2.service"));
        assert!(has(Some(2), "conductor-a-b-v1.123abc-2.service"));
        assert!(!has(Some(2), "conductor-a-b-v1.123abc-12.service"));
        assert!(has(None, "conductor-a-b-job.service"));
        for other in [
            "conductor-a-b-c-v1.123abc-2.service",
            "conductor-a-v1.123abc-2.service",
            "conductor-a-bc-v1.123abc-2.service",
            "conductor-a-b.target",
            "conductor-a-b-job.timer",
            "x-conductor-a-b-v1.123abc-2.service",
        ] {
            assert!(!has(None, other), "{other}");
        }
        let unit = "conductor-a-b-v1.123abc-2.service".to_owned();
        let command = query(None, None).command_with(Scope::System, &[unit]);
        let words: Vec<_> = command.get_args().filter_map(|word| word.to_str()).collect();
        let last = ["+", "_PID=1", "UNIT=conductor-a-b-v1.123abc-2.service"];
        assert!(words.windows(3).any(|group| group == last), "{words:?}");
    }

    fn matched(scope: Scope, instance: Option<u16>, job: Option<&str>) -> String {
        let command = query(instance, job).command_with(scope, &[]);
        let words = command.get_args().filter_map(|word| word.to_str());
        words.filter(|word| word.contains(['+', '='])).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_match_has_a_field_of_journalds() {
        for scope in [Scope::System, Scope::User] {
            for instance in [None, Some(2)] {
                let matched = matched(scope, instance, None);
                let trusted = |group: &str| group.starts_with('_') || group.contains(" _");
                assert!(matched.split(" + ").all(trusted), "{matched}");
            }
        }
        assert_eq!(
            matched(Scope::System, Some(2), None),
            "_SYSTEMD_SLICE=conductor-a\\x2db.slice CONDUCTOR_INSTANCE=2 \
             + _TRANSPORT=stdout CONDUCTOR_ID=a-b CONDUCTOR_INSTANCE=2 \
             + _PID=1 CONDUCTOR_ID=a-b CONDUCTOR_INSTANCE=2 \
             + _SYSTEMD_UNIT=docker.service CONDUCTOR_ID=a-b CONDUCTOR_INSTANCE=2 --output=short-iso"
        );
        assert_eq!(
            matched(Scope::User, Some(2), None),
            "--user-unit=conductor-a-b-*-2.service _SYSTEMD_USER_SLICE=conductor-a\\x2db.slice \
             + _SYSTEMD_USER_UNIT=init.scope CONDUCTOR_ID=a-b \
             + _SYSTEMD_USER_UNIT=docker.service CONDUCTOR_ID=a-b --output=short-iso"
        );
        let uid = rustix::process::getuid().as_raw();
        let unattributed =
            format!(" + _UID={uid} _TRANSPORT=stdout SYSLOG_IDENTIFIER=a-b --output=short-iso");
        let all = matched(Scope::User, None, None);
        assert!(all.ends_with(&unattributed), "{all}");
        assert_eq!(
            matched(Scope::System, None, Some("c")),
            "_SYSTEMD_UNIT=conductor-a-b-c.service + _PID=1 UNIT=conductor-a-b-c.service \
             --output=short-iso"
        );
        assert_eq!(
            matched(Scope::User, None, Some("c")),
            "_SYSTEMD_USER_UNIT=conductor-a-b-c.service \
             + _SYSTEMD_USER_UNIT=init.scope USER_UNIT=conductor-a-b-c.service --output=short-iso"
        );
    }

    #[test]
    fn a_line_of_a_process_that_ended_early_is_found_by_its_identifier() {
        let unit = "conductor-a-b-c.service".parse().unwrap();
        let mut command = Command::new("journalctl");
        query_entries(Scope::User, &unit, &mut command, &["_TRANSPORT"]);
        let words: Vec<_> = command.get_args().filter_map(|word| word.to_str()).collect();
        let (of_unit, others) = words.split_at(2);
        assert_eq!(of_unit, ["_SYSTEMD_USER_UNIT=conductor-a-b-c.service", "+"]);
        assert_eq!(others[2..4], ["SYSLOG_IDENTIFIER=a", "SYSLOG_IDENTIFIER=a-b"]);
        for (line, is_of) in [
            (r#"{"MESSAGE":"x"}"#, true),
            (r#"{"MESSAGE":"x","_SYSTEMD_USER_UNIT":"conductor-a-b-c.service"}"#, true),
            (r#"{"MESSAGE":"x","_SYSTEMD_USER_UNIT":"conductor-a-b-1.aaaaaa-1.service"}"#, false),
        ] {
            assert_eq!(entry(Scope::User, &unit, line).is_some(), is_of, "{line}");
        }
    }

    #[test]
    fn a_message_that_is_no_text_is_read() {
        let read = |value: Value| message(&json!({"MESSAGE": value}));
        assert_eq!(read(json!("a")), Some("a".to_owned()));
        assert_eq!(read(json!([97, 255])), Some("a\u{fffd}".to_owned()));
        assert_eq!(read(Value::Null), None);
    }
}
