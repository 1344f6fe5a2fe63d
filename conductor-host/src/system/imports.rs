//! Reads files of other tools that are imported, and writes the definitions that are made of them.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::atomic::{self, Change};
use super::open::{self, Links, ReadError};
use conductor_core::error::Problem;

/// The longest file that is read.
const LONGEST: u64 = 10 * 1024 * 1024;

/// Returns the content of a file, `None` if there is no such file.
///
/// # Errors
/// It cannot be read: the reason.
pub fn read_import(path: &Path) -> Result<Option<String>, String> {
    match open::read_text(path, Links::Followed, LONGEST) {
        Ok(text) => Ok(Some(text)),
        Err(ReadError::Io(error)) if is_missing(error.kind()) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

/// Returns whether there is no file: a directory on its path may be missing, or be a file.
fn is_missing(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Returns the files in a directory, sorted.
///
/// # Errors
/// The directory cannot be read.
pub fn files_in(directory: &Path) -> Result<Vec<PathBuf>, Problem> {
    let cannot =
        |error: std::io::Error| Problem::of_file(directory, format!("cannot read it: {error}"));
    let mut files = Vec::new();
    for entry in directory.read_dir().map_err(cannot)? {
        files.push(entry.map_err(cannot)?.path());
    }
    files.retain(|path| path.is_file());
    files.sort();
    Ok(files)
}

/// Returns the drop-ins of a file of Quadlet, in the order in which podman reads them: by their names, also if they are
/// in several directories: `container.d` for all containers, `web-.container.d` for those whose name begins so, and
/// the file's own.
///
/// # Errors
/// A directory cannot be read.
pub fn drop_ins(file: &Path) -> Result<Vec<PathBuf>, Problem> {
    let stem = file.file_stem().and_then(OsStr::to_str);
    let kind = file.extension().and_then(OsStr::to_str);
    let (Some(parent), Some(stem), Some(kind)) = (file.parent(), stem, kind) else {
        return Ok(Vec::new());
    };
    let mut names = vec![format!("{kind}.d")];
    names.extend(stem.match_indices('-').map(|(at, _)| format!("{}.{kind}.d", &stem[..=at])));
    names.push(format!("{stem}.{kind}.d"));
    // A file in a later directory replaces one of the same name.
    let mut found = BTreeMap::new();
    for directory in names.into_iter().map(|name| parent.join(name)) {
        let files = if directory.is_dir() { files_in(&directory)? } else { Vec::new() };
        let files = files.into_iter().filter(|path| path.extension() == Some(OsStr::new("conf")));
        found.extend(files.map(|path| (path.file_name().map(OsStr::to_owned), path)));
    }
    Ok(found.into_values().collect())
}

/// A file that an import writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile<'f> {
    /// Its name, without a directory.
    pub name: String,
    /// Its text.
    pub text: &'f str,
    /// Whether only its owner can read it.
    pub is_private: bool,
}

/// Writes definitions, and the files that they name, to a directory, which is created. A file with another text is
/// not replaced.
///
/// # Errors
/// A file with another text is there, and nothing has changed; or the directory cannot be written.
pub fn write_definitions(directory: &Path, files: &[NewFile<'_>]) -> Result<(), Problem> {
    let mut new = Vec::new();
    for NewFile { name, text, is_private } in files {
        let path = directory.join(name);
        match read_import(&path) {
            Ok(None) if *is_private => new.push(Change::WritePrivate(name, text)),
            Ok(None) => new.push(Change::Write(name, text)),
            Ok(Some(old)) if old == *text => {}
            Ok(Some(_)) => {
                let problem = Problem::of_file(&path, "the file exists and has another content");
                return Err(problem.hint("remove it, or write to another directory"));
            }
            Err(message) => return Err(Problem::of_file(&path, message)),
        }
    }
    open::make_directories(directory)
        .and_then(|()| atomic::change_all(directory, &new))
        .map_err(|error| Problem::of_file(directory, format!("{error}: {}", error.source)))
}
