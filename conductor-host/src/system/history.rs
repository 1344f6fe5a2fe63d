//! The runs of units, from what systemd logs about them.
//!
//! systemd gives each start of a unit an invocation ID (systemd.exec(5)), which all its messages about that start
//! have. As for all queries, each match has a field that journald itself added; see [`super::journal`].

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::Duration;

use conductor_core::name::{Revision, UnitName};
use conductor_core::runtime::Scope;
use serde_json::Value;

use super::journal::{journalctl, sync};
use super::last_words::{FAILURE_RESULT, PROCESS_EXIT, SUCCESS, sent};
use super::scheduled::CommandEnd;
use crate::words::UnitResult;

/// systemd's message that it starts a unit (sd-messages.h).
const STARTING: &str = "7d4958e842da4a758f6c1cdc7b36dcc5";

/// The fields that are read.
const FIELDS: &str = "MESSAGE_ID,UNIT,USER_UNIT,INVOCATION_ID,USER_INVOCATION_ID,UNIT_RESULT,COMMAND,\
                      EXIT_CODE,EXIT_STATUS,CONDUCTOR_REVISION,_SOURCE_REALTIME_TIMESTAMP,_BOOT_ID";

/// One run of a unit. Times are in microseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Invocation {
    /// systemd's ID of it.
    pub id: String,
    /// The unit.
    pub unit: String,
    /// The revision, which messages of a user's systemd and of systemd 252 do not have.
    pub revision: Option<Revision>,
    /// When it was started.
    pub started: u64,
    /// When it ended; `None` if it has not, or if the journal does not say so.
    pub ended: Option<u64>,
    /// How long it took.
    pub took: Option<Duration>,
    /// systemd's result: `success`, `exit-code`, `timeout`, ...
    pub result: Option<UnitResult>,
    /// How its main process ended.
    pub end: Option<CommandEnd>,
}

/// Returns the last runs of some units, at most this many, the newest first. Errors are ignored.
pub fn invocations(scope: Scope, units: &[UnitName], most: usize) -> Vec<Invocation> {
    if units.is_empty() || most == 0 {
        return Vec::new();
    }
    // journald may not have processed systemd's latest entries.
    sync(scope);
    let mut runs = Runs::default();
    read_entries(scope, units, |entry| {
        runs.take(&entry);
        runs.found.len() < most
    });
    runs.found
}

/// What the journal says about the runs of a unit that have ended.
#[derive(Debug, Clone, Default)]
pub struct Outcomes {
    /// The newest run that has ended.
    pub last: Option<Invocation>,
    /// The newest run that succeeded.
    pub success: Option<Invocation>,
}

/// Returns the newest runs of some units that have ended, as far as this many entries of the journal know. Errors are
/// ignored.
pub fn outcomes(scope: Scope, units: &[UnitName], entries: usize) -> HashMap<String, Outcomes> {
    let mut found: HashMap<String, Outcomes> = HashMap::new();
    if units.is_empty() {
        return found;
    }
    let mut runs = Runs::default();
    let (mut left, mut missing) = (entries, units.len());
    read_entries(scope, units, |entry| {
        runs.take(&entry);
        for run in runs.found.drain(..).filter(|run| run.result.is_some()) {
            let outcomes = found.entry(run.unit.clone()).or_default();
            if run.result == Some(UnitResult::Success) && outcomes.success.is_none() {
                outcomes.success = Some(run.clone());
                missing -= 1;
            }
            outcomes.last.get_or_insert(run);
        }
        left = left.saturating_sub(1);
        missing > 0 && left > 0
    });
    found
}

/// Reads the entries about runs of some units, the newest first, as long as `take` asks for more.
fn read_entries(scope: Scope, units: &[UnitName], mut take: impl FnMut(Value) -> bool) {
    let (trusted, unit) = match scope {
        Scope::System => ("_PID=1", "UNIT"),
        Scope::User => ("_SYSTEMD_USER_UNIT=init.scope", "USER_UNIT"),
    };
    let mut command = journalctl(scope);
    command
        .args(["--quiet", "--reverse", "--output=json"])
        .arg(format!("--output-fields={FIELDS}"));
    command.arg(trusted).args(units.iter().map(|name| format!("{unit}={name}")));
    let messages = [STARTING, PROCESS_EXIT, FAILURE_RESULT, SUCCESS];
    command.args(messages.map(|id| format!("MESSAGE_ID={id}")));
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let Ok(mut child) = child else { return };
    let lines = child.stdout.take().map(|stdout| BufReader::new(stdout).lines());
    let entries = lines.into_iter().flatten().map_while(Result::ok);
    // A journal may have years of runs.
    for entry in entries.filter_map(|line| serde_json::from_str(&line).ok()) {
        if !take(entry) {
            break;
        }
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// What was read about runs, from the newest entry on.
#[derive(Default)]
struct Runs {
    ends: HashMap<String, End>,
    found: Vec<Invocation>,
}

/// What the later entries about a run say.
#[derive(Default)]
struct End {
    ended: Option<u64>,
    /// The boot, and the time of its monotonic clock.
    clock: Option<(String, u64)>,
    result: Option<UnitResult>,
    end: Option<CommandEnd>,
}

impl Runs {
    fn take(&mut self, entry: &Value) {
        let text = |field: &str| entry[field].as_str().map(str::to_owned);
        let either = |one, other| text(one).or_else(|| text(other));
        let (Some(id), Some(unit)) =
            (either("INVOCATION_ID", "USER_INVOCATION_ID"), either("UNIT", "USER_UNIT"))
        else {
            return;
        };
        let result = match text("MESSAGE_ID").as_deref() {
            Some(STARTING) => {
                let run = self.run(entry, id, unit);
                return self.found.extend(run);
            }
            Some(SUCCESS) => Some(UnitResult::Success),
            Some(FAILURE_RESULT) => text("UNIT_RESULT").map(|word| UnitResult::from(&*word)),
            Some(PROCESS_EXIT) if text("COMMAND").is_none_or(|command| command == "ExecStart") => {
                self.ends.entry(id).or_default().end = process_end(entry);
                return;
            }
            _ => return,
        };
        let end = self.ends.entry(id).or_default();
        (end.ended, end.clock, end.result) = (sent(entry), clock(entry), result);
    }

    fn run(&mut self, entry: &Value, id: String, unit: String) -> Option<Invocation> {
        let End { ended, clock: until, result, end } = self.ends.remove(&id).unwrap_or_default();
        let started = sent(entry)?;
        let took = match (clock(entry), until) {
            (Some((boot, from)), Some((other, to))) if boot == other => to.checked_sub(from),
            _ => ended.and_then(|ended| ended.checked_sub(started)),
        };
        // systemd does not log the exit status 0.
        let zero = (result == Some(UnitResult::Success)).then_some(CommandEnd::Exited(0));
        let revision = entry["CONDUCTOR_REVISION"].as_str().and_then(|text| text.parse().ok());
        Some(Invocation {
            id,
            unit,
            revision,
            started,
            ended,
            took: took.map(Duration::from_micros),
            end: end.or(zero),
            result,
        })
    }
}

fn process_end(entry: &Value) -> Option<CommandEnd> {
    let status = entry["EXIT_STATUS"].as_str()?.parse().ok()?;
    Some(match entry["EXIT_CODE"].as_str()? {
        "exited" => CommandEnd::Exited(status),
        _ => CommandEnd::Killed(status),
    })
}

/// Returns the boot of an entry, and the time of that boot's monotonic clock: it does not jump.
fn clock(entry: &Value) -> Option<(String, u64)> {
    let time = entry["__MONOTONIC_TIMESTAMP"].as_str()?.parse().ok()?;
    Some((entry["_BOOT_ID"].as_str()?.to_owned(), time))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str, message: &str, time: u64, more: &[(&str, &str)]) -> Value {
        let mut entry = serde_json::json!({
            "UNIT": "conductor-a-b.service", "INVOCATION_ID": id, "MESSAGE_ID": message,
            "__REALTIME_TIMESTAMP": (time + 7).to_string(),
            "_SOURCE_REALTIME_TIMESTAMP": time.to_string(),
            "__MONOTONIC_TIMESTAMP": (time / 2).to_string(), "_BOOT_ID": "b",
        });
        for (name, value) in more {
            entry[*name] = (*value).into();
        }
        entry
    }

    #[test]
    fn a_run_is_what_has_one_invocation_id() {
        let mut runs = Runs::default();
        let exit = |code, status| [("EXIT_CODE", code), ("EXIT_STATUS", status)];
        // From the newest on; the runs overlap, as they never do.
        for entry in [
            entry("4", STARTING, 900, &[("CONDUCTOR_REVISION", "v2")]),
            entry("3", FAILURE_RESULT, 840, &[("UNIT_RESULT", "signal")]),
            entry("2", SUCCESS, 820, &[]),
            entry("3", PROCESS_EXIT, 800, &exit("killed", "9")),
            entry("3", PROCESS_EXIT, 799, &[("COMMAND", "ExecStopPost"), ("EXIT_STATUS", "1")]),
            entry("2", STARTING, 700, &[("_BOOT_ID", "a")]),
            entry("3", STARTING, 600, &[]),
            entry("1", FAILURE_RESULT, 500, &[("UNIT_RESULT", "exit-code")]),
            entry("1", PROCESS_EXIT, 500, &exit("exited", "3")),
            entry("1", STARTING, 400, &[]),
            serde_json::json!({"MESSAGE_ID": STARTING}),
        ] {
            runs.take(&entry);
        }
        let short: Vec<_> = runs
            .found
            .iter()
            .map(|run| {
                let took = run.took.map(|took| took.as_micros());
                (
                    run.id.as_str(),
                    run.started,
                    run.ended,
                    took,
                    run.result.as_ref().map(UnitResult::as_str),
                    run.end,
                )
            })
            .collect();
        assert_eq!(
            short,
            [
                ("4", 900, None, None, None, None),
                ("2", 700, Some(820), Some(120), Some("success"), Some(CommandEnd::Exited(0))),
                ("3", 600, Some(840), Some(120), Some("signal"), Some(CommandEnd::Killed(9))),
                ("1", 400, Some(500), Some(50), Some("exit-code"), Some(CommandEnd::Exited(3))),
            ]
        );
        assert_eq!(runs.found[0].revision.as_ref().map(Revision::as_str), Some("v2"));
    }
}
