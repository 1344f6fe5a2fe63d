//! Makes definitions of crontabs: of a user, of `/etc/crontab`, and of `/etc/cron.d`.
//!
//! A crontab becomes a service without instances, whose jobs are its entries; a line that calls
//! `conductor run` already can become a job of the service that it calls. What cron would do with a line
//! is what Debian's cron does (crontab(5)), also where that surprises: of `\\` in a command one
//! backslash is left, and a variable changes only what stands below it.
//!
//! Same crontabs, same definitions, byte for byte.

mod draft;
mod env;
mod fold;
mod import;
mod line;
mod naming;
mod notes;
mod percent;
mod variables;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use draft::{Draft, Kind};

use crate::error::Problem;
use crate::name::ServiceId;
use crate::value::UserName;

pub use line::{CrontabLine, Entry, lines};

/// Whose commands a crontab has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// Each line says it, as in `/etc/crontab`.
    Column,
    /// This user's.
    User(UserName),
    /// Those of whoever's systemd runs them.
    Manager,
}

/// One crontab.
#[derive(Debug, Clone)]
pub struct Source<'s> {
    /// The file it is from, as messages and comments name it.
    pub file: &'s Path,
    /// What is in it.
    pub text: &'s [u8],
    /// Whose commands it has.
    pub owner: Owner,
    /// The id of its service; made of the file's name unless given.
    pub id: Option<ServiceId>,
}

/// A definition that was made of a crontab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// The id of its service.
    pub id: ServiceId,
    /// Its text, in YAML.
    pub text: String,
}

/// What became of crontabs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Imported {
    /// The definitions, in the order of the crontabs.
    pub definitions: Vec<Definition>,
    /// How many entries are in them.
    pub entries: usize,
    /// The lines that could not be carried over, each with the reason.
    pub left_out: Vec<Problem>,
    /// What was carried over, and does not do quite what it did under cron.
    pub notes: Vec<Problem>,
}

/// Takes crontabs and makes definitions of them.
#[derive(Debug, Default)]
pub struct Importer {
    fold: bool,
    fold_hint: Option<&'static str>,
    defined: BTreeMap<ServiceId, PathBuf>,
    drafts: Vec<Draft>,
    left_out: Vec<Problem>,
    notes: Vec<Problem>,
}

impl Importer {
    /// Makes one that was given nothing yet; `defined` says where the services are that have a
    /// definition.
    pub fn new(defined: BTreeMap<ServiceId, PathBuf>) -> Self {
        Self { defined, ..Self::default() }
    }

    /// Has lines that call `conductor run` become jobs of the service that they call.
    #[must_use]
    pub fn fold(mut self, fold: bool) -> Self {
        self.fold = fold;
        self
    }

    /// Sets the hint at lines that could become jobs of the service that they call: how a caller has them do so.
    #[must_use]
    pub fn fold_hint(mut self, hint: &'static str) -> Self {
        self.fold_hint = Some(hint);
        self
    }

    /// Takes a crontab.
    pub fn add(&mut self, source: &Source<'_>) {
        import::import(self, source);
    }

    /// Makes the definitions.
    pub fn finish(self) -> Imported {
        let Self { fold: _, fold_hint: _, defined, drafts, left_out, mut notes } = self;
        let of_service = |draft: &Draft| match &draft.kind {
            Kind::Service { id, .. } => Some(id.clone()),
            Kind::Crontab { .. } => None,
        };
        let mut taken: BTreeSet<_> = drafts.iter().filter_map(of_service).collect();
        let entries = drafts.iter().map(|draft| draft.jobs.len()).sum();
        let definitions = drafts.iter().map(|draft| {
            let id = of_service(draft).unwrap_or_else(|| {
                let id = naming::service(&draft.wanted, &mut taken);
                if let Some(path) = defined.get(&id) {
                    let note = Problem::of_file(path, format!("{id} is defined here already"));
                    notes.push(note.hint(
                        "replace it, merge the jobs into it, or import them under another id",
                    ));
                }
                id
            });
            Definition { text: draft.write(&id), id }
        });
        Imported { definitions: definitions.collect(), entries, left_out, notes }
    }
}
