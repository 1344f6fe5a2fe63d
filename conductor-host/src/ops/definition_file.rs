//! Installs a definition from memory as a file, and takes it back.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::Conductor;
use super::error::Error;
use crate::system::atomic::{self, Change};
use crate::system::{all_definitions, open, read_import};
use conductor_core::definition::{DefinitionText, EXTENSIONS};
use conductor_core::error::{PathError, Problem, Problems};
use conductor_core::name::ServiceId;
use conductor_core::service::check_conflicts;

/// The permission of others to read a file.
const OTHERS_READ: u32 = 0o004;

/// What an installation, or the removal of a definition, did to the directory of definitions.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct InstalledDefinition {
    directory: PathBuf,
    /// The file that the definition has now, if it has one.
    name: Option<String>,
    changed: bool,
    /// The files that the definition had before.
    before: Vec<Found>,
}

/// A file of a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    name: String,
    text: String,
    /// Whether only its owner can read it.
    is_private: bool,
}

impl Found {
    fn write(&self) -> Change<'_> {
        match self.is_private {
            true => Change::WritePrivate(&self.name, &self.text),
            false => Change::Write(&self.name, &self.text),
        }
    }
}

impl InstalledDefinition {
    /// Returns the file that the definition has now; `None` if it was removed.
    pub fn file(&self) -> Option<PathBuf> {
        self.name.as_ref().map(|name| self.directory.join(name))
    }

    /// Returns whether a file was written or removed.
    pub fn changed(&self) -> bool {
        self.changed
    }

    /// Puts the files back that the definition had before, for a change that failed and changed nothing else.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn undo(self) -> Result<(), Error> {
        if !self.changed {
            return Ok(());
        }
        let mut changes: Vec<_> = self.before.iter().map(Found::write).collect();
        let is_new = |name: &&String| self.before.iter().all(|before| before.name != **name);
        changes.extend(self.name.as_ref().filter(is_new).map(|name| Change::Remove(name)));
        Ok(atomic::change_all(&self.directory, &changes)?)
    }
}

impl Conductor {
    /// Installs a definition as the file `ID.yaml`, `ID.json` or `ID.toml` in the directory of definitions, in place
    /// of any of these. Everybody can read it, unless only the owner could read the old one. It does not run the
    /// services: an [`Apply`](super::Apply) of what [`read`](Self::read) returns does.
    ///
    /// A crash leaves each file old or new.
    ///
    /// # Errors
    /// The definition excludes another one in the directory, or a file of another name defines the same; one of its
    /// own files is a link, or not text; the directory cannot be read or written. Nothing has changed then.
    pub fn install_definition(
        &self,
        definition: &DefinitionText,
    ) -> Result<InstalledDefinition, Error> {
        let (id, directory) = (definition.id(), &self.paths.definitions);
        let before = self.own_files(id)?;
        let (others, _) = all_definitions(directory);
        let is_own = |file: &Path| {
            file.file_name().is_some_and(|name| before.iter().any(|own| name == own.name.as_str()))
        };
        let mut services = others;
        services.retain(|service| !is_own(&service.origin.file));
        // Of two that exclude each other, the later one is told.
        services.extend(definition.services().iter().cloned());
        if let Err(Problems(mut problems)) = check_conflicts(&services) {
            problems.retain(|problem| problem.file == definition.file());
            if !problems.is_empty() {
                return Err(Problems(problems).into());
            }
        }
        let name = definition.file().display().to_string();
        let is_private = before.iter().any(|before| before.is_private);
        let new = Found { name: name.clone(), text: definition.text().to_owned(), is_private };
        let changed = before != [new.clone()];
        if changed {
            open::make_directories(directory)?;
            // The new one first: until the old ones are gone, there are two, which an apply refuses. With none, it
            // could remove the service.
            let old = before.iter().filter(|before| before.name != name);
            let steps: Vec<_> = [new.write()]
                .into_iter()
                .chain(old.map(|before| Change::Remove(&before.name)))
                .collect();
            atomic::change_all(directory, &steps)?;
        }
        Ok(InstalledDefinition { directory: directory.clone(), name: Some(name), changed, before })
    }

    /// Removes the files `ID.yaml`, `ID.yml`, `ID.json` and `ID.toml` from the directory of definitions. What they
    /// define runs on, until a [`Remove`](super::Remove) of it.
    ///
    /// # Errors
    /// One of the files is a link, or not text; or the directory cannot be read or written.
    pub fn uninstall_definition(&self, id: &ServiceId) -> Result<InstalledDefinition, Error> {
        let before = self.own_files(id)?;
        let steps: Vec<_> = before.iter().map(|before| Change::Remove(&before.name)).collect();
        let (directory, changed) = (self.paths.definitions.clone(), !before.is_empty());
        if changed {
            atomic::change_all(&directory, &steps)?;
        }
        Ok(InstalledDefinition { directory, name: None, changed, before })
    }

    /// Returns the files in the directory of definitions that are named after an id.
    fn own_files(&self, id: &ServiceId) -> Result<Vec<Found>, Error> {
        let refused = |problem: Problem| Error::from(Problems(vec![problem]));
        let directory = &self.paths.definitions;
        if let Some(trust) = self.trust {
            trust.check(directory).map_err(refused)?;
        }
        let mut found = Vec::new();
        for extension in EXTENSIONS {
            let name = format!("{id}.{extension}");
            let path = directory.join(&name);
            let metadata = match path.symlink_metadata() {
                Ok(metadata) => metadata,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(source) => return Err(PathError { action: "read", path, source }.into()),
            };
            if metadata.is_symlink() {
                let problem = Problem::of_file(&path, "the file is a symbolic link");
                return Err(refused(
                    problem.hint("change the file that it names, or remove the link"),
                ));
            }
            let text = read_import(&path).map_err(|message| {
                refused(Problem::of_file(&path, message).hint("move it away"))
            })?;
            let is_private = metadata.mode() & OTHERS_READ == 0;
            found.extend(text.map(|text| Found { name, text, is_private }));
        }
        Ok(found)
    }
}
