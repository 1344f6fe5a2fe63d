//! Pipes in place of the files and terminals that a command in a container would otherwise hold itself.
//!
//! podman hands its own input and output to the container (`--log-driver=passthrough`). There, root can open
//! `/proc/self/fd/0` anew, for writing too, and what is open in place of a file leads to others (`.../0/etc/shadow` for a
//! directory). And podman refuses to hand on a terminal, since what is typed could be forged on it. A pipe is nothing
//! but a way for bytes.

use std::fs::File;
use std::io::{self, Write as _, pipe};
use std::os::fd::OwnedFd;
use std::thread::{self, JoinHandle};

use rustix::fs::{FileType, fstat};

/// Standard input, output and error; what is missing is as the unit has it.
type Streams = [Option<OwnedFd>; 3];

/// What copies a command's output to where it goes.
#[derive(Debug, Default)]
pub(super) struct Copies(Vec<JoinHandle<()>>);

impl Copies {
    /// Waits until all is copied.
    pub(super) fn finish(self) {
        for copy in self.0 {
            // One that failed has nobody left to write to.
            let _ = copy.join();
        }
    }
}

/// Puts pipes in place of what is no pipe and no socket.
pub(super) fn piped([input, output, error]: Streams) -> io::Result<(Streams, Copies)> {
    let mut copies = Copies::default();
    let input = match input {
        Some(file) if !is_pipe(&file)? => {
            let (reader, writer) = pipe()?;
            // It ends with the process, which does not wait for what is never typed.
            thread::spawn(move || copy(file.into(), OwnedFd::from(writer).into()));
            Some(reader.into())
        }
        input => input,
    };
    let mut piped = |output: Option<OwnedFd>| match output {
        Some(file) if !is_pipe(&file)? => {
            let (reader, writer) = pipe()?;
            copies.0.push(thread::spawn(move || copy(OwnedFd::from(reader).into(), file.into())));
            io::Result::Ok(Some(writer.into()))
        }
        output => Ok(output),
    };
    let streams = [input, piped(output)?, piped(error)?];
    Ok((streams, copies))
}

fn is_pipe(file: &OwnedFd) -> io::Result<bool> {
    let kind = FileType::from_raw_mode(fstat(file)?.st_mode);
    Ok(matches!(kind, FileType::Fifo | FileType::Socket))
}

/// Copies until the one has no more or the other takes no more; both are closed then.
fn copy(mut from: File, mut to: File) {
    let _ = io::copy(&mut from, &mut to).and_then(|_| to.flush());
}
