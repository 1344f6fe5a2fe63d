//! The unit directory: reads it in one pass, and changes only conductor's files, atomically.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use tempfile::TempPath;

use super::{atomic, new_directory, observe, open};
use conductor_core::error::{PathContext as _, PathError};
use conductor_core::name::{ServiceId, UnitName};
use conductor_core::plan::{FileChange, Observed, Step};
use conductor_core::release::{PREFIX, STARTED_BY, started_service};
use conductor_core::unit::{Link, UnitSet};

/// The suffix of the directory with the units that a unit wants.
pub(super) const WANTS: &str = ".wants";

/// Why the unit directory cannot be used.
pub type DirectoryError = PathError;

/// A directory of unit files, such as `/etc/systemd/system`.
#[derive(Debug, Clone)]
pub struct UnitDirectory {
    path: PathBuf,
}

impl UnitDirectory {
    /// Refers to a directory, which need not exist until something is written.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Reads conductor's units, and the names of other files in their place.
    ///
    /// # Errors
    /// The directory or a file of conductor's in it cannot be read.
    pub fn observe(&self) -> Result<Observed, DirectoryError> {
        observe::observe(&self.path, PREFIX)
    }

    /// Reads the units of one service, and possibly of others whose ids have the same prefix.
    ///
    /// # Errors
    /// The directory or a file in it cannot be read.
    pub fn observe_service(&self, service: &ServiceId) -> Result<Observed, DirectoryError> {
        observe::observe(&self.path, &format!("{PREFIX}{service}"))
    }

    /// Writes units and links beside what is there. A directory that does not exist yet appears with all of them
    /// at once.
    ///
    /// # Errors
    /// The directory is a symbolic link, or a file operation fails.
    pub fn write_all(&self, set: &UnitSet) -> Result<(), DirectoryError> {
        let is_new =
            self.path.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound);
        if is_new && self.path.file_name().is_some() {
            return new_directory::create(&self.path, set);
        }
        self.make()?;
        let write = set.units.iter().map(|(name, unit)| Step::Write {
            name: name.clone(),
            unit: unit.clone().into(),
            change: FileChange::New,
        });
        let steps: Vec<_> = write.chain(set.links.iter().cloned().map(Step::Enable)).collect();
        self.carry_out(&steps.iter().collect::<Vec<_>>())
    }

    /// Creates the directory if it is missing, and checks that it is not a symbolic link: otherwise whoever
    /// can create the link chooses where units are written.
    fn make(&self) -> Result<(), DirectoryError> {
        open::make_real_directory(&self.path).map(drop)
    }

    /// Carries out the steps that change files. All changes are durable when it returns.
    ///
    /// It writes temporary files, makes them durable with one `syncfs(2)`, and renames each. So a crash
    /// leaves every file old or new, and the cost of the sync does not grow with the number of files. Steps
    /// of other kinds are skipped.
    ///
    /// # Errors
    /// A file operation fails. Temporary files are removed.
    pub fn carry_out(&self, steps: &[&Step]) -> Result<(), DirectoryError> {
        if !steps.iter().any(|step| step.is_file()) {
            return Ok(());
        }
        open::make_directories(&self.path)?;
        atomic::remove_leftovers(&self.path)?;
        let written = steps.par_iter().filter_map(|step| match step {
            Step::Write { name, unit, change } => Some(self.write(name, &unit.text, *change)),
            _ => None,
        });
        let written = written.collect::<Result<Vec<_>, _>>()?;
        if !written.is_empty() {
            self.sync()?;
        }
        written.into_par_iter().try_for_each(|(path, temporary): (PathBuf, TempPath)| {
            temporary.persist(&path).map_err(|error| error.error).at("write", &path)
        })?;
        let enabled = steps.iter().filter_map(|step| match step {
            Step::Enable(link) => Some(link),
            _ => None,
        });
        let mut links: Vec<_> = enabled.collect();
        links.sort_unstable();
        links.par_chunk_by(|a, b| a.by == b.by).try_for_each(|links| self.enable(links))?;
        for step in steps {
            if let Step::Disable(link) = step {
                self.disable(link)?;
            }
        }
        let is_shared = |step: &&Step| matches!(step, Step::RemoveShared(_));
        let removes_shared = steps.iter().any(is_shared) && !self.starts_a_service()?;
        // First, because a service without units cannot be removed again.
        let shared = steps.iter().filter(|step| removes_shared && is_shared(step));
        let own = steps.iter().filter(|step| matches!(step, Step::Remove(_)));
        for name in shared.chain(own).filter_map(|step| step.unit()) {
            remove_file(&self.path.join(name.as_str()))?;
        }
        // systemd looks for new files only if the directory's time has changed.
        atomic::renew(&self.path).at("touch", &self.path)?;
        self.sync()
    }

    /// Writes a text to a temporary file in the same directory. The file is closed, so that any number may
    /// wait for their rename. Dropping it removes it.
    fn write(
        &self,
        name: &UnitName,
        text: &str,
        change: FileChange,
    ) -> Result<(PathBuf, TempPath), DirectoryError> {
        let mut file = atomic::temporary(&self.path)?;
        file.write_all(text.as_bytes()).at("write", file.path())?;
        let path = self.path.join(name.as_str());
        if change == FileChange::Record {
            // systemd treats a file with another time as changed.
            let time =
                path.metadata().and_then(|metadata| metadata.modified()).at("stat", &path)?;
            file.as_file().set_modified(time).at("write", file.path())?;
        }
        Ok((path, file.into_temp_path()))
    }

    fn sync(&self) -> Result<(), DirectoryError> {
        let directory = File::open(&self.path).at("open", &self.path)?;
        rustix::fs::syncfs(&directory).at("sync", &self.path)
    }

    /// Creates links in one directory, and the directory itself.
    fn enable(&self, links: &[&Link]) -> Result<(), DirectoryError> {
        let Some(first) = links.first() else { return Ok(()) };
        let directory = self.path.join(first.directory());
        match first.by.as_str().starts_with(PREFIX) {
            true => open::make_own_directory(&directory)?,
            false => drop(open::make_real_directory(&directory)?),
        }
        for link in links {
            let path = directory.join(link.unit.as_str());
            made(symlink(link_target(&link.unit), &path)).at("create", &path)?;
        }
        Ok(())
    }

    /// Returns whether there is a link that starts a service at boot.
    fn starts_a_service(&self) -> Result<bool, DirectoryError> {
        for by in STARTED_BY {
            let path = self.path.join(format!("{by}{WANTS}"));
            let entries = match path.read_dir() {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                entries => entries.at("read", &path)?,
            };
            for entry in entries {
                let name = entry.at("read", &path)?.file_name();
                let unit = name.to_str().and_then(|name| name.parse().ok());
                if unit.is_some_and(|unit| started_service(&unit).is_some()) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn disable(&self, link: &Link) -> Result<(), DirectoryError> {
        let directory = self.path.join(link.directory());
        remove_file(&directory.join(link.unit.as_str()))?;
        // The directory of a target of conductor is removed with its last link.
        if link.by.as_str().starts_with(PREFIX) {
            match fs::remove_dir(&directory) {
                Err(error)
                    if !matches!(
                        error.kind(),
                        ErrorKind::NotFound | ErrorKind::DirectoryNotEmpty
                    ) =>
                {
                    return Err(error).at("remove", &directory);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Returns the target of a link in a `.wants` directory: the unit's file. It is relative, so that it is also valid in an image
/// that is built under another root.
pub(super) fn link_target(unit: &UnitName) -> String {
    format!("../{}", unit.file())
}

/// Accepts a link that exists: foreign files were rejected before.
fn made(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        result => result,
    }
}

fn remove_file(path: &Path) -> Result<(), DirectoryError> {
    open::gone(fs::remove_file(path)).at("remove", path)
}

#[cfg(test)]
mod tests {
    use conductor_core::release::{shared_units, start_link};
    use conductor_core::runtime::Scope;
    use conductor_core::unit::Templates;

    use super::*;

    #[test]
    fn what_all_services_share_stays_while_one_of_them_is_linked() {
        let root = tempfile::tempdir().unwrap();
        let units = UnitDirectory::new(root.path());
        let change = |steps: &[Step]| units.carry_out(&steps.iter().collect::<Vec<_>>()).unwrap();
        let left = || units.observe().unwrap().set.units.len();
        let shared = shared_units(Scope::System, &Templates::new(&[]).unwrap()).unwrap().units;
        let links = ["a", "b"].map(|id| start_link(&id.parse().unwrap(), Scope::System));
        let write = shared.iter().map(|(name, unit)| {
            let (name, unit) = (name.clone(), unit.clone().into());
            Step::Write { name, unit, change: FileChange::New }
        });
        change(&write.chain(links.iter().cloned().map(Step::Enable)).collect::<Vec<_>>());
        // systemd knows the instance of a template by a link to its file.
        let link = root.path().join(links[0].to_string());
        assert_eq!(link.read_link().unwrap(), Path::new("../conductor-start@.service"));
        assert!(link.exists());
        let observed = units.observe().unwrap();
        assert_eq!(observed.set.links.len(), 2);
        assert_eq!(observed.services().map(ServiceId::as_str).collect::<Vec<_>>(), ["a", "b"]);
        for (link, count) in links.into_iter().zip([3, 0]) {
            let remove = shared.keys().cloned().map(Step::RemoveShared);
            change(&[Step::Disable(link)].into_iter().chain(remove).collect::<Vec<_>>());
            assert_eq!(left(), count);
        }
    }
}
