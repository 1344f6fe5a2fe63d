//! A note of the last port that was assigned to an instance. A reboot may remove it.

use std::path::{Path, PathBuf};

use super::{atomic, open};
use conductor_core::error::PathError;
use conductor_core::value::Port;

/// The name of the note in the runtime directory.
const NAME: &str = "last-port";

/// Reads the note; `None` if no port was assigned yet, or the note is invalid.
///
/// # Errors
/// The file cannot be read.
pub fn read(runtime: &Path) -> Result<Option<Port>, PathError> {
    Ok(open::read_note(&path(runtime))?.and_then(|text| text.trim_end().parse().ok()))
}

/// Writes the note.
///
/// # Errors
/// The file cannot be written.
pub fn write(runtime: &Path, port: Port) -> Result<(), PathError> {
    atomic::replace(runtime, NAME, Some(&format!("{port}\n")))
}

fn path(runtime: &Path) -> PathBuf {
    runtime.join(NAME)
}
