//! The container of a command, which Docker's client runs.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::size::Size;
use super::turn::Turn;
use crate::docker::{Engine, EngineError};
use crate::print::{Whole, complain};

/// How long to wait before a signal is sent again that came too early.
const PAUSE: Duration = Duration::from_millis(50);

/// A container, and what it is still to be told.
///
/// Docker's client loses what comes between its own start and the container's: it neither dies of it nor
/// passes it on. And until the container's init has begun, the kernel or what makes the container takes it.
#[derive(Debug)]
pub(super) struct Container<'a> {
    name: &'a str,
    engine: Engine,
    /// Whether its init passes signals on.
    listens: bool,
    /// Signals that came before, oldest first.
    kept: Vec<Signal>,
    /// When to send them.
    next: Option<Instant>,
}

/// What became of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    Taken,
    /// The container does not listen yet, or not any more.
    Early,
    /// There is no container.
    Absent,
}

impl<'a> Container<'a> {
    pub(super) fn new(name: &'a str, engine: Engine) -> Self {
        Self { name, engine, listens: false, kept: Vec::new(), next: None }
    }

    /// Sends a signal, now or as soon as the container listens; tells whether its client has to have it, too.
    pub(super) fn signal(&mut self, signal: Signal) -> bool {
        let sent = self.send(signal).unwrap_or_else(|error| {
            complain(format_args!("{signal} is not passed on: {}", Whole(&error)));
            Sent::Absent
        });
        if sent != Sent::Taken {
            self.kept.push(signal);
            self.next = Instant::now().checked_add(PAUSE);
        }
        // It may die of it before it makes a container.
        sent == Sent::Absent
    }

    /// Returns when to [`look`](Self::look), if ever.
    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Sends what was kept if it is time to.
    pub(super) fn look(&mut self) {
        if self.next.is_none_or(|next| Instant::now() < next) {
            return;
        }
        // If the engine is gone for good, so is its client, and all of this ends.
        while let Some(&signal) = self.kept.first()
            && matches!(self.send(signal), Ok(Sent::Taken))
        {
            self.kept.remove(0);
        }
        self.next = if self.kept.is_empty() { None } else { Instant::now().checked_add(PAUSE) };
    }

    fn send(&mut self, signal: Signal) -> Result<Sent, EngineError> {
        if !self.listens {
            match self.engine.inspect(self.name) {
                Ok(state) => self.listens = state.running && has_child(state.pid),
                Err(EngineError::Gone) => return Ok(Sent::Absent),
                Err(error) => return Err(error),
            }
            if !self.listens {
                return Ok(Sent::Early);
            }
        }
        match self.engine.kill(self.name, signal.as_str()) {
            Ok(()) => Ok(Sent::Taken),
            Err(error) if error.is_not_running() => Ok(Sent::Early),
            Err(error) => Err(error),
        }
    }

    /// Tells whether its turn to start is over.
    pub(super) fn has_had(&self, turn: &mut Turn) -> bool {
        turn.is_over(&self.engine, self.name)
    }

    /// Sets the size of its terminal if it is time to.
    pub(super) fn has_size(&self, size: &mut Size) {
        size.look(&self.engine, self.name);
    }
}

/// Tells whether a process has started another, as an init does before it passes signals on; also if that
/// cannot be seen.
fn has_child(process: i64) -> bool {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children"));
    children.map_or(true, |children| !children.is_empty())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn an_init_that_has_started_its_command_is_known() {
        let shell = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut child = command.spawn().unwrap();
            // It runs what it has to.
            let _ = child.stdout.as_mut().unwrap().read(&mut [0]).unwrap();
            let has = has_child(child.id().into());
            drop(child.stdin.take());
            child.wait().unwrap();
            has
        };
        assert!(!shell("echo; read line"));
        assert!(shell("(echo; read line); echo"));
        assert!(has_child(i32::MAX.into()));
    }
}
