//! Replaces files atomically: a crash leaves each file old or new.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::SystemTime;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use tempfile::NamedTempFile;

use super::open;
use conductor_core::error::{PathContext as _, PathError};

/// The prefix of temporary files. systemd and proxies skip names that begin with a dot, and proxies read only
/// names with their suffix.
const TEMPORARY: &str = ".conductor-";

/// A change of a directory. A crash leaves it done or not done.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change<'a> {
    /// Writes a file, in place of what is there.
    Write(&'a str, &'a str),
    /// Writes a file that only its owner can read, in place of what is there.
    WritePrivate(&'a str, &'a str),
    /// Moves a file to a name that is free.
    Move(&'a str, &'a str),
    /// Swaps two files.
    Swap(&'a str, &'a str),
    /// Removes a file.
    Remove(&'a str),
}

/// Replaces or removes a file. The change is durable when it returns.
pub(crate) fn replace(directory: &Path, name: &str, text: Option<&str>) -> Result<(), PathError> {
    let change = text.map_or(Change::Remove(name), |text| Change::Write(name, text));
    change_all(directory, &[change])
}

/// Changes files of one directory, in this order. The changes are durable when it returns. What can fail is done
/// before the first file changes, and nothing slow is done between the first and the last.
pub(crate) fn change_all(directory: &Path, changes: &[Change<'_>]) -> Result<(), PathError> {
    remove_leftovers(directory)?;
    let mut ready = Vec::with_capacity(changes.len());
    for change in changes {
        let file = match change {
            Change::Write(name, text) | Change::WritePrivate(name, text) => {
                let path = directory.join(name);
                let mut file = match change {
                    Change::WritePrivate(..) => with_mode(directory, open::OWN)?,
                    _ => temporary(directory)?,
                };
                file.write_all(text.as_bytes()).at("write", &path)?;
                file.as_file().sync_all().at("sync", &path)?;
                Some(file)
            }
            Change::Move(..) | Change::Swap(..) | Change::Remove(_) => None,
        };
        ready.push((change, file));
    }
    for (change, file) in ready {
        let at = |name: &str| directory.join(name);
        match (change, file) {
            (Change::Write(name, _) | Change::WritePrivate(name, _), Some(file)) => {
                file.persist(at(name)).map_err(|error| error.error).at("write", &at(name))?;
            }
            (Change::Move(from, to), _) => {
                fs::rename(at(from), at(to)).at("write", &at(to))?;
            }
            (Change::Swap(one, other), _) => {
                swap(directory, &at(one), &at(other)).at("write", &at(other))?;
            }
            (Change::Remove(name), _) => {
                open::gone(fs::remove_file(at(name))).at("remove", &at(name))?;
            }
            (Change::Write(..) | Change::WritePrivate(..), None) => {}
        }
    }
    File::open(directory).and_then(|directory| directory.sync_all()).at("sync", directory)
}

/// Swaps two files in one step, or in three where the file system cannot.
fn swap(directory: &Path, one: &Path, other: &Path) -> io::Result<()> {
    match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            // It is removed, should the process end in between.
            let aside = directory.join(format!("{TEMPORARY}swap"));
            fs::rename(one, &aside)?;
            fs::rename(other, one)?;
            fs::rename(&aside, other)
        }
        result => Ok(result?),
    }
}

/// Sets the time of a directory to now. The kernel sets it only to the time of its last tick, so two changes
/// in a row may leave the same time.
pub(crate) fn renew(directory: &Path) -> io::Result<()> {
    File::open(directory)?.set_modified(SystemTime::now())
}

/// Creates a temporary file in the target directory, readable for everybody. Dropping it removes it.
pub(crate) fn temporary(directory: &Path) -> Result<NamedTempFile, PathError> {
    with_mode(directory, open::READABLE)
}

fn with_mode(directory: &Path, mode: u32) -> Result<NamedTempFile, PathError> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY).permissions(Permissions::from_mode(mode));
    let file = builder.tempfile_in(directory).at("create a file in", directory)?;
    // The umask may have removed bits.
    open::set_mode(file.as_file(), mode).at("open", file.path())?;
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
