//! Changes the files that proxies read, atomically, and only conductor's own.

use std::fs::{self, File, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::error::ProxyError;
use super::observe::read;
use crate::error::{PathContext as _, PathError};
use crate::name::{ProxyName, ServiceId};

/// The prefix of files that are being written. No proxy reads what begins with a dot, nor what does
/// not end in its suffix.
const TEMPORARY: &str = ".conductor-";

/// Insists that what is to be replaced is conductor's file for this proxy and service, or nothing.
pub(super) fn refuse_foreign(
    path: &Path,
    proxy: &ProxyName,
    service: &ServiceId,
) -> Result<(), ProxyError> {
    let own = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).at("read", path)?,
        Ok(_) => read(path)?,
    };
    match own.is_some_and(|file| file.proxy == *proxy && file.service == *service) {
        true => Ok(()),
        false => Err(ProxyError::Foreign { path: path.to_owned() }),
    }
}

/// Replaces a file, or removes it; durable when it returns.
pub(super) fn replace(directory: &Path, name: &str, text: Option<&str>) -> Result<(), PathError> {
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

/// Makes a file next to where it will be; it goes when it is dropped.
pub(super) fn temporary(directory: &Path) -> Result<tempfile::NamedTempFile, PathError> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY).permissions(Permissions::from_mode(0o644));
    builder.tempfile_in(directory).at("create a file in", directory)
}

/// Removes temporary files of a process that was killed while it wrote; the lock is held, so nobody
/// else is writing now.
fn remove_leftovers(directory: &Path) -> Result<(), PathError> {
    for entry in directory.read_dir().at("read", directory)? {
        let entry = entry.at("read", directory)?;
        if entry.file_name().as_encoded_bytes().starts_with(TEMPORARY.as_bytes()) {
            fs::remove_file(entry.path()).at("remove", &entry.path())?;
        }
    }
    Ok(())
}
