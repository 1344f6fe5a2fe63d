//! The first process of a container, in whose place podman runs `catatonit`: that one answers 1 for a
//! command that is not there, where a shell and docker answer 127.
//!
//! It starts the command, passes signals on, and waits for whatever else ends in the container.

use std::ffi::OsString;
use std::io;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use rustix::event::{PollFd, PollFlags};

use super::RunError;
use super::command::{Child, death_by};
use crate::check::socket::wait_until;
use crate::docker;
use crate::signals::Signals;

/// The first word, which podman puts before the command.
pub(crate) const INIT: &str = "--";

/// Runs a command and gives its exit status, as a shell has it.
pub(crate) fn init(words: impl Iterator<Item = OsString>) -> Result<u8, RunError> {
    let signals = Signals::keep(&docker::SIGNALS)?;
    let child = Child::spawn_in_group(&words.collect::<Vec<_>>())?;
    loop {
        let mut watched = [PollFd::new(&signals, PollFlags::IN)];
        wait_until(&mut watched, None).map_err(|errno| RunError::Wait(errno.into()))?;
        for signal in signals.pending()? {
            match signal {
                Signal::SIGCHLD => {
                    if let Some(status) = reap(child.id()).map_err(RunError::Wait)? {
                        return Ok(status);
                    }
                }
                signal => child.deliver(signal),
            }
        }
    }
}

/// Waits for everything that has ended, and gives the exit status of the command if that is among it.
fn reap(command: u32) -> io::Result<Option<u8>> {
    loop {
        let (id, status) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(id, status)) => (id, u8::try_from(status).unwrap_or(u8::MAX)),
            Ok(WaitStatus::Signaled(id, signal, _)) => (id, death_by(signal)),
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return Ok(None),
            Ok(_) => continue,
            Err(errno) => return Err(errno.into()),
        };
        if u32::try_from(id.as_raw()) == Ok(command) {
            return Ok(Some(status));
        }
    }
}
