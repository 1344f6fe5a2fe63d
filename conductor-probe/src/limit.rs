//! `limit`: runs a command, and kills it and all that it started at a timeout.
//!
//! It runs inside a container: if the client of the engine is killed, the command keeps running.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::Instant;

use probe_protocol::Limit;
use rustix::event::{PollFd, PollFlags};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, getpid, kill_process, kill_process_group, pidfd_open,
    set_child_subreaper, waitpid,
};

use crate::check::socket::wait_until;
use crate::print::{complain, reason};
use crate::status;

/// The exit status of `timeout` (coreutils).
const TIME_OVER: u8 = 124;
/// How often processes are killed again that keep starting others.
const ROUNDS: usize = 1000;

/// Runs the command, and returns its exit status as a shell has it.
pub(crate) fn run(options: Limit, words: &[OsString]) -> u8 {
    let deadline = Instant::now().checked_add(options.timeout);
    // Processes that leave their parent, as daemons do, become children of this process.
    let _ = set_child_subreaper(Some(getpid()));
    let program = &words[0];
    let mut command = Command::new(program);
    let mut child = match command.args(&words[1..]).process_group(0).spawn() {
        Ok(child) => child,
        Err(error) => {
            complain(format_args!("cannot run {}: {}", program.display(), reason(&error)));
            return status::of_failure(&error);
        }
    };
    let group = Pid::from_child(&child);
    let in_time = wait(group, deadline);
    // The child has not been reaped yet, so its PID is still its own.
    let _ = kill_process_group(group, Signal::KILL);
    let ended = child.wait();
    kill_the_rest();
    match (in_time, ended) {
        (Ok(true), Ok(ended)) => status::of_end(ended),
        (Ok(false), _) => TIME_OVER,
        (Err(error), _) | (_, Err(error)) => {
            complain(format_args!("cannot wait for {}: {}", program.display(), reason(&error)));
            status::CANNOT_RUN
        }
    }
}

/// Waits for the end, and returns whether it came before the deadline.
fn wait(child: Pid, deadline: Option<Instant>) -> io::Result<bool> {
    let ended = pidfd_open(child, PidfdFlags::empty())?;
    Ok(wait_until(&mut [PollFd::new(&ended, PollFlags::IN)], deadline)?)
}

/// Kills the command's remaining processes in other process groups.
fn kill_the_rest() {
    for _ in 0..ROUNDS {
        let Ok(children) = fs::read_to_string("/proc/thread-self/children") else { return };
        let children: Vec<_> =
            children.split_whitespace().filter_map(|id| Pid::from_raw(id.parse().ok()?)).collect();
        // A process that runs as another user may not be killed, and keeps running.
        let killed = children.iter().filter(|child| kill_process(**child, Signal::KILL).is_ok());
        let waited = killed.map(|child| waitpid(Some(*child), WaitOptions::empty()));
        if waited.count() == 0 {
            return;
        }
    }
}
