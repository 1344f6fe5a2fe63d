//! Starts the prober so that it is nobody's child.
//!
//! The process that becomes the service starts a helper, the helper starts the prober and ends, and
//! the helper is waited for. So init inherits the prober, and no zombie is left under the service.

use std::env;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};

use crate::args::{CheckArguments, Share};
use crate::watch::Line;

/// The command of the helper; it is not parsed as others are, because it passes everything on.
pub(crate) const RELAY: &str = "start-watch";

/// Why there is no prober.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum BackgroundError {
    #[error("cannot find out where conductor-probe itself is")]
    Itself(#[source] io::Error),
    #[error("cannot run {path}")]
    Run { path: PathBuf, source: io::Error },
    #[error("cannot make a socket")]
    Line(#[source] io::Error),
    #[error("{path} failed: {status}")]
    Failed { path: PathBuf, status: ExitStatus },
    #[error("the prober did not start")]
    Down,
}

/// Starts the prober, which begins to check when the line is dropped.
///
/// The start period begins when the process `after` has ended.
pub(crate) fn start(
    check: &CheckArguments,
    share: &Share,
    after: Option<u32>,
) -> Result<Line, BackgroundError> {
    let path = itself()?;
    let (mut ours, theirs) = Line::pair().map_err(BackgroundError::Line)?;
    let mut command = Command::new(&path);
    command.arg(RELAY).args(check.written()).args(share.written());
    command.args(after.map(|pid| format!("--after={pid}")));
    command.stdin(theirs);
    let status = command.status();
    // The other end must not stay open here, or the prober's death would go unnoticed.
    drop(command);
    match status {
        Err(source) => Err(BackgroundError::Run { path, source }),
        Ok(status) if !status.success() => Err(BackgroundError::Failed { path, status }),
        Ok(_) if ours.is_up() => Ok(ours),
        Ok(_) => Err(BackgroundError::Down),
    }
}

/// Starts the prober proper, and ends.
pub(crate) fn relay(arguments: impl Iterator<Item = OsString>) -> Result<(), BackgroundError> {
    let path = itself()?;
    match Command::new(&path).arg("watch").args(arguments).spawn() {
        Ok(_) => Ok(()),
        Err(source) => Err(BackgroundError::Run { path, source }),
    }
}

/// Finds this program; a root directory without /proc leaves only the name it was called by.
pub(crate) fn itself() -> Result<PathBuf, BackgroundError> {
    let error = match env::current_exe() {
        Ok(path) if path.exists() => return Ok(path),
        Ok(_) => io::ErrorKind::NotFound.into(),
        Err(error) => error,
    };
    let name = env::args_os().next().map(PathBuf::from);
    name.filter(|name| name.is_absolute()).ok_or(BackgroundError::Itself(error))
}
