//! The journal of a service, read by systemd's own `journalctl`.
//!
//! Any user may write an entry with any field whose name does not begin with `_`, so `CONDUCTOR_ID=` and
//! `UNIT=` alone say nothing. Each match has a field that journald itself added
//! (systemd.journal-fields(7)).

use std::process::Command;
use std::time::SystemTime;

use conductor_core::name::{ServiceId, UnitName};
use conductor_core::release::slice_unit;
use conductor_core::runtime::Scope;

/// What to read of a service's journal.
#[derive(Debug, Clone)]
pub struct JournalQuery {
    /// The service, in whichever release.
    pub service: ServiceId,
    /// Only this instance.
    pub instance: Option<u16>,
    /// Whether to wait for new lines.
    pub follow: bool,
    /// The last so many lines; `None` for all.
    pub lines: Option<u32>,
    /// From when on, in the syntax of systemd.time(7).
    pub since: Option<String>,
    /// Whether each line is to be a JSON object.
    pub json: bool,
}

impl JournalQuery {
    /// Returns the command that answers the query on its standard output.
    pub fn command(&self, scope: Scope) -> Command {
        let mut command = journalctl(scope);
        if let (Some(instance), Scope::User) = (self.instance, scope) {
            // journald adds the fields of `LogExtraFields=` to lines of the host's units only.
            command.arg(format!("--user-unit=conductor-{}-*-{instance}.service", self.service));
        }
        matches(&mut command, &self.groups(scope));
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

    /// Returns what matches the lines of the service; see [`matches`].
    fn groups(&self, scope: Scope) -> Vec<Vec<String>> {
        let slice = slice_unit(&self.service);
        let id = || format!("CONDUCTOR_ID={}", self.service);
        let group = |trusted: &str| vec![trusted.to_owned(), id()];
        let mut groups = match scope {
            Scope::System => vec![
                // What its processes write, in whichever way.
                vec![format!("_SYSTEMD_SLICE={slice}")],
                // The same when a process was gone before journald asked for its slice: it knows the unit from
                // systemd, and on this way an entry has no fields of its writer's.
                group("_TRANSPORT=stdout"),
                group("_PID=1"),
                // What docker writes for a container has fields from its labels.
                group("_SYSTEMD_UNIT=docker.service"),
            ],
            Scope::User => vec![
                vec![format!("_SYSTEMD_USER_SLICE={slice}")],
                group("_SYSTEMD_USER_UNIT=init.scope"),
                group("_SYSTEMD_USER_UNIT=docker.service"),
            ],
        };
        if let (Some(instance), Scope::System) = (self.instance, scope) {
            let instance = format!("CONDUCTOR_INSTANCE={instance}");
            for group in &mut groups {
                group.push(instance.clone());
            }
        }
        groups
    }
}

/// Adds matches to a command: all of one group, or all of another.
fn matches(command: &mut Command, groups: &[Vec<String>]) {
    for (place, group) in groups.iter().enumerate() {
        if place > 0 {
            command.arg("+");
        }
        command.args(group);
    }
}

/// Returns what matches what systemd says of a unit.
fn said(scope: Scope, unit: &UnitName) -> Vec<String> {
    let fields = match scope {
        // Also what systemd says in a child of its own, before that becomes the unit's process.
        Scope::System => ["UNIT", "_UID=0"],
        Scope::User => ["USER_UNIT", "_SYSTEMD_USER_UNIT=init.scope"],
    };
    vec![format!("{}={unit}", fields[0]), fields[1].to_owned()]
}

/// Returns what matches what the processes of a unit write.
fn wrote(scope: Scope, unit: &UnitName) -> String {
    match scope {
        Scope::System => format!("_SYSTEMD_UNIT={unit}"),
        Scope::User => format!("_SYSTEMD_USER_UNIT={unit}"),
    }
}

/// What there is to say of a unit that failed.
#[derive(Debug, Clone, Default)]
pub struct LastWords {
    /// The last lines that it wrote and that systemd wrote of it, oldest first.
    pub journal: Vec<String>,
    /// What the probe found last.
    pub health: Option<String>,
    /// How its main process ended, if it did.
    pub end: Option<String>,
}

/// Reads the last words of a unit for an error message: systemd itself has forgotten them once it
/// starts the unit again.
///
/// It is best effort: a message without them is better than none.
pub fn last_words(scope: Scope, unit: &UnitName, lines: u32) -> LastWords {
    // The id of the message that a main process ended (systemd.journal-fields(7), sd-messages.h).
    const ENDED: &str = "MESSAGE_ID=98e322203f7a4ed290d09fe03c09fe15";
    // journald may not have read yet what systemd wrote a moment ago.
    sync(scope);
    let engine = match scope {
        Scope::System => "_SYSTEMD_UNIT=docker.service",
        Scope::User => "_SYSTEMD_USER_UNIT=docker.service",
    };
    let groups = [
        vec![wrote(scope, unit)],
        said(scope, unit),
        vec![format!("CONDUCTOR_UNIT={unit}"), engine.to_owned()],
    ];
    let mut command = journalctl(scope);
    matches(&mut command, &groups);
    let journal = read(command.arg(format!("--lines={lines}")).arg("--output=cat"));
    let mut command = journalctl(scope);
    command.args(said(scope, unit)).args([ENDED, "--lines=1", "--output=json"]);
    if scope == Scope::System {
        command.arg("_PID=1");
    }
    let end = read(&mut command).pop().and_then(|entry| end(&entry));
    let mut lines = journal.iter().rev();
    let health = lines.find_map(|line| probe_protocol::journal::text(line));
    LastWords { health: health.map(str::to_owned), journal, end }
}

/// Says how a process ended, from systemd's own entry in the journal.
fn end(entry: &str) -> Option<String> {
    let entry: serde_json::Value = serde_json::from_str(entry).ok()?;
    let status = entry["EXIT_STATUS"].as_str()?;
    match entry["EXIT_CODE"].as_str()? {
        "exited" => Some(format!("exited with status {status}")),
        _ => Some(format!("was killed by signal {status}")),
    }
}

fn read(command: &mut Command) -> Vec<String> {
    match command.arg("--quiet").output() {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

/// Reads what the processes of a unit write, as they write it.
#[derive(Debug)]
pub struct Follower {
    scope: Scope,
    unit: UnitName,
    /// Where to go on, as an option of journalctl's.
    position: String,
}

impl Follower {
    /// Begins with what is written from now on.
    pub fn new(scope: Scope, unit: &UnitName) -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let position = format!("--since=@{}.{:06}", now.as_secs(), now.subsec_micros());
        Self { scope, unit: unit.clone(), position }
    }

    /// Returns the lines since the last time. It is best effort, as an error message's are.
    pub fn lines(&mut self) -> Vec<String> {
        const CURSOR: &str = "-- cursor: ";
        let mut command = journalctl(self.scope);
        // Not what an engine itself says in the unit's name.
        command.arg(wrote(self.scope, &self.unit)).arg("_TRANSPORT=stdout");
        command.args(["--output=cat", "--show-cursor", &self.position]);
        let mut lines = read(&mut command);
        if let Some(cursor) = lines.pop_if(|line| line.starts_with(CURSOR)) {
            self.position = format!("--after-cursor={}", &cursor[CURSOR.len()..]);
        }
        lines
    }

    /// Returns the rest of a unit that has ended.
    pub fn last_lines(&mut self) -> Vec<String> {
        sync(self.scope);
        self.lines()
    }
}

/// Waits until journald has read what was written; only root can ask for that.
fn sync(scope: Scope) {
    if scope == Scope::System {
        let _ = Command::new("journalctl").arg("--sync").output();
    }
}

fn journalctl(scope: Scope) -> Command {
    let mut command = Command::new("journalctl");
    command.arg("--no-pager");
    if scope == Scope::User {
        command.arg("--user");
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matched(scope: Scope, instance: Option<u16>) -> String {
        let service = "a-b".parse().unwrap();
        let query =
            JournalQuery { service, instance, follow: true, lines: None, since: None, json: false };
        let command = query.command(scope);
        let words = command.get_args().filter_map(|word| word.to_str());
        words.filter(|word| word.contains(['+', '='])).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_match_has_a_field_of_journalds() {
        for scope in [Scope::System, Scope::User] {
            for instance in [None, Some(2)] {
                let matched = matched(scope, instance);
                let trusted = |group: &str| group.starts_with('_') || group.contains(" _");
                assert!(matched.split(" + ").all(trusted), "{matched}");
            }
        }
        assert_eq!(
            matched(Scope::System, Some(2)),
            "_SYSTEMD_SLICE=conductor-a\\x2db.slice CONDUCTOR_INSTANCE=2 \
             + _TRANSPORT=stdout CONDUCTOR_ID=a-b CONDUCTOR_INSTANCE=2 \
             + _PID=1 CONDUCTOR_ID=a-b CONDUCTOR_INSTANCE=2 \
             + _SYSTEMD_UNIT=docker.service CONDUCTOR_ID=a-b CONDUCTOR_INSTANCE=2 --output=short-iso"
        );
        assert_eq!(
            matched(Scope::User, Some(2)),
            "--user-unit=conductor-a-b-*-2.service _SYSTEMD_USER_SLICE=conductor-a\\x2db.slice \
             + _SYSTEMD_USER_UNIT=init.scope CONDUCTOR_ID=a-b \
             + _SYSTEMD_USER_UNIT=docker.service CONDUCTOR_ID=a-b --output=short-iso"
        );
    }
}
