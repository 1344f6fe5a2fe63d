//! Signals that a process keeps, to pass them on.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// Why signals cannot be kept.
#[derive(Debug, thiserror::Error)]
#[error("cannot keep signals")]
pub(crate) struct SignalError(#[source] io::Error);

/// Signals that are looked at when there is time.
#[derive(Debug)]
pub(crate) struct Signals(SignalFd);

impl Signals {
    /// Keeps these signals, and the end of children, from now on.
    pub(crate) fn keep(passed_on: &[Signal]) -> Result<Self, SignalError> {
        let mut signals: SigSet = passed_on.iter().copied().collect();
        signals.add(Signal::SIGCHLD);
        let keep = || {
            signals.thread_block()?;
            SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
        };
        keep().map(Self).map_err(|errno| SignalError(errno.into()))
    }

    /// Returns those that have come.
    pub(crate) fn pending(&self) -> Result<Vec<Signal>, SignalError> {
        let mut pending = Vec::new();
        while let Some(info) = self.0.read_signal().map_err(|errno| SignalError(errno.into()))? {
            let number = i32::try_from(info.ssi_signo).unwrap_or_default();
            pending.extend(Signal::try_from(number).ok());
        }
        Ok(pending)
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
