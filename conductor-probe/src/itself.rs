//! The path of this program, to execute it again.

use std::env;
use std::io;
use std::path::PathBuf;

/// The path of this program cannot be found.
#[derive(Debug, thiserror::Error)]
#[error("cannot find the path of conductor-probe")]
pub(crate) struct ItselfError(#[source] io::Error);

/// Returns the path of this program. In a root directory without /proc, it is the name by which it was called.
pub(crate) fn itself() -> Result<PathBuf, ItselfError> {
    let error = match env::current_exe() {
        Ok(path) if path.exists() => return Ok(path),
        Ok(_) => io::ErrorKind::NotFound.into(),
        Err(error) => error,
    };
    let name = env::args_os().next().map(PathBuf::from);
    name.filter(|name| name.is_absolute()).ok_or(ItselfError(error))
}
