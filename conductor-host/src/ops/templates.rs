//! The templates in a directory of the user's own.

use std::path::{Path, PathBuf};

use super::error::Error;
use crate::system::read_template;
use conductor_core::error::PathContext as _;
use conductor_core::unit::Override;

/// Reads a directory of templates; every file in it has to be one.
pub(super) fn read_templates(directory: &Path) -> Result<Vec<Override>, Error> {
    let files = template_files(directory)?;
    if files.is_empty() {
        return Err(Error::NoTemplates { directory: directory.to_owned() });
    }
    let read = |file: PathBuf| Ok(Override { text: read_template(&file)?, file });
    files.into_iter().map(read).collect()
}

/// Returns the templates in a directory, sorted.
pub(super) fn template_files(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for entry in directory.read_dir().at("read", directory)? {
        let file = entry.at("read", directory)?.path();
        if file.extension().is_some_and(|extension| extension == "hbs") {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}
