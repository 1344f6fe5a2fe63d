//! A record of the directories in which conductor has written files for proxies.
//!
//! Without it, nobody would look for the files of a proxy that was removed from the host settings, or that has another
//! directory now.

use std::collections::BTreeSet;
use std::path::Path;

use crate::system::atomic;
use crate::system::open::{make_directories, read_note};
use conductor_core::error::PathError;
use conductor_core::settings::ProxySettings;

/// A directory, and the end of the names of conductor's files in it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) directory: String,
    pub(super) suffix: String,
}

impl Place {
    pub(super) fn of(settings: &ProxySettings) -> Self {
        Self { directory: settings.directory.to_string(), suffix: settings.suffix.to_string() }
    }
}

/// Reads the record. Each line has a suffix and a directory.
///
/// # Errors
/// It cannot be read.
pub(super) fn read(record: &Path) -> Result<BTreeSet<Place>, PathError> {
    let text = read_note(record)?.unwrap_or_default();
    let places = text.lines().filter_map(|line| line.split_once(' '));
    Ok(places.map(|(suffix, directory)| place(directory, suffix)).collect())
}

/// Adds a place to the record.
///
/// # Errors
/// The record cannot be read or written.
pub(super) fn note(record: &Path, new: Place) -> Result<(), PathError> {
    let mut places = read(record)?;
    if !places.insert(new) {
        return Ok(());
    }
    let line = |Place { directory, suffix }: &Place| format!("{suffix} {directory}\n");
    let text: String = places.iter().map(line).collect();
    let directory = record.parent().unwrap_or(Path::new("/"));
    make_directories(directory)?;
    let name = record.file_name().unwrap_or_default().to_string_lossy();
    atomic::replace(directory, &name, Some(&text))
}

fn place(directory: &str, suffix: &str) -> Place {
    Place { directory: directory.to_owned(), suffix: suffix.to_owned() }
}
