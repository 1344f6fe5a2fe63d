//! A note of the last port that an instance was given; a reboot makes it moot.

use std::path::{Path, PathBuf};

use super::{atomic, open};
use conductor_core::error::PathError;
use conductor_core::value::Port;

/// The note, in the directory of what has to be gone after a reboot.
const NAME: &str = "last-port";

/// Reads the note; there is none until a port was given, and what is not a port counts as none.
///
/// # Errors
/// The operating system does not let it be read.
pub fn read(runtime: &Path) -> Result<Option<Port>, PathError> {
    Ok(open::read_note(&path(runtime))?.and_then(|text| text.trim_end().parse().ok()))
}

/// Writes it.
///
/// # Errors
/// Whatever the file system says.
pub fn write(runtime: &Path, port: Port) -> Result<(), PathError> {
    atomic::replace(runtime, NAME, Some(&format!("{port}\n")))
}

fn path(runtime: &Path) -> PathBuf {
    runtime.join(NAME)
}
