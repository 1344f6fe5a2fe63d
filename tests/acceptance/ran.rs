//! A program that has ended: its exit status and output.

use std::fmt;
use std::process::{Command, ExitStatus, Output};

use serde_json::Value;

/// How a program ended.
#[derive(Debug, Clone)]
pub(crate) struct Ran {
    /// `None` if a signal ended it.
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    command: String,
}

impl Ran {
    /// Runs a program.
    #[track_caller]
    pub(crate) fn new(command: &mut Command) -> Self {
        let output = command.output();
        let output = output.unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
        let Output { status, stdout, stderr } = output;
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
        Self::ended(&format!("{command:?}"), status, text(stdout), text(stderr))
    }

    /// Converts the output of a program that has ended.
    pub(crate) fn ended(command: &str, status: ExitStatus, stdout: String, stderr: String) -> Self {
        // Without the prefix that enters the sandbox, which ends with two dashes.
        let (_, command) = command.rsplit_once("\"--\" ").unwrap_or(("", command));
        Self { status: status.code(), stdout, stderr, command: command.to_owned() }
    }

    /// Asserts the exit status.
    #[track_caller]
    pub(crate) fn exits(self, status: i32) -> Self {
        assert_eq!(self.status, Some(status), "{self}");
        self
    }

    /// Asserts that standard output has a text.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "no {text:?} in the output\n{self}");
        self
    }

    /// Asserts that standard error has a text.
    #[track_caller]
    pub(crate) fn complains(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "no {text:?} in the errors\n{self}");
        self
    }

    /// Reads the last line of standard output as a JSON object; events come before it.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let last = self.stdout.lines().next_back().unwrap_or_default();
        serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}\n{self}"))
    }
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.command)?;
        match self.status {
            Some(status) => writeln!(f, "exit status: {status}")?,
            None => writeln!(f, "killed")?,
        }
        writeln!(f, "──── standard output\n{}", self.stdout)?;
        write!(f, "──── standard error\n{}", self.stderr)
    }
}
