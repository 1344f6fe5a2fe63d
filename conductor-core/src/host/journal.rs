//! The journal of a service, read by systemd's own `journalctl`.

use std::process::Command;
use std::time::SystemTime;

use crate::name::{ServiceId, UnitName};
use crate::runtime::Scope;

/// What to read of a service's journal.
#[derive(Debug, Clone)]
pub struct JournalQuery {
    /// The service; its lines carry `CONDUCTOR_ID`, whichever release wrote them.
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
    /// Gives the command that answers the query on its standard output.
    pub fn command(&self, scope: Scope) -> Command {
        let mut command = journalctl(scope);
        command.arg(format!("CONDUCTOR_ID={}", self.service));
        if let Some(instance) = self.instance {
            command.arg(format!("CONDUCTOR_INSTANCE={instance}"));
        }
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
    const PROBE: &str = "conductor-probe: ";
    // journald may not have read yet what systemd wrote a moment ago.
    sync(scope);
    // What the unit's processes wrote, what systemd said of it, and what docker wrote for it.
    let (wrote, said) = match scope {
        Scope::System => ("_SYSTEMD_UNIT", "UNIT"),
        Scope::User => ("_SYSTEMD_USER_UNIT", "USER_UNIT"),
    };
    let mut command = journalctl(scope);
    for field in [wrote, "+", said, "+", "CONDUCTOR_UNIT"] {
        command.arg(if field == "+" { field.to_owned() } else { format!("{field}={unit}") });
    }
    let journal = read(command.arg(format!("--lines={lines}")).arg("--output=cat"));
    let mut command = journalctl(scope);
    command.arg(format!("{said}={unit}")).args([ENDED, "--lines=1", "--output=json"]);
    let end = read(&mut command).pop().and_then(|entry| end(&entry));
    let probe = journal.iter().rev().find_map(|line| line.strip_prefix(PROBE));
    LastWords { health: probe.map(str::to_owned), journal, end }
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

    /// Gives the lines since the last time. It is best effort, as an error message's are.
    pub fn lines(&mut self) -> Vec<String> {
        const CURSOR: &str = "-- cursor: ";
        let field = match self.scope {
            Scope::System => "_SYSTEMD_UNIT",
            Scope::User => "_SYSTEMD_USER_UNIT",
        };
        let mut command = journalctl(self.scope);
        // Not what an engine itself says in the unit's name.
        command.arg(format!("{field}={}", self.unit)).arg("_TRANSPORT=stdout");
        command.args(["--output=cat", "--show-cursor", &self.position]);
        let mut lines = read(&mut command);
        if let Some(cursor) = lines.pop_if(|line| line.starts_with(CURSOR)) {
            self.position = format!("--after-cursor={}", &cursor[CURSOR.len()..]);
        }
        lines
    }

    /// Gives the rest of a unit that has ended.
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
