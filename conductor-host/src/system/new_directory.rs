//! Creates a directory of units that is not there yet.
//!
//! Nobody sees the directory until it is complete. So its files need no temporary names of their own, which saves a
//! third of the kernel's time for a thousand services.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rayon::prelude::*;
use rustix::fd::{AsFd as _, OwnedFd};
use rustix::fs::{
    CWD, Mode, OFlags, RenameFlags, fchmod, mkdirat, openat, renameat_with, symlinkat, syncfs,
};
use rustix::io::Errno;

use super::directory::{DirectoryError, link_target};
use super::open;
use conductor_core::error::PathContext as _;
use conductor_core::unit::{Link, UnitSet};

/// The prefix of the name of a directory that is not complete. Programs that read units skip it, because it begins
/// with a dot.
const INCOMPLETE: &str = ".incomplete-conductor-";

/// Creates a directory with units and their links. It appears at once and complete, also after a crash.
///
/// # Errors
/// It exists meanwhile, or a file operation fails. Nothing is left.
pub(super) fn create(path: &Path, set: &UnitSet) -> Result<(), DirectoryError> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    open::make_directories(parent)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(INCOMPLETE).permissions(Permissions::from_mode(open::ENTERED));
    let staged = builder.tempdir_in(parent).at("create a directory in", parent)?;
    let directory = NewDirectory::open(staged.path()).at("create", path)?;
    directory.fill(set).at("write to", path)?;
    syncfs(&directory.descriptor).at("sync", path)?;
    rename(staged.path(), path).at("create", path)?;
    // It has another name now, so there is nothing to remove.
    let _ = staged.keep();
    File::open(parent).and_then(|parent| parent.sync_all()).at("sync", parent)
}

/// Renames a directory, unless something has the new name already.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // A file system without this flag. A directory replaces only an empty one.
        Err(Errno::INVAL | Errno::NOSYS) => fs::rename(from, to),
        result => Ok(result?),
    }
}

/// A directory that only this process uses.
struct NewDirectory {
    descriptor: OwnedFd,
    /// Whether what is created in it has the mode that it was created with. Otherwise the umask, or an access
    /// control list of the parent, has changed it.
    keeps_modes: bool,
}

impl NewDirectory {
    /// Opens a directory that was just created with the mode of those that everybody can enter.
    fn open(path: &Path) -> io::Result<Self> {
        let directory = open::enter(path)?;
        // A mode of files has no bit that this one does not have.
        let keeps_modes = open::has_mode(&directory, open::ENTERED)?;
        open::set_mode(&directory, open::ENTERED)?;
        Ok(Self { descriptor: directory.into(), keeps_modes })
    }

    fn fill(&self, set: &UnitSet) -> io::Result<()> {
        let units = set.units.par_iter();
        units.try_for_each(|(name, unit)| self.write(name.as_str(), unit.text.as_bytes()))?;
        let links: Vec<_> = set.links.iter().collect();
        links.par_chunk_by(|a, b| a.by == b.by).try_for_each(|links| self.link(links))
    }

    fn write(&self, name: &str, mut text: &[u8]) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(open::READABLE);
        let file = openat(&self.descriptor, name, flags, mode)?;
        if !self.keeps_modes {
            fchmod(&file, mode)?;
        }
        while !text.is_empty() {
            let written = rustix::io::retry_on_intr(|| rustix::io::write(&file, text))?;
            text = &text[written..];
        }
        Ok(())
    }

    /// Creates the links of one directory, and the directory.
    fn link(&self, links: &[&Link]) -> io::Result<()> {
        let Some(first) = links.first() else { return Ok(()) };
        let (directory, mode) = (first.directory(), Mode::from_raw_mode(open::ENTERED));
        mkdirat(&self.descriptor, &*directory, mode)?;
        if !self.keeps_modes {
            let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            fchmod(openat(&self.descriptor, &*directory, flags, Mode::empty())?, mode)?;
        }
        for link in links {
            let name = link.to_string();
            symlinkat(link_target(&link.unit), self.descriptor.as_fd(), name)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use conductor_core::release::{shared_units, start_link};
    use conductor_core::runtime::Scope;
    use conductor_core::unit::Templates;

    use super::*;
    use crate::system::UnitDirectory;

    fn set() -> UnitSet {
        let mut set = shared_units(Scope::System, &Templates::new(&[]).unwrap()).unwrap();
        let link = |id: &str| start_link(&id.parse().unwrap(), Scope::System);
        set.links.extend(["a", "b"].map(link));
        set
    }

    /// Returns the type and mode of everything below a directory, with the text of files and the targets of links.
    fn tree(path: &Path) -> BTreeMap<String, String> {
        let mut tree = BTreeMap::new();
        let mut directories = vec![path.to_owned()];
        while let Some(directory) = directories.pop() {
            for entry in directory.read_dir().unwrap() {
                let entry = entry.unwrap();
                let (at, metadata) = (entry.path(), entry.metadata().unwrap());
                let what = match metadata.file_type() {
                    kind if kind.is_symlink() => at.read_link().unwrap().display().to_string(),
                    kind if kind.is_file() => fs::read_to_string(&at).unwrap(),
                    _ => String::new(),
                };
                let mode = metadata.permissions().mode();
                let name = at.strip_prefix(path).unwrap().display().to_string();
                tree.insert(name, format!("{mode:o} {what}"));
                if metadata.is_dir() {
                    directories.push(at);
                }
            }
        }
        tree
    }

    #[test]
    fn a_new_directory_has_what_is_written_into_one_that_exists() {
        let root = tempfile::tempdir().unwrap();
        let [new, existing, of_group] =
            ["a/b/new", "existing", "of_group/new"].map(|it| root.path().join(it));
        fs::create_dir(&existing).unwrap();
        // Directories in it get this bit, so that what is created does not have the mode that it was created with.
        fs::create_dir(root.path().join("of_group")).unwrap();
        fs::set_permissions(root.path().join("of_group"), Permissions::from_mode(0o2755)).unwrap();
        for path in [&new, &existing, &of_group] {
            UnitDirectory::new(path).write_all(&set()).unwrap();
            assert!(open::has_mode(&File::open(path).unwrap(), open::ENTERED).unwrap());
        }
        let written = tree(&existing);
        assert_eq!(written.len(), 3 + 1 + 2);
        assert_eq!(tree(&new), written);
        assert_eq!(tree(&of_group), written);
        // Nothing is left beside them.
        for directory in ["", "a", "a/b", "of_group"] {
            let names = root.path().join(directory).read_dir().unwrap();
            assert!(
                names
                    .flatten()
                    .all(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."))
            );
        }
    }

    #[test]
    fn what_is_there_meanwhile_stays() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("units");
        fs::write(&path, "of someone else").unwrap();
        let error = create(&path, &set()).unwrap_err();
        assert_eq!((error.action, error.path.as_path()), ("create", &*path));
        assert_eq!(fs::read_to_string(&path).unwrap(), "of someone else");
        fs::remove_file(&path).unwrap();
        // Also an empty directory, whose mode somebody may have chosen.
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
        create(&path, &set()).unwrap_err();
        assert!(open::has_mode(&File::open(&path).unwrap(), 0o700).unwrap());
        assert_eq!(root.path().read_dir().unwrap().count(), 1, "nothing is left");
    }
}
