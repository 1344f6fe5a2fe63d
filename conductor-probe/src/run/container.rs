//! The container of a command, which an engine's client starts.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use probe_protocol::{Client, Run};

use super::command::Child;
use crate::docker::{Engine, EngineError};
use crate::print::{Whole, complain};

/// The wait before a signal that came too early is sent again.
const PAUSE: Duration = Duration::from_millis(50);

/// A container, and the signals that it has not got yet.
///
/// An engine's client loses signals between its own start and that of the container: they neither end it nor
/// are passed on. And until the container's init runs, the kernel or the runtime drops them.
#[derive(Debug)]
pub(super) struct Container<'a> {
    made_by: MadeBy<'a>,
    /// Whether its init passes signals on.
    listens: bool,
    /// Signals that came earlier, oldest first.
    kept: Vec<Signal>,
    /// When to send them.
    next: Option<Instant>,
}

/// The engine that creates the container.
#[derive(Debug)]
pub(super) enum MadeBy<'a> {
    /// Docker, which has the state of the container with this name. Its client passes some signals on, and is
    /// ended
    /// by others.
    Docker(&'a str, Engine),
    /// podman, which writes the PID of the first process to a file. Its client passes signals on.
    Podman(&'a Path),
}

/// Why a signal was not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    Taken,
    /// The container does not accept signals yet, or not any more.
    Early,
    /// The container does not exist.
    Absent,
}

impl<'a> Container<'a> {
    /// Returns the container that a command creates, if it creates one.
    pub(super) fn of(options: &'a Run) -> Option<Self> {
        let made_by = match options.client.as_ref()? {
            Client::Docker(name) => MadeBy::Docker(name, Engine::new(&options.engine_socket)),
            Client::Podman(file) => MadeBy::Podman(file),
        };
        Some(Self { made_by, listens: false, kept: Vec::new(), next: None })
    }

    /// Returns its name and the engine, for Docker.
    pub(super) fn docker(&self) -> Option<(&'a str, &Engine)> {
        match &self.made_by {
            MadeBy::Docker(name, engine) => Some((name, engine)),
            MadeBy::Podman(_) => None,
        }
    }

    /// Sends a signal, now or as soon as the container accepts it.
    pub(super) fn signal(&mut self, signal: Signal, client: &Child) {
        let sent = self.send(signal, client).unwrap_or_else(|error| {
            complain(format_args!("cannot pass on {signal}: {}", Whole(&error)));
            Sent::Absent
        });
        if sent != Sent::Taken {
            self.kept.push(signal);
            self.next = Instant::now().checked_add(PAUSE);
        }
        if sent == Sent::Absent {
            // The signal may end it before it creates a container.
            client.deliver(signal);
        }
    }

    /// Returns when to [`look`](Self::look), if ever.
    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Sends the pending signals, if it is time.
    pub(super) fn look(&mut self, client: &Child) {
        if self.next.is_none_or(|next| Instant::now() < next) {
            return;
        }
        // If the engine stays unreachable, its client ends, and so does this process.
        while let Some(&signal) = self.kept.first()
            && matches!(self.send(signal, client), Ok(Sent::Taken))
        {
            self.kept.remove(0);
        }
        self.next = if self.kept.is_empty() { None } else { Instant::now().checked_add(PAUSE) };
    }

    /// Returns the signal that ended the client before it created a container, whatever its exit status.
    pub(super) fn ended_by(&self) -> Option<Signal> {
        match self.made_by {
            // The container may have existed, but is already removed.
            MadeBy::Docker(..) => None,
            MadeBy::Podman(file) => self.kept.first().copied().filter(|_| !file.exists()),
        }
    }

    fn send(&mut self, signal: Signal, client: &Child) -> Result<Sent, EngineError> {
        if !self.listens {
            let Some(first) = self.first_process()? else { return Ok(Sent::Absent) };
            self.listens = first != 0 && has_child(first);
            if !self.listens {
                return Ok(Sent::Early);
            }
        }
        match &self.made_by {
            MadeBy::Docker(name, engine) => match engine.kill(name, signal.as_str()) {
                Ok(()) => Ok(Sent::Taken),
                Err(error) if error.is_not_running() => Ok(Sent::Early),
                Err(error) => Err(error),
            },
            MadeBy::Podman(_) => {
                client.deliver(signal);
                Ok(Sent::Taken)
            }
        }
    }

    /// Returns the PID of the container's first process on the host; 0 if there is none yet, and `None` if the
    /// container does not exist.
    fn first_process(&self) -> Result<Option<i64>, EngineError> {
        match &self.made_by {
            MadeBy::Docker(name, engine) => match engine.inspect(name) {
                Ok(state) => Ok(Some(state.pid)),
                Err(EngineError::Gone) => Ok(None),
                Err(error) => Err(error),
            },
            MadeBy::Podman(file) => {
                let id = fs::read_to_string(file).ok();
                Ok(id.map(|id| id.trim().parse().unwrap_or_default()))
            }
        }
    }
}

/// Returns whether a process has a child, as an init has before it passes signals on; true if that is
/// unknown.
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
            // The script runs once it has written.
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
