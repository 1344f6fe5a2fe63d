//! `run`: runs a command with the input and output of the process at the other end of a socket.
//!
//! Later, the connection carries signals for the command. When it ends, the command is stopped, so that nothing
//! is left running if the process that waits is killed. [`collect`] runs a command without such a process.

mod collect;
mod command;
mod connection;
mod container;
mod ended;
mod init;
mod size;
mod slot;
mod streams;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use probe_protocol::{Client, Run};
use rustix::event::{PollFd, PollFlags};

pub(crate) use self::collect::{PASS_ON, collect, pass_on};
pub(crate) use self::command::{BECOME, become_command};
pub(crate) use self::ended::report;
pub(crate) use self::init::{INIT, init};

use self::command::Child;
use self::connection::{Connection, InputOutput, Message};
use self::container::Container;
use self::size::Size;
use self::slot::Slot;
use self::streams::OutputCopy;
use crate::check::socket::wait_until;
use crate::docker;
use crate::itself::ItselfError;
use crate::signals::{SignalError, Signals};

/// How long it may take to copy the last output of a command after conductor has closed the connection.
const LAST_OUTPUT: Duration = Duration::from_secs(1);

/// Why a command does not run, or stopped running.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum RunError {
    #[error("cannot receive the command's input and output from {}", socket.display())]
    Connection { socket: PathBuf, source: io::Error },
    #[error("cannot wait for a slot in {}", directory.display())]
    Slot { directory: PathBuf, source: io::Error },
    #[error(transparent)]
    Signals(#[from] SignalError),
    #[error(transparent)]
    Itself(#[from] ItselfError),
    #[error("cannot start the command")]
    Start(#[source] io::Error),
    #[error("cannot wait for the command")]
    Wait(#[source] io::Error),
}

/// Runs the command, and returns its exit status in the convention of shells.
pub(crate) fn run(options: &Run, program: &[OsString]) -> Result<u8, RunError> {
    let no_leash = |source| RunError::Connection { socket: options.socket.clone(), source };
    let (connection, mut ends) = Connection::take(&options.socket).map_err(no_leash)?;
    let signals = Signals::keep(&docker::SIGNALS)?;
    let container = Container::of(options);
    let engine = container.as_ref().and_then(Container::docker);
    let engine = engine.map(|(name, engine)| (name, engine.clone()));
    let mut turn = None;
    if engine.is_some() {
        let directory = options.socket.parent().unwrap_or(Path::new("/"));
        match Slot::wait(directory, &signals, &connection)? {
            Ok(its) => turn = Some(its),
            Err(signal) => return Ok(command::death_by(signal)),
        }
    }
    let mut size = match (&ends, &engine) {
        (InputOutput::Terminal(terminal), Some(_)) => {
            Some(Size::new(terminal.try_clone().map_err(RunError::Start)?))
        }
        _ => None,
    };
    let mut copies = Vec::new();
    if let (Some(Client::Podman(_)), InputOutput::Streams(streams)) = (&options.client, &mut ends) {
        copies = streams::replace(streams).map_err(RunError::Start)?;
    }
    let has_terminal = matches!(ends, InputOutput::Terminal(_));
    let mut command = RunningCommand { child: Child::spawn(program, ends)?, container };
    let mut connection = Some(connection);
    let mut deadline = None;
    loop {
        let mut watched = vec![PollFd::new(&signals, PollFlags::IN)];
        watched
            .extend(connection.as_ref().map(|connection| PollFd::new(connection, PollFlags::IN)));
        let until = deadline.into_iter().chain(turn.as_ref().map(Slot::look));
        let until = until.chain(size.as_ref().and_then(Size::next));
        let until = until.chain(command.container.as_ref().and_then(Container::next)).min();
        let in_time = wait_until(&mut watched, until);
        let in_time = in_time.map_err(|errno| RunError::Wait(errno.into()))?;
        if !in_time && deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            // systemd kills the remaining processes of the unit.
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
                    if let Some(status) = command.child.ended().map_err(RunError::Wait)? {
                        let signal = command.container.as_ref().and_then(Container::ended_by);
                        let status = signal.map_or(status, command::death_by);
                        let all = finish(copies, &signals, connection.as_ref())?;
                        return Ok(if all || status != 0 { status } else { crate::FAILED });
                    }
                }
                signal => command.deliver(signal),
            }
        }
        // Also without waiting: a slow engine delays every wait.
        match connection.as_ref().map(Connection::hear) {
            // The kernel sends it to a command that has the terminal itself.
            Some(Message::Signal(Signal::SIGWINCH)) if has_terminal => {
                size.iter_mut().for_each(Size::changed);
            }
            Some(Message::Signal(signal)) => command.deliver(signal),
            Some(Message::End) => {
                connection = None;
                command.deliver(Signal::SIGTERM);
                deadline = Instant::now().checked_add(options.stop_timeout);
            }
            Some(Message::Nothing) | None => {}
        }
    }
}

/// Waits until the output of a command is copied, or conductor closes the connection, and returns whether all
/// was written.
fn finish(
    copies: Vec<OutputCopy>,
    signals: &Signals,
    connection: Option<&Connection>,
) -> Result<bool, RunError> {
    copies.iter().for_each(OutputCopy::finish);
    let deadline = Instant::now().checked_add(LAST_OUTPUT).filter(|_| connection.is_none());
    let mut all = true;
    for copy in copies {
        loop {
            let mut watched =
                vec![PollFd::new(&copy, PollFlags::IN), PollFd::new(signals, PollFlags::IN)];
            watched.extend(connection.map(|connection| PollFd::new(connection, PollFlags::IN)));
            let in_time = wait_until(&mut watched, deadline);
            if !in_time.map_err(|errno| RunError::Wait(errno.into()))? {
                return Ok(false);
            }
            if !watched[0].revents().is_empty() {
                all &= copy.join();
                break;
            }
            let is_told = signals.pending()?.contains(&Signal::SIGTERM);
            if is_told || connection.is_some_and(|connection| connection.hear() == Message::End) {
                return Ok(false);
            }
        }
    }
    Ok(all)
}

/// A running command, here or in a container.
struct RunningCommand<'a> {
    child: Child,
    container: Option<Container<'a>>,
}

impl RunningCommand<'_> {
    /// Sends a signal to the command.
    fn deliver(&mut self, signal: Signal) {
        match &mut self.container {
            Some(container) => container.signal(signal, &self.child),
            None => self.child.deliver(signal),
        }
    }
}
