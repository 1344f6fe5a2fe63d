//! Runs a program in the background of a test.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::ran::Ran;

/// A running program, and its output so far.
pub(crate) struct Background {
    child: Child,
    stdout: BufReader<ChildStdout>,
    seen: String,
    command: String,
}

impl Background {
    #[track_caller]
    pub(crate) fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, stdout, seen: String::new(), command: format!("{command:?}") }
    }

    /// Waits until its standard output has a line with a text.
    #[track_caller]
    pub(crate) fn until(&mut self, text: &str) {
        loop {
            let start = self.seen.len();
            let read = self.stdout.read_line(&mut self.seen).expect("output is UTF-8");
            if read == 0 {
                let mut errors = String::new();
                let stderr = self.child.stderr.as_mut().expect("it is piped");
                let _ = stderr.read_to_string(&mut errors);
                panic!("never said {text:?}:\n{}{errors}", self.seen);
            }
            if self.seen[start..].contains(text) {
                return;
            }
        }
    }

    /// Returns whether it has not ended.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Ran {
        self.stdout.read_to_string(&mut self.seen).expect("output is UTF-8");
        let output = self.child.wait_with_output().expect("it ends");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Ran::ended(&self.command, output.status, self.seen, stderr)
    }
}
