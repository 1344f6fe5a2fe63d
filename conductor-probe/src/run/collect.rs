//! `collect`: runs a command of a job, passes its output on, and keeps a copy of it for [`mail`](crate::mail).
//!
//! The journal alone is not enough: it leaves empty lines out, and drops lines of a program that writes many.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, PipeReader, Read as _, Write as _, pipe};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::signal::Signal;
use probe_protocol::Collect;
use rustix::event::{PollFd, PollFlags};
use rustix::fs::OFlags;
use rustix::io::ioctl_fionread;

use super::RunError;
use super::command::Child;
use super::connection::InputOutput;
use crate::check::socket::wait_until;
use crate::itself::itself;
use crate::mail::MOST_OUTPUT;
use crate::print::{complain, reason};
use crate::signals::Signals;
use crate::supervise::{End, SIGNALS, close_to_others};

/// The first word of the command line of a process that passes on what others write after the command has ended.
pub(crate) const PASS_ON: &str = "pass-on";

/// How many bytes are copied at a time: as many as fit into a pipe (pipe(7)).
const PIECE: usize = 64 * 1024;

/// Runs the command, and returns how it ended.
pub(crate) fn collect(options: &Collect, words: &[OsString]) -> Result<End, RunError> {
    close_to_others();
    // Before the child is started, so that its end is not missed.
    let signals = Signals::keep(&SIGNALS)?;
    let (reader, writer) = pipe().map_err(RunError::Start)?;
    let error = writer.try_clone().map_err(RunError::Start)?;
    let streams = [None, Some(OwnedFd::from(writer)), Some(OwnedFd::from(error))];
    // Before the command can write to its directory.
    let mut copy = OutputCopy::new(reader, &options.output);
    let mut child = Child::spawn(words, InputOutput::Streams(streams))?;
    loop {
        if let Some(status) = child.end().map_err(RunError::Wait)? {
            // Other processes may still have the pipe open, and write to it.
            copy.finish().map_err(RunError::Wait)?;
            if options.keep {
                copy.leave()?;
            }
            return Ok(status.into());
        }
        let mut watched = vec![PollFd::new(&signals, PollFlags::IN)];
        watched.extend(copy.reader.as_ref().map(|reader| PollFd::new(reader, PollFlags::IN)));
        wait_until(&mut watched, None).map_err(|errno| RunError::Wait(errno.into()))?;
        let is_ready = watched.get(1).is_some_and(|reader| !reader.revents().is_empty());
        if is_ready {
            copy.piece(PIECE).map_err(RunError::Wait)?;
        }
        for signal in signals.pending()? {
            if signal != Signal::SIGCHLD {
                child.deliver(signal);
            }
        }
    }
}

/// Copies standard input to standard output until all who write to it have ended. It fails only if it cannot read.
pub(crate) fn pass_on() -> io::Result<()> {
    let (mut input, mut buffer) = (io::stdin().lock(), vec![0; PIECE]);
    loop {
        match input.read(&mut buffer)? {
            0 => return Ok(()),
            // Those who write go on if the journal does not.
            length => drop(
                io::stdout()
                    .lock()
                    .write_all(&buffer[..length])
                    .and_then(|()| io::stdout().flush()),
            ),
        }
    }
}

/// The output of a command, which goes to this process's own output and to a file.
struct OutputCopy {
    /// The pipe, until the command has closed it.
    reader: Option<PipeReader>,
    /// The file, until it is full.
    file: Option<File>,
    /// How many bytes fit into the file.
    room: usize,
    buffer: Vec<u8>,
}

impl OutputCopy {
    fn new(reader: PipeReader, path: &Path) -> Self {
        let mut options = File::options();
        options.write(true).create(true).truncate(true).mode(0o600);
        let file = options.custom_flags(OFlags::NOFOLLOW.bits().cast_signed()).open(path);
        if let Err(error) = &file {
            complain(format_args!("cannot keep the output: {}", reason(error)));
        }
        // One byte more says that there is more.
        let room = MOST_OUTPUT + 1;
        Self { reader: Some(reader), file: file.ok(), room, buffer: vec![0; PIECE] }
    }

    /// Copies what is in the pipe, at most this many bytes, and returns how many these were.
    fn piece(&mut self, most: usize) -> io::Result<usize> {
        let Some(reader) = &mut self.reader else { return Ok(0) };
        let length = reader.read(&mut self.buffer[..most.min(PIECE)])?;
        if length == 0 {
            self.reader = None;
            return Ok(0);
        }
        let bytes = &self.buffer[..length];
        // The command goes on if the journal does not.
        let _ = io::stdout().lock().write_all(bytes).and_then(|()| io::stdout().flush());
        let kept = length.min(self.room);
        self.room -= kept;
        let written = self.file.as_mut().map_or(Ok(()), |file| file.write_all(&bytes[..kept]));
        if let Err(error) = written {
            complain(format_args!("cannot keep the output: {}", reason(&error)));
            self.file = None;
        }
        Ok(length)
    }

    /// Starts a process that passes on what is written from now on, if a writer is left. Without a
    /// reader of the pipe, SIGPIPE would end it.
    fn leave(self) -> Result<(), RunError> {
        let Some(reader) = self.reader else { return Ok(()) };
        let mut watched = [PollFd::new(&reader, PollFlags::IN)];
        wait_until(&mut watched, Some(Instant::now()))
            .map_err(|errno| RunError::Wait(errno.into()))?;
        let events = watched[0].revents();
        if events.contains(PollFlags::HUP) && !events.contains(PollFlags::IN) {
            return Ok(());
        }
        let mut command = Command::new(itself()?);
        // It does not end with this process, nor is it waited for.
        command.arg(PASS_ON).stdin(Stdio::from(OwnedFd::from(reader)));
        command.spawn().map(drop).map_err(RunError::Start)
    }

    /// Copies what is in the pipe now.
    fn finish(&mut self) -> io::Result<()> {
        let Some(reader) = &self.reader else { return Ok(()) };
        let mut left = usize::try_from(ioctl_fionread(reader)?).unwrap_or(usize::MAX);
        while left > 0 {
            match self.piece(left)? {
                0 => break,
                length => left -= length,
            }
        }
        Ok(())
    }
}
