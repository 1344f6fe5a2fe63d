//! Signals that this process blocks, to pass them on.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// Why signals cannot be received.
#[derive(Debug, thiserror::Error)]
#[error("cannot receive signals")]
pub(crate) struct SignalError(#[source] io::Error);

/// Blocked signals, which are read one by one.
#[derive(Debug)]
pub(crate) struct Signals(SignalFd);

impl Signals {
    /// Blocks these signals and SIGCHLD from now on.
    pub(crate) fn keep(passed_on: &[Signal]) -> Result<Self, SignalError> {
        let mut signals: SigSet = passed_on.iter().copied().collect();
        signals.add(Signal::SIGCHLD);
        let keep = || {
            signals.thread_block()?;
            SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
        };
        keep().map(Self).map_err(|errno| SignalError(errno.into()))
    }

    /// Returns the signals that have arrived.
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
