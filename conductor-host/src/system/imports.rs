//! Reads files of other tools that are imported, and writes the definitions that are made of them.

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

/// Writes definitions, each a file name and a text, to a directory, which is created. A file with another text is
/// not replaced.
///
/// # Errors
/// A file with another text is there, and nothing has changed; or the directory cannot be written.
pub fn write_definitions(directory: &Path, files: &[(String, &str)]) -> Result<(), Problem> {
    let mut new = Vec::new();
    for (name, text) in files {
        let path = directory.join(name);
        match read_import(&path) {
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
