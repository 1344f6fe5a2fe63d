//! The line between the prober and the process that becomes the service.
//!
//! It is a socket, the prober's standard input. The prober says that it is up; then it hears the other
//! end close when that process becomes the service, or a word if it cannot.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::stdio::{dup2_stdin, stdin};

/// Why the two did not hear from each other.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum LineError {
    #[error("this command is for conductor-probe's own use")]
    Stdin(#[source] io::Error),
    #[error("the service was not started")]
    Cancelled,
}

/// One end of the line.
#[derive(Debug)]
pub(crate) struct Line(UnixStream);

impl Line {
    /// Makes both ends: ours, and the one to be the prober's standard input.
    pub(crate) fn pair() -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = UnixStream::pair()?;
        Ok((Self(ours), theirs.into()))
    }

    /// Takes the prober's end, and leaves its standard input empty.
    pub(crate) fn from_stdin() -> Result<Self, LineError> {
        let line = stdin().try_clone_to_owned().map_err(LineError::Stdin)?;
        // A root directory of its own may have no /dev/null; then the line stays, which harms nobody.
        if let Ok(null) = File::open("/dev/null") {
            let _ = dup2_stdin(null.as_fd());
        }
        Ok(Self(line.into()))
    }

    /// Says that the prober is up, and waits until the service has been started.
    pub(crate) fn wait(mut self) -> Result<(), LineError> {
        self.0.write_all(b"u").map_err(LineError::Stdin)?;
        match self.0.read(&mut [0]) {
            Ok(1) => Err(LineError::Cancelled),
            _ => Ok(()),
        }
    }

    /// Waits until the prober is up, and tells whether it is.
    pub(crate) fn is_up(&mut self) -> bool {
        matches!(self.0.read(&mut [0]), Ok(1))
    }

    /// Tells the prober that there is nothing to check.
    pub(crate) fn cancel(mut self) {
        let _ = self.0.write_all(b"x");
    }
}
