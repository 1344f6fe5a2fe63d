//! Files that are replaced in one go: a crash leaves each old or new.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;
use std::time::SystemTime;

use tempfile::NamedTempFile;

use super::open;
use conductor_core::error::{PathContext as _, PathError};

/// The prefix of files that are being written. systemd skips what begins with a dot, and so do proxies,
/// which read what ends in their suffix besides.
const TEMPORARY: &str = ".conductor-";

/// Replaces a file, or removes it; durable when it returns.
pub(crate) fn replace(directory: &Path, name: &str, text: Option<&str>) -> Result<(), PathError> {
    remove_leftovers(directory)?;
    let path = directory.join(name);
    match text {
        Some(text) => {
            let mut file = temporary(directory)?;
            file.write_all(text.as_bytes()).at("write", &path)?;
            file.as_file().sync_all().at("sync", &path)?;
            file.persist(&path).map_err(|error| error.error).at("write", &path)?;
        }
        None => match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).at("remove", &path);
            }
            _ => {}
        },
    }
    File::open(directory).and_then(|directory| directory.sync_all()).at("sync", directory)
}

/// Sets the time of a directory to now, exactly: what changed it a moment ago has set it to the time of the
/// kernel's last tick, which may be that of the change before.
pub(crate) fn renew(directory: &Path) -> io::Result<()> {
    File::open(directory)?.set_modified(SystemTime::now())
}

/// Makes a file next to where it will be, for everybody to read; it goes when it is dropped.
pub(crate) fn temporary(directory: &Path) -> Result<NamedTempFile, PathError> {
    let mut builder = tempfile::Builder::new();
    // Its own mode is 0600, and what the umask leaves of it.
    let file =
        builder.prefix(TEMPORARY).tempfile_in(directory).at("create a file in", directory)?;
    open::set_mode(file.as_file(), open::READABLE).at("open", file.path())?;
    Ok(file)
}

/// Removes temporary files of a process that was killed while it wrote; the lock is held, so nobody
/// else is writing now.
pub(super) fn remove_leftovers(directory: &Path) -> Result<(), PathError> {
    for entry in directory.read_dir().at("read", directory)? {
        let entry = entry.at("read", directory)?;
        if entry.file_name().as_encoded_bytes().starts_with(TEMPORARY.as_bytes()) {
            fs::remove_file(entry.path()).at("remove", &entry.path())?;
        }
    }
    Ok(())
}
