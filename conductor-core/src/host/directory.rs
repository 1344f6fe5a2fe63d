//! The unit directory: read in one go, changed atomically, and only where it is conductor's.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use tempfile::TempPath;

use crate::error::{PathContext as _, PathError};
use crate::name::UnitName;
use crate::plan::{Observed, Step};
use crate::release::PREFIX;
use crate::unit::{Link, Metadata, Unit, UnitSet};

/// The prefix of files that are being written; systemd skips names that begin with a dot.
const TEMPORARY: &str = ".conductor-";
const WANTS: &str = ".wants";

/// Why the unit directory cannot be used.
pub type DirectoryError = PathError;

/// A directory of unit files, such as `/etc/systemd/system`.
#[derive(Debug, Clone)]
pub struct UnitDirectory {
    path: PathBuf,
}

impl UnitDirectory {
    /// Names a directory; it need not exist until something is written.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Reads what is conductor's, and what only looks like it.
    ///
    /// # Errors
    /// The directory or a file of conductor's in it cannot be read.
    pub fn observe(&self) -> Result<Observed, DirectoryError> {
        let mut set = UnitSet::default();
        let mut foreign = BTreeMap::new();
        let (mut files, mut wants) = (Vec::new(), Vec::new());
        for (name, entry) in entries(&self.path)? {
            let kind = entry.file_type().at("look at", &entry.path())?;
            if let Some(by) = name.strip_suffix(WANTS) {
                match by.parse() {
                    Ok(by) if kind.is_dir() => wants.push(by),
                    // Also a link to a directory: what is behind it is somebody else's.
                    _ => {
                        foreign.insert(name, "no directory");
                    }
                }
            } else if name.starts_with(PREFIX) {
                let Ok(unit) = name.parse::<UnitName>() else { continue };
                if kind.is_file() {
                    files.push((unit, entry.path()));
                } else {
                    let what = if kind.is_symlink() { "a symbolic link" } else { "no file" };
                    foreign.insert(name, what);
                }
            }
        }
        let read = files.into_par_iter().map(|(name, path)| Ok((name, read_unit(&path)?)));
        for (name, unit) in read.collect::<Result<Vec<_>, DirectoryError>>()? {
            if let Some(unit) = unit {
                set.units.insert(name, unit);
            } else {
                let what = "a file without [X-Conductor] metadata";
                foreign.insert(name.to_string(), what);
            }
        }
        let links = wants.into_par_iter().map(|by| self.links(&by));
        for (link, own) in links.collect::<Result<Vec<_>, _>>()?.into_iter().flatten() {
            if own {
                set.links.insert(link);
            } else {
                foreign.insert(link.to_string(), "no link to the unit of this name");
            }
        }
        Ok(Observed::new(set, foreign))
    }

    /// Reads the links to units of conductor's names in one `.wants` directory, and whether each
    /// leads where it should.
    fn links(&self, by: &UnitName) -> Result<Vec<(Link, bool)>, DirectoryError> {
        let mut links = Vec::new();
        for (name, entry) in entries(&self.path.join(format!("{by}{WANTS}")))? {
            match name.parse() {
                Ok(unit) if name.starts_with(PREFIX) => {
                    let to = fs::read_link(entry.path());
                    let own = to.is_ok_and(|to| to == link_target(&unit));
                    links.push((Link { by: by.clone(), unit }, own));
                }
                _ => {}
            }
        }
        Ok(links)
    }

    /// Carries out the steps that change files, all of them durable when it returns.
    ///
    /// New content goes to temporary files first, one `syncfs(2)` makes all of it durable, and then
    /// each is renamed; so a crash leaves every file either old or new, and the cost of the sync
    /// does not grow with the number of files. Steps of other kinds are skipped.
    ///
    /// # Errors
    /// Whatever the file system says; files that were not renamed yet are removed again.
    pub fn carry_out(&self, steps: &[&Step]) -> Result<(), DirectoryError> {
        if !steps.iter().any(|step| step.is_file()) {
            return Ok(());
        }
        fs::create_dir_all(&self.path).at("create", &self.path)?;
        self.remove_leftovers()?;
        let written = steps.par_iter().filter_map(|step| match step {
            Step::Write { name, unit, .. } => Some(self.write(name, &unit.text)),
            _ => None,
        });
        let written = written.collect::<Result<Vec<_>, _>>()?;
        if !written.is_empty() {
            self.sync()?;
        }
        for (path, temporary) in written {
            temporary.persist(&path).map_err(|error| error.error).at("write", &path)?;
        }
        for step in steps {
            match step {
                Step::Enable(link) => self.enable(link)?,
                Step::Disable(link) => self.disable(link)?,
                Step::Remove(name) => remove_file(&self.path.join(name.as_str()))?,
                Step::Write { .. } | Step::Start(_) | Step::Restart(_) | Step::Stop(_) => {}
            }
        }
        self.sync()
    }

    /// Writes a text next to where it is to be; the file is closed, so that any number of them may
    /// wait for the rename, and goes when it is dropped before.
    fn write(&self, name: &UnitName, text: &str) -> Result<(PathBuf, TempPath), DirectoryError> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(TEMPORARY).permissions(Permissions::from_mode(0o644));
        let mut file = builder.tempfile_in(&self.path).at("create a file in", &self.path)?;
        file.write_all(text.as_bytes()).at("write", file.path())?;
        Ok((self.path.join(name.as_str()), file.into_temp_path()))
    }

    fn sync(&self) -> Result<(), DirectoryError> {
        let directory = File::open(&self.path).at("open", &self.path)?;
        rustix::fs::syncfs(&directory).at("sync", &self.path)
    }

    /// Removes temporary files of a process that was killed while it wrote; the lock is held, so
    /// nobody else is writing now.
    fn remove_leftovers(&self) -> Result<(), DirectoryError> {
        for entry in self.path.read_dir().at("read", &self.path)? {
            let entry = entry.at("read", &self.path)?;
            if entry.file_name().as_encoded_bytes().starts_with(TEMPORARY.as_bytes()) {
                remove_file(&entry.path())?;
            }
        }
        Ok(())
    }

    fn enable(&self, link: &Link) -> Result<(), DirectoryError> {
        let directory = self.path.join(link.directory());
        let path = directory.join(link.unit.as_str());
        let link_it = || symlink(link_target(&link.unit), &path);
        let made = match link_it() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                fs::create_dir_all(&directory).at("create", &directory)?;
                link_it()
            }
            made => made,
        };
        match made {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            made => made.at("create", &path),
        }
    }

    fn disable(&self, link: &Link) -> Result<(), DirectoryError> {
        let directory = self.path.join(link.directory());
        remove_file(&directory.join(link.unit.as_str()))?;
        // The directory of a target of conductor's own goes with its last link.
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

/// Reads a unit file; `None` if it is not conductor's.
fn read_unit(path: &Path) -> Result<Option<Unit>, DirectoryError> {
    let bytes = fs::read(path).at("read", path)?;
    // What is not UTF-8 is not conductor's either.
    let Ok(text) = String::from_utf8(bytes) else { return Ok(None) };
    Ok(Metadata::parse(&text).map(|metadata| Unit { metadata, text }))
}

/// Gives what a link in a `.wants` directory points to. Relative, so that it holds in an image that
/// is built under another root, too.
fn link_target(unit: &UnitName) -> PathBuf {
    Path::new("..").join(unit.as_str())
}

fn remove_file(path: &Path) -> Result<(), DirectoryError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error).at("remove", path),
        _ => Ok(()),
    }
}

/// Lists a directory by name; one that does not exist is empty.
fn entries(path: &Path) -> Result<BTreeMap<String, fs::DirEntry>, DirectoryError> {
    let listing = match path.read_dir() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
        listing => listing.at("read", path)?,
    };
    let mut entries = BTreeMap::new();
    for entry in listing {
        let entry = entry.at("read", path)?;
        // A name that is not UTF-8 cannot be one of conductor's.
        if let Ok(name) = entry.file_name().into_string() {
            entries.insert(name, entry);
        }
    }
    Ok(entries)
}
