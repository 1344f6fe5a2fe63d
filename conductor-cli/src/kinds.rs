//! The table of errors: the kind of each, its exit status, and what it means. `docs/cli.md` is generated from it.

use conductor_host::ErrorKind;

use crate::exit_status::{BAD_INPUT, FAILED, LOCKED, NOT_RUN};

/// The kind of an error, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Usage,
    Argument,
    Crontab,
    Import,
    Environment,
    Terminal,
    Signals,
    Output,
    Program,
    Internal,
    Json,
    /// An error of the library.
    Host(ErrorKind),
}

impl Kind {
    /// Returns the name of the kind, the exit status, and the meaning.
    const fn row(self) -> (&'static str, u8, &'static str) {
        match self {
            Self::Usage => ("usage", BAD_INPUT, "the command line does not parse"),
            Self::Argument => ("argument", BAD_INPUT, "an argument is invalid"),
            Self::Crontab => {
                ("crontab", BAD_INPUT, "a crontab cannot be read, or its user is not known")
            }
            Self::Import => (
                "import",
                BAD_INPUT,
                "what is to be imported cannot be read, or a definition is in the way",
            ),
            Self::Environment => {
                ("environment", BAD_INPUT, "a variable that `--user` needs is not set")
            }
            Self::Terminal => {
                ("terminal", NOT_RUN, "there is no terminal, or it cannot be used (`run`)")
            }
            Self::Signals => ("signals", NOT_RUN, "signals cannot be caught (`run`)"),
            Self::Output => ("output", FAILED, "the output cannot be written"),
            Self::Program => ("program", FAILED, "a program cannot be started"),
            Self::Internal => (
                "internal",
                FAILED,
                "a bug in conductor; a panic in one service has the kind `compile` or `definition`, and names the service",
            ),
            Self::Json => ("json", FAILED, "a result cannot be written as JSON"),
            Self::Host(kind) => Self::row_of_host(kind),
        }
    }

    const fn row_of_host(kind: ErrorKind) -> (&'static str, u8, &'static str) {
        match kind {
            ErrorKind::Definition => {
                ("definition", BAD_INPUT, "definitions or host settings have errors")
            }
            ErrorKind::Template => ("template", BAD_INPUT, "a template has an error"),
            ErrorKind::Compile => ("compile", BAD_INPUT, "a service does not compile"),
            ErrorKind::ForeignFile => (
                "foreign_file",
                BAD_INPUT,
                "a file that does not belong to conductor is in the way",
            ),
            ErrorKind::UpstreamTaken => {
                ("upstream_taken", BAD_INPUT, "an upstream is still in the file of another service")
            }
            ErrorKind::UndefinedService => {
                ("undefined_service", BAD_INPUT, "no definition has this id")
            }
            ErrorKind::UnknownService => {
                ("unknown_service", BAD_INPUT, "there is no such service on this host")
            }
            ErrorKind::UnknownJob => {
                ("unknown_job", BAD_INPUT, "there is no such job on this host")
            }
            ErrorKind::NoRollback => {
                ("no_rollback", BAD_INPUT, "there is no such release to go back to")
            }
            ErrorKind::Application => (
                "application",
                BAD_INPUT,
                "the command needs one process of an application, or all of them",
            ),
            ErrorKind::RedefinedService => (
                "redefined_service",
                BAD_INPUT,
                "the definition describes another release than the current one (`restart`)",
            ),
            ErrorKind::Offline => {
                ("offline", BAD_INPUT, "the command needs systemd, and `--root` has none")
            }
            ErrorKind::Locked => ("locked", LOCKED, "another conductor process changes the host"),
            ErrorKind::JobRuns => ("job_runs", FAILED, "the job is already running"),
            ErrorKind::JobRefused => ("job_refused", FAILED, "systemd does not start it"),
            ErrorKind::Timer => {
                ("timer", FAILED, "a timer on the host has an unknown calendar event or time zone")
            }
            ErrorKind::Pull => ("pull", NOT_RUN, "an image cannot be pulled (`run`)"),
            ErrorKind::Network => ("network", NOT_RUN, "a network cannot be made (`run`)"),
            ErrorKind::Pod => ("pod", NOT_RUN, "a pod cannot be made (`run`)"),
            ErrorKind::NotBegun => (
                "not_begun",
                NOT_RUN,
                "systemd did not run the command (`run`); the hint contains the end of the journal",
            ),
            ErrorKind::Ports => ("ports", FAILED, "no port in the range is free"),
            ErrorKind::NoProbe => {
                ("no_probe", FAILED, "`conductor-probe` is not at the path that units use")
            }
            ErrorKind::OldProbe => {
                ("old_probe", FAILED, "`conductor-probe` is older than conductor")
            }
            ErrorKind::UnsafeProbe => {
                ("unsafe_probe", FAILED, "users other than root can change `conductor-probe`")
            }
            ErrorKind::Install => (
                "install",
                BAD_INPUT,
                "the programs that are to be installed do not suit (`install`)",
            ),
            ErrorKind::Proxy => ("proxy", FAILED, "a proxy cannot be tested or reloaded"),
            ErrorKind::Systemd => {
                ("systemd", FAILED, "systemd does not answer, or is older than 252")
            }
            ErrorKind::File => ("file", FAILED, "an error of the file system"),
            // A test finds a kind that has no row.
            _ => Self::Internal.row(),
        }
    }

    /// Returns the name of the kind.
    pub(crate) const fn as_str(self) -> &'static str {
        self.row().0
    }

    /// Returns the exit status of a command that fails with it.
    pub(crate) const fn exit_status(self) -> u8 {
        self.row().1
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::fs;
    use std::path::Path;

    use conductor_host::CauseKind;

    use super::*;
    use crate::generated::assert_generated;

    /// The kinds in the order of the table. Errors of the output have no JSON form.
    const KINDS: [Kind; 38] = [
        Kind::Usage,
        Kind::Argument,
        Kind::Host(ErrorKind::Definition),
        Kind::Crontab,
        Kind::Import,
        Kind::Host(ErrorKind::Template),
        Kind::Host(ErrorKind::Compile),
        Kind::Host(ErrorKind::ForeignFile),
        Kind::Host(ErrorKind::UpstreamTaken),
        Kind::Host(ErrorKind::UndefinedService),
        Kind::Host(ErrorKind::UnknownService),
        Kind::Host(ErrorKind::UnknownJob),
        Kind::Host(ErrorKind::NoRollback),
        Kind::Host(ErrorKind::Application),
        Kind::Host(ErrorKind::RedefinedService),
        Kind::Host(ErrorKind::Offline),
        Kind::Environment,
        Kind::Host(ErrorKind::Locked),
        Kind::Host(ErrorKind::JobRuns),
        Kind::Host(ErrorKind::JobRefused),
        Kind::Host(ErrorKind::Timer),
        Kind::Host(ErrorKind::Pull),
        Kind::Host(ErrorKind::Network),
        Kind::Host(ErrorKind::Pod),
        Kind::Host(ErrorKind::NotBegun),
        Kind::Terminal,
        Kind::Signals,
        Kind::Host(ErrorKind::Ports),
        Kind::Host(ErrorKind::NoProbe),
        Kind::Host(ErrorKind::OldProbe),
        Kind::Host(ErrorKind::UnsafeProbe),
        Kind::Host(ErrorKind::Install),
        Kind::Host(ErrorKind::Proxy),
        Kind::Host(ErrorKind::Systemd),
        Kind::Host(ErrorKind::File),
        Kind::Program,
        Kind::Internal,
        Kind::Json,
    ];

    #[test]
    fn each_kind_of_the_library_has_a_row() {
        for kind in ErrorKind::ALL {
            let kind = Kind::Host(*kind);
            assert!(KINDS.contains(&kind) && kind.row() != Kind::Internal.row(), "{kind:?}");
        }
    }

    #[test]
    fn each_kind_of_a_failure_is_documented() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cli.md");
        // The package of this crate does not contain it.
        let Ok(document) = fs::read_to_string(path) else { return };
        let row = document.lines().find(|line| line.starts_with("| `kind` | the cause")).unwrap();
        for kind in CauseKind::KNOWN {
            assert!(row.contains(&format!("`{kind}`")), "{kind}");
        }
    }

    #[test]
    fn the_table_of_errors_is_generated() {
        let mut table = "| `kind` | exit status | |\n| --- | --- | --- |\n".to_owned();
        for (kind, status, meaning) in KINDS.map(Kind::row) {
            writeln!(table, "| `{kind}` | {status} | {meaning} |").unwrap();
        }
        assert_generated("cli.md", "errors", &table);
    }
}
