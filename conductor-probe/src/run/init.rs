//! The first process of a container, instead of podman's `catatonit`: that exits with 1 for a missing command,
//! where a shell and docker exit with 127.
//!
//! It starts the command, passes signals on, and reaps the other processes of the container.

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

/// The first argument, which podman adds before the command.
pub(crate) const INIT: &str = "--";

/// Runs a command, and returns its exit status in the convention of shells.
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

/// Reaps all processes that have ended, and returns the exit status of the command if it is one of them.
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
