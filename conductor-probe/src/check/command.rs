//! A check by a command's exit status.

use std::ffi::OsString;
use std::io::{self, PipeReader, Read as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::io::ioctl_fionbio;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use super::socket::wait_until;
use super::{Answer, Unhealthy};
use crate::notify;

/// How much of the last line is kept.
const LINE: usize = 200;

/// Runs the command, and kills the processes that it leaves running in its process group.
pub(super) fn run(words: &[OsString], timeout: Duration) -> Result<Answer, Unhealthy> {
    let program = || words[0].display().to_string();
    let failed = |source| Unhealthy::Run { program: program(), source };
    let deadline = Instant::now().checked_add(timeout);
    let (mut child, mut output) = start(words).map_err(failed)?;
    let mut last = LastLine::default();
    let waited = wait(&child, &mut output, &mut last, deadline);
    // The child has not been reaped yet, so its PID is still its own.
    let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
    let status = child.wait().map_err(failed)?;
    let _ = last.read(&mut output);
    match waited.map_err(failed)? {
        true if status.success() => Ok(Answer::Success),
        true => {
            Err(Unhealthy::Exit { outcome: outcome(status), program: program(), last: last.text() })
        }
        false => Err(Unhealthy::Endless { program: program(), within: timeout, last: last.text() }),
    }
}

fn start(words: &[OsString]) -> io::Result<(Child, PipeReader)> {
    let (output, writer) = io::pipe()?;
    ioctl_fionbio(&output, true)?;
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).process_group(0);
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    for name in notify::VARIABLES {
        command.env_remove(name);
    }
    Ok((command.spawn()?, output))
}

/// Waits for the end, and returns whether it came before the deadline.
fn wait(
    child: &Child,
    output: &mut PipeReader,
    last: &mut LastLine,
    deadline: Option<Instant>,
) -> io::Result<bool> {
    let ended = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    let mut open = true;
    loop {
        let mut descriptors =
            [PollFd::new(&ended, PollFlags::IN), PollFd::new(output, PollFlags::IN)];
        let count = if open { 2 } else { 1 };
        if !wait_until(&mut descriptors[..count], deadline)? {
            return Ok(false);
        }
        if !descriptors[0].revents().is_empty() {
            return Ok(true);
        }
        open = last.read(output)?;
    }
}

/// The last line of a command's output that is not empty.
#[derive(Debug, Default)]
struct LastLine {
    line: Vec<u8>,
    ended: bool,
}

impl LastLine {
    /// Reads some output, and returns whether more can follow.
    fn read(&mut self, output: &mut PipeReader) -> io::Result<bool> {
        let mut chunk = [0; 4096];
        match output.read(&mut chunk) {
            Ok(0) => Ok(false),
            Ok(read) => {
                self.add(&chunk[..read]);
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            match byte {
                b'\n' | b'\r' => self.ended = true,
                _ if self.ended => {
                    self.line.clear();
                    self.line.push(byte);
                    self.ended = false;
                }
                _ if self.line.len() < LINE => self.line.push(byte),
                _ => {}
            }
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.line).trim().to_owned()
    }
}

fn outcome(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal {signal} ended the process"),
        (None, None) => status.to_string(),
    }
}
