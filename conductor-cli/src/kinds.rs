//! The table of errors: the kind of each, its exit status, and what it means. `docs/cli.md` is generated from it.

use crate::exit_status::{BAD_INPUT, FAILED, LOCKED, NOT_RUN};

/// Kinds with their exit status and meaning.
const KINDS: [(&str, u8, &str); 30] = [
    ("usage", BAD_INPUT, "the command line does not parse"),
    ("argument", BAD_INPUT, "an argument is invalid"),
    ("definition", BAD_INPUT, "definitions or host settings have errors"),
    ("crontab", BAD_INPUT, "a crontab cannot be read, or its user is not known"),
    ("template", BAD_INPUT, "a template has an error"),
    ("compile", BAD_INPUT, "a service does not compile"),
    ("foreign_file", BAD_INPUT, "a file that does not belong to conductor is in the way"),
    ("undefined_service", BAD_INPUT, "no definition has this id"),
    ("unknown_service", BAD_INPUT, "there is no such service on this host"),
    ("unknown_job", BAD_INPUT, "there is no such job on this host"),
    ("no_rollback", BAD_INPUT, "there is no such release to go back to"),
    (
        "redefined_service",
        BAD_INPUT,
        "the definition describes another release than the current one (`restart`)",
    ),
    ("offline", BAD_INPUT, "the command needs systemd, and `--root` has none"),
    ("environment", BAD_INPUT, "a variable that `--user` needs is not set"),
    ("locked", LOCKED, "another conductor process changes the host"),
    ("job_runs", FAILED, "the job is already running"),
    ("job_refused", FAILED, "systemd does not start it"),
    ("timer", FAILED, "a timer on the host has an unknown calendar event or time zone"),
    ("pull", NOT_RUN, "an image cannot be pulled (`run`)"),
    (
        "not_begun",
        NOT_RUN,
        "systemd did not run the command (`run`); the hint contains the end of the journal",
    ),
    ("terminal", NOT_RUN, "there is no terminal, or it cannot be used (`run`)"),
    ("signals", NOT_RUN, "signals cannot be caught (`run`)"),
    ("ports", FAILED, "no port in the range is free"),
    ("no_probe", FAILED, "`conductor-probe` is not at the path that units use"),
    ("proxy", FAILED, "a proxy cannot be tested or reloaded"),
    ("systemd", FAILED, "systemd does not answer, or is older than 252"),
    ("file", FAILED, "an error of the file system"),
    ("program", FAILED, "a program cannot be started"),
    (
        "internal",
        FAILED,
        "a bug in conductor; a panic in one service has the kind `compile` or `definition`, and names the service",
    ),
    ("json", FAILED, "a result cannot be written as JSON"),
];

/// Returns the exit status for a kind of errors.
pub(crate) fn exit_status(kind: &str) -> u8 {
    let row = KINDS.iter().find(|(name, ..)| *name == kind);
    row.map_or(FAILED, |(_, status, _)| *status)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::exit_status::generated::assert_generated;

    #[test]
    fn the_table_of_errors_is_generated() {
        let mut table = "| `kind` | exit status | |\n| --- | --- | --- |\n".to_owned();
        for (kind, status, meaning) in KINDS {
            writeln!(table, "| `{kind}` | {status} | {meaning} |").unwrap();
        }
        assert_generated("cli.md", "errors", &table);
    }
}
