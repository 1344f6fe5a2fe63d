//! The names of environment variables, without those that systemd sets.

use crate::error::{Invalid, shown};
use crate::text::{Numbers, text_type};

text_type!(
    /// The name of an environment variable: of the portable set (environ(7)), or with dots, which only containers
    /// have.
    EnvName,
    check,
    pattern(),
    numbers: Numbers::Refused,
    "The name of an environment variable, other than those that systemd sets."
);

impl EnvName {
    /// Returns whether only a container can have it: systemd ignores assignments of such names (systemd.exec(5),
    /// `Environment=`).
    pub fn is_of_containers(&self) -> bool {
        self.as_str().contains('.')
    }
}

/// The longest name. A key of a YAML mapping has at most 1024 characters.
const LONGEST: usize = 255;

/// The variables that systemd sets for the processes of a unit (systemd.exec(5), "Environment Variables Set
/// or Propagated by the Service Manager"). `Environment=` would override them, also in the other commands of
/// the unit, some of which run as root.
///
/// Not in the list: those that a service may set (`PATH`, `HOME`, `USER`, `LOGNAME`, `SHELL`, `LANG`, `TERM`,
/// `XDG_RUNTIME_DIR`), and those that systemd does not set in units of this kind (`REMOTE_ADDR`,
/// `REMOTE_PORT`, `PIDFILE`, `LOG_NAMESPACE`), which programs use for other purposes.
const SYSTEMD: [&str; 36] = [
    "CACHE_DIRECTORY",
    "CONFIGURATION_DIRECTORY",
    "CREDENTIALS_DIRECTORY",
    "DEBUG_INVOCATION",
    "EXIT_CODE",
    "EXIT_STATUS",
    "FDSTORE",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "LISTEN_FDNAMES",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_PIDFDID",
    "LOGS_DIRECTORY",
    "MAINPID",
    "MAINPIDFDID",
    "MANAGERPID",
    "MANAGERPIDFDID",
    "MEMORY_PRESSURE_WATCH",
    "MEMORY_PRESSURE_WRITE",
    "MONITOR_EXIT_CODE",
    "MONITOR_EXIT_STATUS",
    "MONITOR_INVOCATION_ID",
    "MONITOR_SERVICE_RESULT",
    "MONITOR_UNIT",
    "NOTIFY_SOCKET",
    "RUNTIME_DIRECTORY",
    "SERVICE_RESULT",
    "STATE_DIRECTORY",
    "SYSTEMD_EXEC_PID",
    "TRIGGER_PATH",
    "TRIGGER_TIMER_MONOTONIC_USEC",
    "TRIGGER_TIMER_REALTIME_USEC",
    "TRIGGER_UNIT",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
];

fn pattern() -> String {
    format!("^(?!({})$)[A-Za-z_][A-Za-z0-9_.]{{0,{}}}$", SYSTEMD.join("|"), LONGEST - 1)
}

fn check(text: &str) -> Result<(), Invalid> {
    let first = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !first || !text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.".contains(&b)) {
        return Err(Invalid::new(format!(
            "{} is not the name of an environment variable",
            shown(text)
        ))
        .hint("use letters, digits and _, in containers also dots, not beginning with a digit"));
    }
    if text.len() > LONGEST {
        let message = format!("{} is longer than {LONGEST} characters", shown(text));
        return Err(Invalid::new(message).hint("give the variable a shorter name"));
    }
    if SYSTEMD.contains(&text) {
        return Err(Invalid::new(format!("{text} is set by systemd"))
            .hint("systemd sets it for the processes of a unit; give the variable another name"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_narrow() {
        assert!("discovery.type".parse::<EnvName>().unwrap().is_of_containers());
        for bad in ["", ".a", "1A", "A-B", "A B", "A=B", "A\n", "Ä"] {
            assert!(bad.parse::<EnvName>().is_err(), "{bad:?}");
        }
        assert!("A".repeat(LONGEST).parse::<EnvName>().is_ok());
        assert!("A".repeat(LONGEST + 1).parse::<EnvName>().is_err());
    }

    #[test]
    fn what_systemd_says_is_not_said_by_a_definition() {
        for name in SYSTEMD {
            let error = name.parse::<EnvName>().unwrap_err();
            assert_eq!(error.message, format!("{name} is set by systemd"));
        }
        for name in
            ["PATH", "HOME", "USER", "LANG", "TERM", "TZ", "REMOTE_ADDR", "PIDFILE", "MONITOR_URL"]
        {
            assert!(name.parse::<EnvName>().is_ok(), "{name}");
        }
    }
}
