//! Where this program is, to start it again as something else.

use std::env;
use std::io;
use std::path::PathBuf;

/// Why it cannot be started again.
#[derive(Debug, thiserror::Error)]
#[error("cannot find out where conductor-probe itself is")]
pub(crate) struct ItselfError(#[source] io::Error);

/// Finds this program; a root directory without /proc leaves only the name it was called by.
pub(crate) fn itself() -> Result<PathBuf, ItselfError> {
    let error = match env::current_exe() {
        Ok(path) if path.exists() => return Ok(path),
        Ok(_) => io::ErrorKind::NotFound.into(),
        Err(error) => error,
    };
    let name = env::args_os().next().map(PathBuf::from);
    name.filter(|name| name.is_absolute()).ok_or(ItselfError(error))
}
