//! The container of a command, which an engine's client runs.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use probe_protocol::{Client, Run};

use super::command::Child;
use crate::docker::{Engine, EngineError};
use crate::print::{Whole, complain};

/// How long to wait before a signal is sent again that came too early.
const PAUSE: Duration = Duration::from_millis(50);

/// A container, and what it is still to be told.
///
/// An engine's client loses what comes between its own start and the container's: it neither dies of it nor
/// passes it on. And until the container's init has begun, the kernel or what makes the container takes it.
#[derive(Debug)]
pub(super) struct Container<'a> {
    made_by: MadeBy<'a>,
    /// Whether its init passes signals on.
    listens: bool,
    /// Signals that came before, oldest first.
    kept: Vec<Signal>,
    /// When to send them.
    next: Option<Instant>,
}

/// Who makes the container.
#[derive(Debug)]
pub(super) enum MadeBy<'a> {
    /// Docker, of which the container with this name can be asked. Its client passes some signals on and dies
    /// of others.
    Docker(&'a str, Engine),
    /// podman, which says in a file which process the first is. Its client passes signals on.
    Podman(&'a Path),
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
    /// Returns the container that a command makes, if it makes one.
    pub(super) fn of(options: &'a Run) -> Option<Self> {
        let made_by = match options.client.as_ref()? {
            Client::Docker(name) => MadeBy::Docker(name, Engine::new(&options.engine_socket)),
            Client::Podman(file) => MadeBy::Podman(file),
        };
        Some(Self { made_by, listens: false, kept: Vec::new(), next: None })
    }

    /// Returns its name and engine if that can be asked.
    pub(super) fn docker(&self) -> Option<(&'a str, &Engine)> {
        match &self.made_by {
            MadeBy::Docker(name, engine) => Some((name, engine)),
            MadeBy::Podman(_) => None,
        }
    }

    /// Sends a signal, now or as soon as the container listens.
    pub(super) fn signal(&mut self, signal: Signal, client: &Child) {
        let sent = self.send(signal, client).unwrap_or_else(|error| {
            complain(format_args!("{signal} is not passed on: {}", Whole(&error)));
            Sent::Absent
        });
        if sent != Sent::Taken {
            self.kept.push(signal);
            self.next = Instant::now().checked_add(PAUSE);
        }
        if sent == Sent::Absent {
            // It may die of it before it makes a container.
            client.deliver(signal);
        }
    }

    /// Returns when to [`look`](Self::look), if ever.
    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Sends what was kept if it is time to.
    pub(super) fn look(&mut self, client: &Child) {
        if self.next.is_none_or(|next| Instant::now() < next) {
            return;
        }
        // If the engine is gone for good, so is its client, and all of this ends.
        while let Some(&signal) = self.kept.first()
            && matches!(self.send(signal, client), Ok(Sent::Taken))
        {
            self.kept.remove(0);
        }
        self.next = if self.kept.is_empty() { None } else { Instant::now().checked_add(PAUSE) };
    }

    /// Returns the signal that ended the client before it made a container, whatever status it has for that.
    pub(super) fn ended_by(&self) -> Option<Signal> {
        match self.made_by {
            // Whether the container was there cannot be asked any more.
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

    /// Returns the container's first process, as the host sees it; 0 if there is none yet, and `None` if there
    /// is no container.
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

/// Returns whether a process has started another, as an init has before it passes signals on; true if that
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
