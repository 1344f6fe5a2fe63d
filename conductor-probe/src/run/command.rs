//! A command as a child process: its start, its signals and its end.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitStatus, Stdio};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;
use rustix::process::{ioctl_tiocsctty, setsid};

use super::RunError;
use super::connection::InputOutput;
use crate::itself::itself;
use crate::print::{complain, reason};
use crate::status;

/// The first word of the command line of a process that becomes a command. The rest is the command, and is
/// not parsed.
pub(crate) const BECOME: &str = "become-command";
/// The second word: the kind of process that it becomes first.
const SESSION: &str = "session";
const TERMINAL: &str = "terminal";
const GROUP: &str = "group";

/// A running command, which leads a process group.
#[derive(Debug)]
pub(super) struct Child(std::process::Child);

impl Child {
    /// Starts a command in its own session.
    pub(super) fn spawn(words: &[OsString], ends: InputOutput) -> Result<Self, RunError> {
        let mut command = Command::new(itself()?);
        command.arg(BECOME);
        match ends {
            InputOutput::Terminal(terminal) => {
                let copy = || terminal.try_clone().map_err(RunError::Start);
                command.arg(TERMINAL).stdin(copy()?).stdout(copy()?).stderr(terminal);
            }
            InputOutput::Streams([input, output, error]) => {
                let stdio =
                    |stream: Option<OwnedFd>| stream.map_or_else(Stdio::inherit, Stdio::from);
                command.arg(SESSION).stdin(stdio(input)).stdout(stdio(output)).stderr(stdio(error));
            }
        }
        command.args(words).spawn().map(Self).map_err(RunError::Start)
    }

    /// Starts a command in its own process group, in the foreground of the terminal, if there is one.
    pub(super) fn spawn_in_group(words: &[OsString]) -> Result<Self, RunError> {
        let mut command = Command::new(itself()?);
        command.args([BECOME, GROUP]).args(words).process_group(0);
        command.spawn().map(Self).map_err(RunError::Start)
    }

    /// Sends a signal: those that a terminal sends for a key go to the whole process group, others to the
    /// command.
    pub(super) fn deliver(&self, signal: Signal) {
        let Ok(id) = i32::try_from(self.0.id()) else { return };
        let for_all = matches!(signal, Signal::SIGINT | Signal::SIGQUIT);
        if for_all && kill(Pid::from_raw(-id), signal) != Err(Errno::ESRCH) {
            return;
        }
        // Also to a process that does not lead a group yet, and blocks signals until it does. One that has
        // ended needs none.
        let _ = kill(Pid::from_raw(id), signal);
    }

    /// Returns the PID.
    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Returns the exit status in the convention of shells, if the command has ended.
    pub(super) fn ended(&mut self) -> io::Result<Option<u8>> {
        Ok(self.end()?.map(status::of_end))
    }

    /// Returns how the command ended, if it has.
    pub(super) fn end(&mut self) -> io::Result<Option<ExitStatus>> {
        self.0.try_wait()
    }
}

/// Returns a shell's exit status for a command that a signal ended.
pub(super) fn death_by(signal: Signal) -> u8 {
    u8::try_from(128 + signal as i32).unwrap_or(u8::MAX)
}

/// Becomes a command, with the default handling of all signals. Returns only if that fails, with the exit
/// status.
pub(crate) fn become_command(mut words: impl Iterator<Item = OsString>) -> u8 {
    let kind = words.next().unwrap_or_default();
    let Some(program) = words.next() else { return status::CANNOT_RUN };
    let error = match prepare(&kind) {
        // The standard library also resets SIGPIPE.
        Ok(()) => Command::new(&program).args(words).exec(),
        Err(error) => error,
    };
    complain(format_args!("cannot run {}: {}", program.display(), reason(&error)));
    status::of_failure(&error)
}

/// Sets up what only the process itself can set.
fn prepare(kind: &OsString) -> io::Result<()> {
    if kind == GROUP {
        to_foreground()?;
    } else {
        setsid()?;
        if kind == TERMINAL {
            ioctl_tiocsctty(rustix::stdio::stdin())?;
        }
    }
    // The command must not inherit the blocked signals.
    Ok(SigSet::all().thread_unblock()?)
}

/// Moves the own process group to the foreground, for which the kernel would stop this process with SIGTTOU.
fn to_foreground() -> io::Result<()> {
    let terminal = rustix::stdio::stdin();
    if rustix::termios::isatty(terminal) {
        SigSet::from(Signal::SIGTTOU).thread_block()?;
        rustix::termios::tcsetpgrp(terminal, rustix::process::getpgrp())?;
    }
    Ok(())
}
