//! Collects what an import says, with names of files and places.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use conductor_core::error::Problem;

use crate::node::Place;

/// A file that was read.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// Its path, as the caller named it.
    pub(crate) shown: PathBuf,
    /// The directory at which its relative paths begin; absolute.
    pub(crate) base: PathBuf,
}

/// What was left out, what was replaced, and the files that places refer to.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) files: Vec<SourceFile>,
    pub(crate) left_out: Vec<Problem>,
    pub(crate) notes: Vec<Problem>,
    /// The places of values that contain the value of a variable.
    pub(crate) from_variables: BTreeSet<Place>,
}

/// The place of something, with its path in the document: `services.web.ports[0]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) at: Place,
    pub(crate) path: String,
}

impl Origin {
    pub(crate) fn new(at: Place, path: impl Into<String>) -> Self {
        Self { at, path: path.into() }
    }

    /// Returns the origin of an item in a list.
    pub(crate) fn item(&self, index: usize, at: Place) -> Self {
        Self { at, path: format!("{}[{index}]", self.path) }
    }

    /// Returns the origin of a key in a mapping.
    pub(crate) fn key(&self, key: &str, at: Place) -> Self {
        Self { at, path: format!("{}.{key}", self.path) }
    }
}

impl Report {
    /// Adds a file, and returns its number.
    pub(crate) fn add_file(&mut self, shown: &Path, base: &Path) -> usize {
        self.files.push(SourceFile { shown: shown.to_owned(), base: base.to_owned() });
        self.files.len() - 1
    }

    /// Returns the directory at which the relative paths of a file begin.
    pub(crate) fn base(&self, at: Place) -> &Path {
        self.files.get(at.file).map_or(Path::new("/"), |file| &file.base)
    }

    /// Returns a problem at a place.
    pub(crate) fn problem(&self, origin: &Origin, message: impl Into<String>) -> Problem {
        let Origin { at, path } = origin;
        Problem {
            file: self.files.get(at.file).map(|file| file.shown.clone()).unwrap_or_default(),
            position: (at.line > 0).then_some((at.line, at.column)),
            path: path.clone(),
            message: message.into(),
            hint: None,
        }
    }

    /// Says that something was left out: what it does, and what to do instead.
    pub(crate) fn leave_out(
        &mut self,
        origin: &Origin,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let problem = self.problem(origin, message);
        let hint = hint.into();
        self.left_out.push(if hint.is_empty() { problem } else { problem.hint(hint) });
    }

    /// Says that something was replaced, or behaves differently.
    pub(crate) fn note(&mut self, origin: &Origin, message: impl Into<String>) {
        let note = self.problem(origin, message);
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Sorts what is said by its place, and removes repetitions.
    pub(crate) fn sort(&mut self) {
        for problems in [&mut self.left_out, &mut self.notes] {
            let files: Vec<_> = self.files.iter().map(|file| file.shown.clone()).collect();
            let rank = |problem: &Problem| files.iter().position(|file| *file == problem.file);
            problems.sort_by_key(|problem| (rank(problem), problem.position));
            let mut seen: Vec<Problem> = Vec::new();
            problems.retain(|problem| {
                let is_new = !seen.contains(problem);
                seen.extend(is_new.then(|| problem.clone()));
                is_new
            });
        }
    }
}
