//! A note of the last port that an instance was given; a reboot makes it moot.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::atomic;
use crate::error::{PathContext as _, PathError};
use crate::value::Port;

/// The note, in the directory of what has to be gone after a reboot.
const NAME: &str = "last-port";

/// Reads the note; there is none until a port was given.
///
/// # Errors
/// It cannot be read.
pub fn read(runtime: &Path) -> Result<Option<Port>, PathError> {
    let path = path(runtime);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text.trim_end().parse().ok()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).at("read", &path),
    }
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
