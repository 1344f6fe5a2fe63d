//! The operator in the demo, who types commands in the sandbox and reads their output.

use std::thread;
use std::time::{Duration, Instant};

use conductor_sandbox::Sandbox;

use crate::failure::{Failure, told};
use crate::screen::Screen;

/// How long to wait for a condition.
const DEADLINE: Duration = Duration::from_secs(15);

/// How often to check the condition.
const POLL: Duration = Duration::from_millis(5);

/// Types commands in the sandbox.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operator<'a> {
    sandbox: &'a Sandbox,
    pub(crate) screen: &'a Screen,
}

/// The output of a command, including standard error, and its exit status.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) status: Option<i32>,
}

impl<'a> Operator<'a> {
    pub(crate) fn new(sandbox: &'a Sandbox, screen: &'a Screen) -> Self {
        Self { sandbox, screen }
    }

    /// Types a command that must succeed, and shows its output.
    pub(crate) fn types(&self, line: &str) -> Result<String, Failure> {
        self.types_and_shows(line, |_| true)
    }

    /// Types a command that must succeed, and shows some lines of its output.
    pub(crate) fn types_and_shows(
        &self,
        line: &str,
        matters: impl FnMut(&&str) -> bool,
    ) -> Result<String, Failure> {
        self.screen.command(line)?;
        let answer = self.runs(line)?;
        let lines = answer.text.lines().count();
        let shown: Vec<&str> = answer.text.lines().filter(matters).collect();
        self.screen.output(shown.iter().copied())?;
        let trimmed = lines - shown.len();
        if trimmed > 0 {
            self.screen.remark(&format!("  ({trimmed} more lines are not shown)"))?;
        }
        told(answer.status == Some(0), || format!("`{line}` should succeed: {}", answer.text))?;
        Ok(answer.text)
    }

    /// Types a command that must fail with this exit status, and shows its output.
    pub(crate) fn is_refused(&self, line: &str, status: i32) -> Result<String, Failure> {
        self.screen.command(line)?;
        let answer = self.runs(line)?;
        self.screen.output(answer.text.lines())?;
        self.screen.remark(&format!("  (exit status {})", answer.status.unwrap_or(-1)))?;
        told(answer.status == Some(status), || {
            format!("`{line}` should end with exit status {status}")
        })?;
        Ok(answer.text)
    }

    /// Runs a command that must succeed without showing it, and returns its output.
    pub(crate) fn looks(&self, line: &str) -> Result<String, Failure> {
        let answer = self.runs(line)?;
        told(answer.status == Some(0), || format!("`{line}` should succeed: {}", answer.text))?;
        Ok(answer.text)
    }

    /// Runs a command without showing it.
    pub(crate) fn runs(&self, line: &str) -> Result<Answer, Failure> {
        let script = format!("exec 2>&1; {line}");
        let mut command = self.sandbox.command("sh");
        let output = command.args(["-c", &script]).output();
        let output = output.map_err(|source| Failure::Run { command: line.to_owned(), source })?;
        Ok(Answer {
            text: String::from_utf8_lossy(&output.stdout).trim_end().to_owned(),
            status: output.status.code(),
        })
    }
}

/// Waits until a function returns a value. Returns the value and how long that took.
pub(crate) fn wait_for<T>(
    what: &str,
    mut look: impl FnMut() -> Result<Option<T>, Failure>,
) -> Result<(T, Duration), Failure> {
    let began = Instant::now();
    loop {
        if let Some(seen) = look()? {
            return Ok((seen, began.elapsed()));
        }
        told(began.elapsed() < DEADLINE, || {
            format!("{what} should happen within {} s", DEADLINE.as_secs())
        })?;
        thread::sleep(POLL);
    }
}
