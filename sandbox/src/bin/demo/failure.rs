//! Failures of the demo, with hints.

use std::error::Error as _;
use std::io;
use std::path::{Path, PathBuf};

use conductor_sandbox::Error;

/// The hint for a user who is not root.
const AS_ROOT: &str = "type: sudo -E env \"PATH=$PATH\" cargo demo";

/// Why the demo failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The machine cannot run a sandbox, or the sandbox failed.
    #[error("cannot run here: {0}")]
    Sandbox(#[source] Error),
    /// conductor does not compile.
    #[error("conductor cannot be built: {0}")]
    Build(#[source] Error),
    /// Something did not happen as the demo says.
    #[error("the demo did not go as expected: {0}")]
    Story(String),
    /// A file could not be read or written.
    #[error("{}", path.display())]
    File { path: PathBuf, source: io::Error },
    /// A program in the sandbox could not be started.
    #[error("cannot run {command}")]
    Run { command: String, source: io::Error },
    /// Standard output cannot be written.
    #[error("cannot write to standard output")]
    Output(#[source] io::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Sandbox(error)
    }
}

impl Failure {
    /// Returns a function that names the path an I/O error is about.
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File { path: path.to_owned(), source }
    }

    /// Returns whether standard output was closed, as by `cargo demo | head`; then no message is printed.
    pub(crate) fn nobody_reads(&self) -> bool {
        matches!(self, Self::Output(source) if source.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Returns the message with its sources and the hint.
    pub(crate) fn to_text(&self) -> String {
        let mut text = format!("cargo demo: {self}");
        let mut cause = match self {
            // The message has its text already.
            Self::Sandbox(error) | Self::Build(error) => error.source(),
            other => other.source(),
        };
        while let Some(error) = cause {
            text = format!("{}: {error}", text.trim_end());
            cause = error.source();
        }
        match self.hint() {
            Some(hint) => format!("{}\nhint: {hint}", text.trim_end()),
            None => text.trim_end().to_owned(),
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Sandbox(Error::NotRoot) => Some(AS_ROOT),
            Self::Sandbox(Error::Path { path, .. }) if path.starts_with("/sys/fs/cgroup") => Some(
                "this looks like a container that cannot create cgroups; run it on a host, in a \
                 virtual machine, or with docker run --privileged",
            ),
            Self::Build(Error::Run { .. }) => Some("is cargo on the PATH? type: cargo demo"),
            _ => None,
        }
    }
}

/// Fails the demo unless a condition holds.
pub(crate) fn told(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), Failure> {
    match holds {
        true => Ok(()),
        false => Err(Failure::Story(otherwise())),
    }
}
