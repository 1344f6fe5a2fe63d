//! Pipes in place of the caller's files and terminals, for a command in a container.
//!
//! podman passes its own input and output to the container (`--log-driver=passthrough`). Root in the container
//! could reopen `/proc/self/fd/0` for writing, or change the mode of the file; and podman rejects terminals.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Write as _, pipe};
use std::mem;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::thread::{self, JoinHandle};

use rustix::event::{PollFd, PollFlags};
use rustix::fs::{FileType, fcntl_getfl, fstat, fstatfs};
use rustix::io::ioctl_fionread;

use crate::check::socket::wait_until;
use crate::print::{complain_to, reason};

/// Standard input, output and error; missing ones are those of the unit.
type Streams = [Option<OwnedFd>; 3];

/// How many bytes are copied at a time: as many as fit into a pipe (pipe(7)).
const PIECE: usize = 64 * 1024;

/// The file system of anonymous pipes (statfs(2)).
const PIPEFS: u64 = 0x5049_5045;

/// A thread that copies the output of a command. It closes its end of the connection when it has finished.
#[derive(Debug)]
pub(super) struct OutputCopy {
    thread: JoinHandle<bool>,
    connection: UnixStream,
}

impl OutputCopy {
    /// Ends the copy after what is in the pipe now, since the command has ended. Other processes may still have
    /// the pipe open: podman's monitor, and a container that outlived its client.
    pub(super) fn finish(&self) {
        // It fails if the thread has finished.
        let _ = self.connection.shutdown(Shutdown::Write);
    }

    /// Waits until it has finished, and returns whether all was written.
    pub(super) fn join(self) -> bool {
        self.thread.join().unwrap_or(false)
    }
}

impl AsFd for OutputCopy {
    /// Returns a descriptor that is readable once all was copied.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.connection.as_fd()
    }
}

/// Replaces everything except anonymous pipes and sockets by pipes, and starts to copy; returns the copies of the output.
///
/// The copy of the input ends with this process, which does not wait for it: its input may never be typed, or
/// never be read.
pub(super) fn replace(streams: &mut Streams) -> io::Result<Vec<OutputCopy>> {
    let [input, output, error] = streams;
    if let Some(input) = input {
        replace_input(input)?;
    }
    let complaints = error.as_ref().map(OwnedFd::try_clone).transpose()?.map(File::from);
    // Output to the same file stays in order.
    let are_one = match (&output, &error) {
        (Some(output), Some(error)) => is_same(output, error)?,
        _ => false,
    };
    let mut copies = Vec::new();
    if let Some(output) = output {
        copies.extend(replace_output(output, complaints.as_ref())?);
    }
    match (output, error) {
        (Some(output), Some(error)) if are_one => *error = output.try_clone()?,
        (_, Some(error)) => copies.extend(replace_output(error, complaints.as_ref())?),
        (_, None) => {}
    }
    Ok(copies)
}

/// Returns whether a file is an anonymous pipe or a socket, with which a container can only read and write.
fn is_pipe(file: &OwnedFd) -> io::Result<bool> {
    let is_socket = FileType::from_raw_mode(fstat(file)?.st_mode) == FileType::Socket;
    // A named pipe has a mode and an owner, which root in a container could change.
    Ok(is_socket || u64::try_from(fstatfs(file)?.f_type) == Ok(PIPEFS))
}

/// Returns whether two are the same file, opened in the same way.
fn is_same(one: &OwnedFd, other: &OwnedFd) -> io::Result<bool> {
    let what = |file| io::Result::Ok((fstat(file)?, fcntl_getfl(file)?));
    let ((one, flags), (other, others)) = (what(one)?, what(other)?);
    Ok((one.st_dev, one.st_ino, flags) == (other.st_dev, other.st_ino, others))
}

fn replace_input(stream: &mut OwnedFd) -> io::Result<()> {
    if is_pipe(stream)? {
        return Ok(());
    }
    let (reader, writer) = pipe()?;
    let (from, to) = (File::from(mem::replace(stream, reader.into())), OwnedFd::from(writer));
    let copying = thread::Builder::new().name("input".to_owned());
    // For a command, a failed read is the same as the end.
    copying.spawn(move || drop(copy_input(from, to.into()))).map(drop)
}

fn replace_output(
    stream: &mut OwnedFd,
    complaints: Option<&File>,
) -> io::Result<Option<OutputCopy>> {
    if is_pipe(stream)? {
        return Ok(None);
    }
    let complaints = complaints.map(File::try_clone).transpose()?;
    let (connection, told) = UnixStream::pair()?;
    let (reader, writer) = pipe()?;
    let (from, to) = (OwnedFd::from(reader), File::from(mem::replace(stream, writer.into())));
    let copying = thread::Builder::new().name("output".to_owned());
    let thread = copying.spawn(move || {
        let copied = copy_output(from.into(), to, &told);
        // The reader has closed its end, as the copy does now: the command gets SIGPIPE.
        let error = copied.err().filter(|error| error.kind() != ErrorKind::BrokenPipe);
        if let (Some(error), Some(complaints)) = (&error, complaints) {
            complain_to(complaints, format_args!("cannot write the output: {}", reason(error)));
        }
        error.is_none()
    })?;
    Ok(Some(OutputCopy { thread, connection }))
}

/// Copies until the input ends, or the pipe is closed: what is typed after that is for the next reader.
fn copy_input(mut from: File, mut to: File) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        let mut watched = [PollFd::new(&from, PollFlags::IN), PollFd::new(&to, PollFlags::empty())];
        wait_until(&mut watched, None)?;
        if !watched[1].revents().is_empty() {
            return Ok(());
        }
        match from.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(length) => write(&mut to, &piece[..length])?,
            Err(error) if is_passing(&error) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Copies until the pipe is closed, or until the end of `told` and what is in the pipe then.
///
/// [`io::copy`] would use splice(2), which keeps the file that it writes to locked while it waits for the pipe, if the
/// file is on an overlay file system (seen on Linux 6.18). No other process could write to the file meanwhile.
fn copy_output(mut from: File, mut to: File, told: &UnixStream) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    let mut left = None;
    loop {
        if left.is_none() {
            let mut watched = [PollFd::new(&from, PollFlags::IN), PollFd::new(told, PollFlags::IN)];
            wait_until(&mut watched, None)?;
            if !watched[1].revents().is_empty() {
                left = Some(usize::try_from(ioctl_fionread(&from)?).unwrap_or(usize::MAX));
            }
        }
        let length = from.read(&mut piece[..left.unwrap_or(PIECE).min(PIECE)])?;
        if length == 0 {
            return Ok(());
        }
        write(&mut to, &piece[..length])?;
        left = left.map(|left| left.saturating_sub(length));
    }
}

/// Writes all of the bytes, also to a file that another process has made non-blocking.
fn write(to: &mut File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(length) => bytes = &bytes[length..],
            Err(error) if is_passing(&error) => {
                wait_until(&mut [PollFd::new(&*to, PollFlags::OUT)], None)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Returns whether another try may succeed.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
