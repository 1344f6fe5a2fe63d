//! The signal that asks a program to end.

use std::fmt;
use std::str::FromStr;

use crate::error::{Invalid, shown};
use crate::text::{Numbers, written_as_text};

/// The names in signal(7) with which a program can be asked to end, without `SIG`. Real-time signals are written
/// relative to the first or the last one: `RTMIN+3`.
const NAMES: [&str; 15] = [
    "ABRT", "ALRM", "CONT", "HUP", "INT", "IO", "KILL", "PIPE", "PWR", "QUIT", "TERM", "USR1",
    "USR2", "WINCH", "XCPU",
];

/// How many real-time signals programs may use.
const REAL_TIME: u8 = 30;

/// A signal by its name, such as `SIGQUIT` or `SIGRTMIN+3`. It is read with or without `SIG`, and written with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signal(String);

impl Signal {
    /// Returns the name with `SIG`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Signal {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let name = text.strip_prefix("SIG").unwrap_or(text);
        let offset = name.strip_prefix("RTMIN+").or_else(|| name.strip_prefix("RTMAX-"));
        let is_real_time = match offset {
            Some(offset) => {
                !offset.starts_with(['0', '+'])
                    && offset.parse().is_ok_and(|it: u8| it <= REAL_TIME)
            }
            None => name == "RTMIN" || name == "RTMAX",
        };
        match is_real_time || NAMES.contains(&name) {
            true => Ok(Self(format!("SIG{name}"))),
            false => Err(Invalid::new(format!("{} is not a signal", shown(text)))
                .hint("write a name from signal(7), such as SIGTERM, SIGQUIT or SIGRTMIN+3")),
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

written_as_text!(
    Signal,
    format!("^(SIG)?({}|RTM(IN|AX)|RTM(IN\\+|AX-)([1-9]|[12][0-9]|30))$", NAMES.join("|")),
    numbers: Numbers::Refused,
    "A signal by its name, with or without SIG: SIGQUIT, SIGRTMIN+3."
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_are_read_and_printed() {
        for (text, printed) in [
            ("SIGTERM", "SIGTERM"),
            ("QUIT", "SIGQUIT"),
            ("RTMIN+3", "SIGRTMIN+3"),
            ("SIGRTMAX-2", "SIGRTMAX-2"),
        ] {
            assert_eq!(text.parse::<Signal>().unwrap().to_string(), printed);
        }
        for bad in ["", "term", "15", "SIGSIGTERM", "RTMIN+", "RTMIN+31", "RTMIN+03", "SIG TERM"] {
            assert!(bad.parse::<Signal>().is_err(), "{bad:?}");
        }
    }
}
