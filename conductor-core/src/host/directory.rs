//! The unit directory: read in one go, changed atomically, and only where it is conductor's.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::{PathContext as _, PathError};
use crate::name::UnitName;
use crate::plan::{Observed, Step};
use crate::release::PREFIX;
use crate::unit::{Link, Metadata, Unit};

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
        let mut observed = Observed::default();
        for (name, entry) in entries(&self.path)? {
            let kind = entry.file_type().at("look at", &entry.path())?;
            if let Some(by) = name.strip_suffix(WANTS) {
                match by.parse() {
                    Ok(by) if kind.is_dir() => self.observe_links(&by, &mut observed)?,
                    _ if name.starts_with(PREFIX) => {
                        observed.foreign.insert(name, "no directory");
                    }
                    _ => {}
                }
            } else if name.starts_with(PREFIX) {
                let Ok(unit) = name.parse::<UnitName>() else {
                    continue;
                };
                if !kind.is_file() {
                    let what = if kind.is_symlink() {
                        "a symbolic link"
                    } else {
                        "no file"
                    };
                    observed.foreign.insert(name, what);
                    continue;
                }
                let path = entry.path();
                let bytes = fs::read(&path).at("read", &path)?;
                let text = String::from_utf8_lossy(&bytes).into_owned();
                match Metadata::parse(&text) {
                    Some(metadata) => {
                        observed.set.units.insert(unit, Unit { metadata, text });
                    }
                    None => {
                        observed
                            .foreign
                            .insert(name, "a file without [X-Conductor] metadata");
                    }
                }
            }
        }
        Ok(observed)
    }

    fn observe_links(&self, by: &UnitName, observed: &mut Observed) -> Result<(), DirectoryError> {
        for (name, entry) in entries(&self.path.join(format!("{by}{WANTS}")))? {
            let Ok(unit) = name.parse::<UnitName>() else {
                continue;
            };
            if !name.starts_with(PREFIX) {
                continue;
            }
            let link = Link {
                by: by.clone(),
                unit,
            };
            let path = entry.path();
            let own = fs::read_link(&path).is_ok_and(|to| to == link_target(&link.unit));
            if own {
                observed.set.links.insert(link);
            } else {
                observed
                    .foreign
                    .insert(link.to_string(), "no link to the unit of this name");
            }
        }
        Ok(())
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
        let mut written = Vec::new();
        for step in steps {
            if let Step::Write { name, unit, .. } = step {
                written.push((self.path.join(name.as_str()), self.write(&unit.text)?));
            }
        }
        if !written.is_empty() {
            self.sync()?;
        }
        for (path, file) in written {
            file.into_temp_path()
                .persist(&path)
                .map_err(|error| error.error)
                .at("write", &path)?;
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

    fn write(&self, text: &str) -> Result<NamedTempFile, DirectoryError> {
        let mut builder = tempfile::Builder::new();
        builder
            .prefix(TEMPORARY)
            .permissions(Permissions::from_mode(0o644));
        let mut file = builder
            .tempfile_in(&self.path)
            .at("create a file in", &self.path)?;
        file.write_all(text.as_bytes()).at("write", file.path())?;
        Ok(file)
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
            if entry
                .file_name()
                .as_encoded_bytes()
                .starts_with(TEMPORARY.as_bytes())
            {
                remove_file(&entry.path())?;
            }
        }
        Ok(())
    }

    fn enable(&self, link: &Link) -> Result<(), DirectoryError> {
        let directory = self.path.join(link.directory());
        fs::create_dir_all(&directory).at("create", &directory)?;
        let path = directory.join(link.unit.as_str());
        match symlink(link_target(&link.unit), &path) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            result => result.at("create", &path),
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
                        std::io::ErrorKind::NotFound | std::io::ErrorKind::DirectoryNotEmpty
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

/// Gives what a link in a `.wants` directory points to. Relative, so that it holds in an image that
/// is built under another root, too.
fn link_target(unit: &UnitName) -> PathBuf {
    Path::new("..").join(unit.as_str())
}

fn remove_file(path: &Path) -> Result<(), DirectoryError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).at("remove", path),
        _ => Ok(()),
    }
}

/// Lists a directory by name; one that does not exist is empty.
fn entries(path: &Path) -> Result<BTreeMap<String, fs::DirEntry>, DirectoryError> {
    let listing = match path.read_dir() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
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
