//! The unit's runtime directory, and the file there that announces a stop.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// Returns the unit's runtime directory, or the first if it has several.
pub(crate) fn directory() -> Option<PathBuf> {
    let paths = env::var_os("RUNTIME_DIRECTORY")?;
    let first = paths.as_bytes().split(|byte| *byte == b':').next()?;
    Some(PathBuf::from(OsString::from_vec(first.to_vec()))).filter(|path| path.is_absolute())
}

fn stopping(directory: &Path) -> PathBuf {
    directory.join("stopping")
}

/// Creates the file that announces that the unit is being stopped.
pub(crate) fn announce_stop() -> io::Result<()> {
    let missing = || io::Error::other("RUNTIME_DIRECTORY is not set: RuntimeDirectory= is missing");
    let path = stopping(&directory().ok_or_else(missing)?);
    let mut options = File::options();
    // The service may have put anything at this path.
    options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    options.create(true).write(true).truncate(false).mode(0o600).open(path).map(drop)
}

/// Returns whether a stop of the unit is announced.
pub(crate) fn is_stopping() -> bool {
    directory().is_some_and(|directory| stopping(&directory).symlink_metadata().is_ok())
}

/// Removes the announcement of an earlier stop: the directory is kept over restarts.
pub(crate) fn forget_stop() {
    if let Some(directory) = directory() {
        // Usually there is none.
        let _ = fs::remove_file(stopping(&directory));
    }
}
