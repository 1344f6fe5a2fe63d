//! Supervises the process of a service: passes signals on to it, and exits as it exits.
//!
//! This process is the main process of the unit, and the service is its child. So only this process can notify
//! systemd for the unit (`NotifyAccess=main`, systemd.service(5)): not the service, which an attacker may
//! control, and not a process in a container.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use nix::sys::signal::Signal;
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::process::{
    DumpableBehavior, Pid, WaitOptions, WaitStatus, kill_process, set_dumpable_behavior, waitpid,
};

use crate::check::socket::wait_until;
use crate::container::Container;
use crate::signals::{SignalError, Signals};
use crate::watch::Prober;

/// The signals that are passed on: all except those for errors of the process itself (SIGSEGV, SIGPIPE, ...),
/// those that cannot be blocked (SIGKILL, SIGSTOP), and real-time signals.
pub(crate) const SIGNALS: [Signal; 14] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGABRT,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGALRM,
    Signal::SIGTERM,
    Signal::SIGCONT,
    Signal::SIGURG,
    Signal::SIGVTALRM,
    Signal::SIGPROF,
    Signal::SIGWINCH,
    Signal::SIGIO,
];

/// Why the end of the service is unknown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum SuperviseError {
    #[error(transparent)]
    Signals(#[from] SignalError),
    #[error("cannot wait for the service")]
    Wait(#[source] io::Error),
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It exited, with this status.
    Exited(u8),
    /// A signal with this number ended it.
    Killed(i32),
}

impl End {
    /// Ends this process in the same way, as far as it can, or returns the exit status for it.
    pub(crate) fn repeat(self) -> u8 {
        match self {
            Self::Exited(status) => status,
            Self::Killed(signal) => {
                // It returns only for a signal that does not end a process by default.
                let _ = signal_hook::low_level::emulate_default_handler(signal);
                u8::try_from(128 + signal).unwrap_or(u8::MAX)
            }
        }
    }
}

impl From<ExitStatus> for End {
    fn from(status: ExitStatus) -> Self {
        let code = status.code().and_then(|code| u8::try_from(code).ok());
        match status.signal() {
            Some(signal) => Self::Killed(signal),
            None => Self::Exited(code.unwrap_or(u8::MAX)),
        }
    }
}

impl From<WaitStatus> for End {
    fn from(status: WaitStatus) -> Self {
        ExitStatus::from_raw(status.as_raw()).into()
    }
}

/// Prevents the service, which has the same user, from reading or changing this process (ptrace(2)).
pub(crate) fn close_to_others() {
    // It fails on no supported kernel.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// Waits for the end of a child, which may be the monitor of a container that gets the signals. After the signal `stop`, the unit is being stopped, and results of checks do not
/// count any more.
pub(crate) fn supervise(
    process: Pid,
    container: Option<&Container>,
    signals: &Signals,
    stop: Signal,
    prober: &Prober,
) -> Result<End, SuperviseError> {
    loop {
        if let Some(end) = ended(process)? {
            return Ok(end);
        }
        let mut watched = [PollFd::new(signals, PollFlags::IN)];
        wait_until(&mut watched, None).map_err(|errno| SuperviseError::Wait(errno.into()))?;
        for signal in signals.pending()? {
            if signal == stop {
                prober.hush();
            }
            if signal != Signal::SIGCHLD {
                deliver(process, container, signal);
            }
        }
    }
}

/// Returns how a child ended, if it has.
fn ended(process: Pid) -> Result<Option<End>, SuperviseError> {
    match waitpid(Some(process), WaitOptions::NOHANG) {
        Ok(ended) => Ok(ended.map(|(_, status)| status.into())),
        Err(Errno::INTR) => Ok(None),
        Err(errno) => Err(SuperviseError::Wait(errno.into())),
    }
}

/// Sends a signal to a container, or else to a process, which has not been reaped yet, so that its PID is its own.
fn deliver(process: Pid, container: Option<&Container>, signal: Signal) {
    let Some(signal) = rustix::process::Signal::from_named_raw(signal as i32) else { return };
    match container {
        Some(container) => container.deliver(signal),
        // A process that has ended needs no signal.
        None => drop(kill_process(process, signal)),
    }
}
