//! Imports crontabs as definitions: of users, of `/etc/crontab`, and of `/etc/cron.d`.
//!
//! A crontab becomes a service without instances, whose jobs are its entries. A line that already calls
//! `conductor run` can become a job of the service that it calls. Lines mean what they mean to Debian's cron
//! (crontab(5)): `\\` in a command is one backslash, and a variable affects only the lines below it.
//!
//! An anacrontab becomes such a service, too.
//!
//! The same crontabs always become the same definitions, byte for byte.

mod anacron;
mod crowd;
mod draft;
mod env;
mod fold;
mod import;
mod line;
mod naming;
mod notes;
mod percent;
mod programs;
mod shell;
mod simple;
mod variables;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use draft::{Draft, Kind};

use crate::error::Problem;
use crate::name::ServiceId;
use crate::value::UserName;

pub use anacron::is_anacrontab;
pub use line::{CrontabLine, Entry, lines};

/// The user as which a crontab's commands run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// The user in each line, as in `/etc/crontab`.
    Column,
    /// This user.
    User(UserName),
    /// The user of the systemd that runs them.
    Manager,
}

/// One crontab.
#[derive(Debug, Clone)]
pub struct Source<'s> {
    /// The file, as messages and comments name it.
    pub file: &'s Path,
    /// Its content.
    pub text: &'s [u8],
    /// The user as which its commands run.
    pub owner: Owner,
    /// The id of its service; by default made from the file's name.
    pub id: Option<ServiceId>,
}

/// A definition made from a crontab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// The id of its service.
    pub id: ServiceId,
    /// Its text, in YAML.
    pub text: String,
}

/// The result of an import.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Imported {
    /// The definitions, in the order of the crontabs.
    pub definitions: Vec<Definition>,
    /// The number of entries in them.
    pub entries: usize,
    /// The lines that could not be imported, each with the reason.
    pub left_out: Vec<Problem>,
    /// What was imported, but behaves differently than under cron.
    pub notes: Vec<Problem>,
}

/// Imports crontabs as definitions.
#[derive(Debug, Default)]
pub struct Importer {
    fold: bool,
    pam: bool,
    fold_hint: Option<&'static str>,
    system_hint: Option<&'static str>,
    without_mail: bool,
    mail_hint: Option<&'static str>,
    defined: BTreeMap<ServiceId, PathBuf>,
    drafts: Vec<Draft>,
    left_out: Vec<Problem>,
    notes: Vec<Problem>,
}

impl Importer {
    /// Creates an importer without crontabs; `defined` has the services that have a definition, with its
    /// path.
    pub fn new(defined: BTreeMap<ServiceId, PathBuf>) -> Self {
        Self { defined, ..Self::default() }
    }

    /// Makes lines that call `conductor run` jobs of the service that they call.
    #[must_use]
    pub fn fold(mut self, fold: bool) -> Self {
        self.fold = fold;
        self
    }

    /// Sets whether jobs of crontabs run in a session of PAM's service `cron`, as commands of cron do.
    #[must_use]
    pub fn pam(mut self, pam: bool) -> Self {
        self.pam = pam;
        self
    }

    /// Sets the hint for lines that could become jobs of the service that they call: how to import them so.
    #[must_use]
    pub fn fold_hint(mut self, hint: &'static str) -> Self {
        self.fold_hint = Some(hint);
        self
    }

    /// Sets the hint for a crontab whose lines seem to name a user although it has an owner: how to import it.
    #[must_use]
    pub fn system_hint(mut self, hint: &'static str) -> Self {
        self.system_hint = Some(hint);
        self
    }

    /// Sets whether output is mailed nowhere, whatever a crontab says.
    #[must_use]
    pub fn without_mail(mut self, without: bool) -> Self {
        self.without_mail = without;
        self
    }

    /// Sets the hint for a crontab without `MAILTO`, whose users get the output: how to import it without.
    #[must_use]
    pub fn mail_hint(mut self, hint: &'static str) -> Self {
        self.mail_hint = Some(hint);
        self
    }

    /// Adds a crontab.
    pub fn add(&mut self, source: &Source<'_>) {
        import::import(self, source);
    }

    /// Returns the definitions.
    pub fn finish(self) -> Imported {
        let Self { defined, drafts, left_out, mut notes, .. } = self;
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
                    let note = Problem::of_file(path, format!("{id} is already defined here"));
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
