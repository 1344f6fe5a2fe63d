//! What a unit and systemd wrote about its last attempt to start, and how that ended.
//!
//! systemd gives each start of a unit an invocation ID (systemd.exec(5)). Entries are matched by it and not by
//! their time: the unit may have been started before, and may be started again already. As for all queries,
//! each match has a field that journald itself added; see [`super::journal`].

use conductor_core::name::UnitName;
use conductor_core::runtime::Scope;
use serde_json::Value;

use super::journal::{IDENTIFIER, entry, journalctl, matches, message, query_entries, read, sync};
use super::scheduled::CommandEnd;

/// systemd's messages about the end of a main process, unless its exit status is 0 (sd-messages.h).
pub(super) const PROCESS_EXIT: &str = "98e322203f7a4ed290d09fe03c09fe15";
/// Its messages about the end of a unit, after a failure and after success.
pub(super) const FAILURE_RESULT: &str = "d9b373ed55a64feb8242e02dbe79a49c";
pub(super) const SUCCESS: &str = "7ad2d189f7e94e70a38c781354912448";
/// Its message about a stop that was requested.
const STOPPING: &str = "de5b426a63be47a7b6ac3eaac82e2f6f";

/// The field that podman adds to an event.
const EVENT: &str = "PODMAN_EVENT";

/// The most of systemd's own lines that are shown.
const SYSTEMD_LINES: usize = 6;

/// The last lines and the end of a failed unit.
#[derive(Debug, Clone, Default)]
pub struct LastWords {
    /// The last lines of the unit's processes, then those of systemd about it, each oldest first.
    pub journal: Vec<String>,
    /// The probe's last status text.
    pub health: Option<String>,
    /// How its main process ended, if it has ended.
    pub end: Option<CommandEnd>,
    /// Whether its main process ended with success and left processes running.
    pub left_processes: bool,
    /// What an operator can do about it.
    pub hint: Option<String>,
}

/// Which attempt to start a unit is meant.
#[derive(Debug, Clone, Default)]
pub(super) struct Attempt {
    /// The unit's current invocation ID; `None` if it is not loaded.
    pub(super) current: Option<String>,
    /// Whether systemd has restarted it since: then the attempt that ended last is meant.
    pub(super) restarted: bool,
}

/// Reads the last lines and the end of a unit's last attempt from the journal: systemd's own properties are
/// reset when it restarts the unit.
///
/// Errors are ignored: a message without these is better than none.
pub fn last_words(scope: Scope, unit: &UnitName, lines: u32) -> LastWords {
    last_words_of(scope, unit, &Attempt { current: None, restarted: true }, lines)
}

/// Like [`last_words`], for an attempt.
pub(super) fn last_words_of(
    scope: Scope,
    unit: &UnitName,
    attempt: &Attempt,
    lines: u32,
) -> LastWords {
    // journald may not have processed systemd's latest entries.
    sync(scope);
    let journal = Journal { scope, unit };
    let ended = || attempt.restarted.then(|| journal.ended_last()).flatten();
    let invocation = ended().or_else(|| attempt.current.clone());
    let said = journal.said(invocation.as_deref());
    let mut text = journal.wrote(invocation.as_deref(), said.first(), lines);
    let health = text.iter().rev().find_map(|line| probe_protocol::journal::text(line));
    let health = health.map(str::to_owned);
    // journald may know the unit of systemd's child process; then its lines are among the unit's.
    let others = said.iter().filter(|entry| entry["_SYSTEMD_UNIT"] != unit.as_str());
    let messages: Vec<&str> = others.filter_map(|entry| entry["MESSAGE"].as_str()).collect();
    let shown = messages.len().saturating_sub(SYSTEMD_LINES);
    text.extend(messages[shown..].iter().map(|line| (*line).to_owned()));
    let end = end(&said);
    let left_processes = end == Some(CommandEnd::Exited(0)) && messages.iter().any(is_killing);
    LastWords { journal: text, health, end, left_processes, hint: None }
}

/// The journal of one unit.
struct Journal<'u> {
    scope: Scope,
    unit: &'u UnitName,
}

impl Journal<'_> {
    /// Returns the matches for systemd's entries about the unit. They include those of systemd's child process
    /// before it executes the unit's program.
    fn about(&self) -> Vec<String> {
        match self.scope {
            Scope::System => vec![format!("UNIT={}", self.unit), "_UID=0".to_owned()],
            Scope::User => {
                vec![format!("USER_UNIT={}", self.unit), "_SYSTEMD_USER_UNIT=init.scope".to_owned()]
            }
        }
    }

    fn invocation_field(&self) -> &'static str {
        match self.scope {
            Scope::System => "INVOCATION_ID",
            Scope::User => "USER_INVOCATION_ID",
        }
    }

    /// Returns the invocation ID of the attempt that ended last.
    fn ended_last(&self) -> Option<String> {
        let groups = [FAILURE_RESULT, SUCCESS].map(|id| {
            let mut group = self.about();
            group.push(format!("MESSAGE_ID={id}"));
            group.extend((self.scope == Scope::System).then(|| "_PID=1".to_owned()));
            group
        });
        let mut command = journalctl(self.scope);
        matches(&mut command, &groups);
        let entries = read(command.args(["--lines=1", "--output=json"]));
        let entry: Value = serde_json::from_str(entries.last()?).ok()?;
        entry[self.invocation_field()].as_str().map(str::to_owned)
    }

    /// Returns systemd's entries about an attempt, oldest first.
    fn said(&self, invocation: Option<&str>) -> Vec<Value> {
        // Enough for the first of an attempt, unless it has been reloaded very often.
        const MOST: &str = "--lines=200";
        let mut group = self.about();
        group.extend(invocation.map(|id| format!("{}={id}", self.invocation_field())));
        let mut command = journalctl(self.scope);
        let entries = read(command.args(group).args([MOST, "--output=json"]));
        entries.iter().filter_map(|entry| serde_json::from_str(entry).ok()).collect()
    }

    /// Returns the last lines of the program, then those of its container's engine. `first` is systemd's first
    /// entry about the attempt.
    fn wrote(&self, invocation: Option<&str>, first: Option<&Value>, lines: u32) -> Vec<String> {
        // Entries of a user's units, and of containers, do not have the invocation ID of the unit.
        let since = first.and_then(sent).filter(|_| invocation.is_some());
        let since =
            since.map(|usec: u64| format!("--since=@{}.{:06}", usec / 1_000_000, usec % 1_000_000));
        let (engine, own) = match self.scope {
            Scope::System => ("_SYSTEMD_UNIT=docker.service", invocation),
            Scope::User => ("_SYSTEMD_USER_UNIT=docker.service", None),
        };
        let query = |matches: &[&str], since: Option<&String>| {
            let mut command = journalctl(self.scope);
            command.args(matches).args(since);
            read(command.arg(format!("--lines={lines}")).arg("--output=cat"))
        };
        let mut text = query(&[&format!("CONDUCTOR_UNIT={}", self.unit), engine], since.as_ref());
        text.extend(self.wrote_in(own, since.as_ref(), lines));
        text
    }

    /// Returns the last lines of the program in an attempt. journald does not know the ID of a process that had ended
    /// when it read the line; such a line counts if it was written since the attempt began. What podman logs of its
    /// own is left out: of one command these are more lines than are shown.
    fn wrote_in(&self, id: Option<&str>, since: Option<&String>, lines: u32) -> Vec<String> {
        const ID: &str = "_SYSTEMD_INVOCATION_ID";
        // Others than those of the attempt may be among them.
        const MOST: &str = "--lines=500";
        let mut command = journalctl(self.scope);
        query_entries(self.scope, self.unit, &mut command, &[ID, EVENT, IDENTIFIER]);
        let entries = read(command.args(since).arg(MOST));
        let entries = entries.iter().filter_map(|line| entry(self.scope, self.unit, line));
        let of_attempt =
            |entry: &Value| entry.get(ID).zip(id).is_none_or(|(of, id)| of.as_str() == Some(id));
        let entries = entries.filter(of_attempt).filter(|entry| !is_podmans(entry));
        let mut text: Vec<_> = entries.filter_map(|entry| message(&entry)).collect();
        let more = text.len().saturating_sub(usize::try_from(lines).unwrap_or(usize::MAX));
        text.drain(..more);
        text
    }
}

/// Returns whether podman wrote an entry, and not the program in its container: an event, or a message of conmon(8),
/// which watches the container.
fn is_podmans(entry: &Value) -> bool {
    entry.get(EVENT).is_some() || entry[IDENTIFIER] == "conmon"
}

/// Returns when an entry was sent, in microseconds since 1970. A journald that is busy may read the first lines of a
/// program before systemd's message that it starts, and then has an earlier time for them.
pub(super) fn sent(entry: &Value) -> Option<u64> {
    let time = |field| entry[field].as_str()?.parse().ok();
    time("_SOURCE_REALTIME_TIMESTAMP").or_else(|| time("__REALTIME_TIMESTAMP"))
}

/// Returns how the main process ended, from systemd's entries about an attempt.
fn end(said: &[Value]) -> Option<CommandEnd> {
    let is = |entry: &Value, id| entry["MESSAGE_ID"] == id;
    // In a system unit any process of root can write these fields; that is no boundary.
    if let Some(entry) = said.iter().rev().find(|entry| is(entry, PROCESS_EXIT)) {
        let status = entry["EXIT_STATUS"].as_str()?.parse().ok()?;
        return Some(match entry["EXIT_CODE"].as_str()? {
            "exited" => CommandEnd::Exited(status),
            _ => CommandEnd::Killed(status),
        });
    }
    // systemd does not log the exit status 0. A unit whose readiness was not reported by then has failed.
    let succeeded = |entry: &Value| {
        is(entry, SUCCESS) || is(entry, FAILURE_RESULT) && entry["UNIT_RESULT"] == "protocol"
    };
    let stopped = said.iter().any(|entry| is(entry, STOPPING));
    (!stopped && said.iter().any(succeeded)).then_some(CommandEnd::Exited(0))
}

/// Returns whether a message says that systemd kills a process that remained.
fn is_killing(message: &&str) -> bool {
    message.contains(": Killing process ") && message.contains(" with signal SIGKILL")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str, rest: &[(&str, &str)]) -> Value {
        let mut entry = serde_json::json!({ "MESSAGE_ID": id });
        for (name, value) in rest {
            entry[*name] = (*value).into();
        }
        entry
    }

    #[test]
    fn an_attempt_begins_when_systemd_says_so_and_not_when_journald_reads_it() {
        let read = ("__REALTIME_TIMESTAMP", "20");
        assert_eq!(sent(&entry("", &[read, ("_SOURCE_REALTIME_TIMESTAMP", "10")])), Some(10));
        assert_eq!(sent(&entry("", &[read])), Some(20));
        assert_eq!(sent(&entry("", &[])), None);
    }

    #[test]
    fn the_end_of_a_process_is_read_from_what_systemd_logs() {
        let exit =
            |code, status| entry(PROCESS_EXIT, &[("EXIT_CODE", code), ("EXIT_STATUS", status)]);
        let failure = |result| entry(FAILURE_RESULT, &[("UNIT_RESULT", result)]);
        let success = || entry(SUCCESS, &[]);
        for (said, expected) in [
            (vec![exit("exited", "203"), failure("exit-code")], Some(CommandEnd::Exited(203))),
            (vec![exit("killed", "9"), failure("signal")], Some(CommandEnd::Killed(9))),
            (vec![success()], Some(CommandEnd::Exited(0))),
            (vec![failure("protocol")], Some(CommandEnd::Exited(0))),
            (vec![failure("resources")], None),
            (vec![entry(STOPPING, &[]), success()], None),
            (vec![], None),
        ] {
            assert_eq!(end(&said), expected, "{said:?}");
        }
    }
}
