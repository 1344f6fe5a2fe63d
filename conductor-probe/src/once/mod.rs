//! `run`: a command with the input and output of whoever waits for it, at the other end of a socket.
//!
//! The connection is also a leash: what comes on it are signals for the command, and when it ends, so
//! does the command. So nothing is left behind when the one who waits is killed.

mod command;
mod container;
mod ended;
mod init;
mod leash;
mod size;
mod turn;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use nix::sys::signal::Signal;
use probe_protocol::Run;
use rustix::event::{PollFd, PollFlags};

pub(crate) use self::command::{BECOME, become_command};
pub(crate) use self::ended::report;
pub(crate) use self::init::{INIT, init};

use self::command::Child;
use self::container::Container;
use self::leash::{Ends, Leash, Word};
use self::size::Size;
use self::turn::Turn;
use crate::check::socket::wait_until;
use crate::docker;
use crate::itself::ItselfError;
use crate::signals::{SignalError, Signals};

/// Why a command does not run, or not any more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum OnceError {
    #[error("cannot get what it is to run with from {}", socket.display())]
    Leash { socket: PathBuf, source: io::Error },
    #[error("cannot wait for a turn in {}", directory.display())]
    Turn { directory: PathBuf, source: io::Error },
    #[error(transparent)]
    Signals(#[from] SignalError),
    #[error(transparent)]
    Itself(#[from] ItselfError),
    #[error("cannot start the command")]
    Start(#[source] io::Error),
    #[error("cannot wait for the command")]
    Wait(#[source] io::Error),
}

/// Runs the command and gives its exit status, as a shell has it.
pub(crate) fn run(options: &Run, program: &[OsString]) -> Result<u8, OnceError> {
    let no_leash = |source| OnceError::Leash { socket: options.socket.clone(), source };
    let (leash, ends) = Leash::take(&options.socket).map_err(no_leash)?;
    let signals = Signals::keep(&docker::SIGNALS)?;
    let container = Container::of(options);
    let engine = container.as_ref().and_then(Container::docker);
    let engine = engine.map(|(name, engine)| (name, engine.clone()));
    let mut turn = None;
    if engine.is_some() {
        let directory = options.socket.parent().unwrap_or(Path::new("/"));
        match Turn::wait(directory, &signals, &leash)? {
            Ok(its) => turn = Some(its),
            Err(signal) => return Ok(command::death_by(signal)),
        }
    }
    let mut size = match (&ends, &engine) {
        (Ends::Terminal(terminal), Some(_)) => {
            Some(Size::new(terminal.try_clone().map_err(OnceError::Start)?))
        }
        _ => None,
    };
    let has_terminal = matches!(ends, Ends::Terminal(_));
    let mut command = Running { child: Child::spawn(program, ends)?, container };
    let mut leash = Some(leash);
    let mut deadline = None;
    loop {
        let mut watched = vec![PollFd::new(&signals, PollFlags::IN)];
        watched.extend(leash.as_ref().map(|leash| PollFd::new(leash, PollFlags::IN)));
        let until = deadline.into_iter().chain(turn.as_ref().map(Turn::look));
        let until = until.chain(size.as_ref().and_then(Size::next));
        let until = until.chain(command.container.as_ref().and_then(Container::next)).min();
        let in_time = wait_until(&mut watched, until);
        let in_time = in_time.map_err(|errno| OnceError::Wait(errno.into()))?;
        if !in_time && deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            // systemd kills what is left in the unit.
            return Ok(command::death_by(Signal::SIGTERM));
        }
        if let Some((name, engine)) = &engine {
            turn.take_if(|turn| turn.is_over(engine, name));
            if let Some(size) = &mut size {
                size.look(engine, name);
            }
        }
        if let Some(container) = &mut command.container {
            container.look(&command.child);
        }
        for signal in signals.pending()? {
            match signal {
                Signal::SIGCHLD => {
                    if let Some(status) = command.child.ended().map_err(OnceError::Wait)? {
                        let signal = command.container.as_ref().and_then(Container::ended_by);
                        return Ok(signal.map_or(status, command::death_by));
                    }
                }
                signal => command.deliver(signal),
            }
        }
        // Also if it was not waited for: an engine that is slow makes every wait late.
        match leash.as_ref().map(Leash::hear) {
            // The kernel tells whoever has the terminal itself.
            Some(Word::Signal(Signal::SIGWINCH)) if has_terminal => {
                size.iter_mut().for_each(Size::changed);
            }
            Some(Word::Signal(signal)) => command.deliver(signal),
            Some(Word::End) => {
                leash = None;
                command.deliver(Signal::SIGTERM);
                deadline = Instant::now().checked_add(options.stop_timeout);
            }
            Some(Word::Nothing) | None => {}
        }
    }
}

/// A command that runs, here or in a container.
struct Running<'a> {
    child: Child,
    container: Option<Container<'a>>,
}

impl Running<'_> {
    /// Delivers a signal.
    fn deliver(&mut self, signal: Signal) {
        match &mut self.container {
            Some(container) => container.signal(signal, &self.child),
            None => self.child.deliver(signal),
        }
    }
}
