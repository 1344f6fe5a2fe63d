//! `limit`: a command that is killed with all that it started when its time is over.
//!
//! It runs where the client of a container engine does not reach: killing that leaves the command.

use std::fs;
use std::io;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, ExitStatus};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, getpid, kill_process, kill_process_group, pidfd_open,
    set_child_subreaper, waitpid,
};

use crate::args::Limit;
use crate::check::socket::wait_until;
use crate::print::{complain, reason};

/// What `timeout` of coreutils says.
const TIME_OVER: u8 = 124;
/// What a shell says of a command that is not there, and of one that cannot be run.
const NOT_FOUND: u8 = 127;
const CANNOT_RUN: u8 = 126;
/// How often what keeps starting processes is killed again.
const ROUNDS: usize = 1000;

/// Runs the command, and returns its exit status as a shell has it.
pub(crate) fn run(arguments: &Limit) -> u8 {
    let deadline = Instant::now().checked_add(arguments.timeout);
    // What leaves its parent, as daemons do, becomes a child of this process, and is found.
    let _ = set_child_subreaper(Some(getpid()));
    let program = &arguments.program[0];
    let mut command = Command::new(program);
    let mut child = match command.args(&arguments.program[1..]).process_group(0).spawn() {
        Ok(child) => child,
        Err(error) => {
            complain(format_args!("cannot run {}: {}", program.display(), reason(&error)));
            return match error.kind() {
                io::ErrorKind::NotFound => NOT_FOUND,
                _ => CANNOT_RUN,
            };
        }
    };
    let group = Pid::from_child(&child);
    let in_time = wait(group, deadline);
    // The child is not waited for yet, so that its number is still its own.
    let _ = kill_process_group(group, Signal::KILL);
    let status = child.wait();
    kill_the_rest();
    match (in_time, status) {
        (Ok(true), Ok(status)) => shell_status(status),
        (Ok(false), _) => TIME_OVER,
        (Err(error), _) | (_, Err(error)) => {
            complain(format_args!("cannot wait for {}: {}", program.display(), reason(&error)));
            CANNOT_RUN
        }
    }
}

/// Waits for the end and tells whether it came before the deadline.
fn wait(child: Pid, deadline: Option<Instant>) -> io::Result<bool> {
    let ended = pidfd_open(child, PidfdFlags::empty())?;
    Ok(wait_until(&mut [PollFd::new(&ended, PollFlags::IN)], deadline)?)
}

/// Kills what is left of the command in other process groups.
fn kill_the_rest() {
    for _ in 0..ROUNDS {
        let Ok(children) = fs::read_to_string("/proc/thread-self/children") else { return };
        let children: Vec<_> =
            children.split_whitespace().filter_map(|id| Pid::from_raw(id.parse().ok()?)).collect();
        // One that has become another user may not be killed, and is left alone.
        let killed = children.iter().filter(|child| kill_process(**child, Signal::KILL).is_ok());
        let waited = killed.map(|child| waitpid(Some(*child), WaitOptions::empty()));
        if waited.count() == 0 {
            return;
        }
    }
}

fn shell_status(status: ExitStatus) -> u8 {
    let status = status.code().or_else(|| Some(128 + status.signal()?));
    status.and_then(|status| u8::try_from(status).ok()).unwrap_or(u8::MAX)
}
