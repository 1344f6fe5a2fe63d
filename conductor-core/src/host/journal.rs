//! The journal of a service, read by systemd's own `journalctl`.

use std::process::Command;

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

/// Reads the last lines that units wrote, oldest first, for an error message.
///
/// It is best effort: a message without them is better than none.
pub fn tail(scope: Scope, unit: &UnitName, lines: u32) -> Vec<String> {
    if scope == Scope::System {
        // journald may not have read yet what systemd wrote a moment ago; only root can ask it to.
        let _ = Command::new("journalctl").arg("--sync").output();
    }
    let mut command = journalctl(scope);
    // What the unit's processes wrote, what systemd said of it, and what docker wrote for it.
    let (wrote, said) = match scope {
        Scope::System => ("_SYSTEMD_UNIT", "UNIT"),
        Scope::User => ("_SYSTEMD_USER_UNIT", "USER_UNIT"),
    };
    for field in [wrote, "+", said, "+", "CONDUCTOR_UNIT"] {
        command.arg(if field == "+" { field.to_owned() } else { format!("{field}={unit}") });
    }
    command.arg("--quiet").arg(format!("--lines={lines}")).arg("--output=cat");
    match command.output() {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
        }
        _ => Vec::new(),
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
