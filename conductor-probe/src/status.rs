//! Exit statuses in the convention of shells.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

/// The exit statuses of a shell for a missing command, and for one that cannot be executed.
const NOT_FOUND: u8 = 127;
pub(crate) const CANNOT_RUN: u8 = 126;

/// Returns a shell's exit status for a command that has ended.
pub(crate) fn of_end(status: ExitStatus) -> u8 {
    let status = status.code().or_else(|| Some(128 + status.signal()?));
    status.and_then(|status| u8::try_from(status).ok()).unwrap_or(u8::MAX)
}

/// Returns a shell's exit status for a command that could not be started.
pub(crate) fn of_failure(error: &io::Error) -> u8 {
    match error.kind() {
        io::ErrorKind::NotFound => NOT_FOUND,
        _ => CANNOT_RUN,
    }
}
