//! Replaces files atomically: a crash leaves each file old or new.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::SystemTime;

use tempfile::NamedTempFile;

use super::open;
use conductor_core::error::{PathContext as _, PathError};

/// The prefix of temporary files. systemd and proxies skip names that begin with a dot, and proxies read only
/// names with their suffix.
const TEMPORARY: &str = ".conductor-";

/// Replaces or removes a file. The change is durable when it returns.
pub(crate) fn replace(directory: &Path, name: &str, text: Option<&str>) -> Result<(), PathError> {
    replace_all(directory, &[(name, text)])
}

/// Replaces or removes files of one directory. The changes are durable when it returns. What can fail is done
/// before the first file changes, and nothing slow is done between the first and the last.
pub(crate) fn replace_all(
    directory: &Path,
    files: &[(&str, Option<&str>)],
) -> Result<(), PathError> {
    remove_leftovers(directory)?;
    let mut ready = Vec::with_capacity(files.len());
    for (name, text) in files {
        let path = directory.join(name);
        let file = match text {
            Some(text) => {
                let mut file = temporary(directory)?;
                file.write_all(text.as_bytes()).at("write", &path)?;
                file.as_file().sync_all().at("sync", &path)?;
                Some(file)
            }
            None => None,
        };
        ready.push((path, file));
    }
    for (path, file) in ready {
        match file {
            Some(file) => {
                file.persist(&path).map_err(|error| error.error).at("write", &path)?;
            }
            None => match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(error).at("remove", &path);
                }
                _ => {}
            },
        }
    }
    File::open(directory).and_then(|directory| directory.sync_all()).at("sync", directory)
}

/// Sets the time of a directory to now. The kernel sets it only to the time of its last tick, so two changes
/// in a row may leave the same time.
pub(crate) fn renew(directory: &Path) -> io::Result<()> {
    File::open(directory)?.set_modified(SystemTime::now())
}

/// Creates a temporary file in the target directory, readable for everybody. Dropping it removes it.
pub(crate) fn temporary(directory: &Path) -> Result<NamedTempFile, PathError> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY).permissions(Permissions::from_mode(open::READABLE));
    let file = builder.tempfile_in(directory).at("create a file in", directory)?;
    // The umask may have removed bits.
    open::set_mode(file.as_file(), open::READABLE).at("open", file.path())?;
    Ok(file)
}

/// Removes temporary files of a process that was killed during a write. The lock is held, so no other process
/// is writing.
pub(super) fn remove_leftovers(directory: &Path) -> Result<(), PathError> {
    for entry in directory.read_dir().at("read", directory)? {
        let entry = entry.at("read", directory)?;
        if entry.file_name().as_encoded_bytes().starts_with(TEMPORARY.as_bytes()) {
            fs::remove_file(entry.path()).at("remove", &entry.path())?;
        }
    }
    Ok(())
}
