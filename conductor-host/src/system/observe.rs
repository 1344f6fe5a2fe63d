//! Reads a unit directory in one pass, with names relative to the open directory.
//!
//! An apply without changes spends most of its time in the kernel, in lookups of thousands of names. So the
//! path of the directory is resolved once, and no file is asked for a type that the listing has.

use std::collections::BTreeMap;
use std::io;
use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use rustix::buffer::spare_capacity;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, openat, readlinkat, statat};
use rustix::io::Errno;

use super::directory::{DirectoryError, WANTS, link_target};
use conductor_core::error::PathContext as _;
use conductor_core::name::UnitName;
use conductor_core::plan::Observed;
use conductor_core::release::PREFIX;
use conductor_core::unit::{Link, Metadata, Unit, UnitSet};

/// The size of one read; few units are longer.
const BLOCK: usize = 16 * 1024;
/// The longest unit that is read. A unit can contain a whole definition, which is at most 1 MiB.
const LONGEST: usize = 16 * 1024 * 1024;

/// Reads conductor's units in a unit directory, and the names of other files in their place, for all names
/// that begin with `prefix`.
pub(super) fn observe(path: &Path, prefix: &str) -> Result<Observed, DirectoryError> {
    let Some(directory) = Directory::open(None, path)? else {
        return Ok(Observed::default());
    };
    let mut set = UnitSet::default();
    let mut foreign = BTreeMap::new();
    let (mut files, mut wants) = (Vec::new(), Vec::new());
    let wanted =
        |name: &str| name.starts_with(prefix) || name.ends_with(WANTS) && !name.starts_with(PREFIX);
    for (name, kind) in directory.entries(wanted)? {
        if let Some(by) = name.strip_suffix(WANTS) {
            match by.parse::<UnitName>() {
                Ok(by) if kind == FileType::Directory => wants.push((by, name)),
                // This includes a link to a directory, which belongs to someone else.
                _ => {
                    foreign.insert(name, "not a directory");
                }
            }
        } else if let Ok(unit) = name.parse::<UnitName>() {
            match kind {
                FileType::RegularFile => files.push(unit),
                FileType::Symlink => {
                    foreign.insert(name, "a symbolic link");
                }
                _ => {
                    foreign.insert(name, "not a regular file");
                }
            }
        }
    }
    let read = |buffer: &mut Vec<u8>, name: UnitName| Ok((directory.unit(&name, buffer)?, name));
    let units = files.into_par_iter().map_init(Vec::new, read);
    for (unit, name) in units.collect::<Result<Vec<_>, DirectoryError>>()? {
        match unit {
            Ok(unit) => {
                set.units.insert(name, unit);
            }
            Err(what) => {
                foreign.insert(name.to_string(), what);
            }
        }
    }
    let links = wants.into_par_iter().map(|(by, name)| directory.links(&by, &name, prefix));
    for (link, own) in links.collect::<Result<Vec<_>, _>>()?.into_iter().flatten() {
        if own {
            set.links.insert(link);
        } else {
            foreign.insert(link.to_string(), "not a link to the unit of this name");
        }
    }
    Ok(Observed::new(set, foreign))
}

/// An open directory.
struct Directory {
    descriptor: OwnedFd,
    path: PathBuf,
}

impl Directory {
    /// Opens a directory, relative to `parent` if given; `None` if it does not exist.
    fn open(parent: Option<&Self>, name: &Path) -> Result<Option<Self>, DirectoryError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let (opened, path) = match parent {
            Some(parent) => (
                openat(&parent.descriptor, name, flags | OFlags::NOFOLLOW, Mode::empty()),
                parent.path.join(name),
            ),
            None => (openat(CWD, name, flags, Mode::empty()), name.to_owned()),
        };
        match opened {
            Err(Errno::NOENT) => Ok(None),
            opened => opened.at("read", &path).map(|descriptor| Some(Self { descriptor, path })),
        }
    }

    /// Lists the entries with wanted names. A name that is not UTF-8 cannot be conductor's.
    fn entries(
        &self,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<(String, FileType)>, DirectoryError> {
        let mut entries = Vec::new();
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut listing = RawDir::new(&self.descriptor, &mut buffer);
        while let Some(entry) = listing.next() {
            let entry = entry.at("read", &self.path)?;
            let Some(name) = entry.file_name().to_str().ok().filter(|name| wanted(name)) else {
                continue;
            };
            let kind = match entry.file_type() {
                // Some file systems do not return the type.
                FileType::Unknown => {
                    let stat = statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW);
                    let stat = stat.at("stat", &self.path.join(name))?;
                    FileType::from_raw_mode(stat.st_mode)
                }
                kind => kind,
            };
            entries.push((name.to_owned(), kind));
        }
        Ok(entries)
    }

    /// Reads a unit file, or returns what it is if it is not conductor's.
    fn unit(
        &self,
        name: &UnitName,
        buffer: &mut Vec<u8>,
    ) -> Result<Result<Unit, &'static str>, DirectoryError> {
        self.read(name.as_str(), buffer).at("read", &self.path.join(name.as_str()))?;
        if buffer.len() > LONGEST {
            return Ok(Err("a file longer than any unit"));
        }
        // A file that is not UTF-8 is not conductor's.
        let text = str::from_utf8(buffer).ok();
        let unit = |text: &str| {
            Metadata::parse(text).map(|metadata| Unit { metadata, text: text.to_owned() })
        };
        Ok(text.and_then(unit).ok_or("a file without [X-Conductor] metadata"))
    }

    /// Reads a file, up to just over the limit.
    fn read(&self, name: &str, buffer: &mut Vec<u8>) -> io::Result<()> {
        // The listing said that it is a file, but that may have changed.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = openat(&self.descriptor, name, flags, Mode::empty())?;
        buffer.clear();
        loop {
            buffer.reserve(BLOCK);
            let read =
                rustix::io::retry_on_intr(|| rustix::io::read(&file, spare_capacity(buffer)))?;
            if read == 0 || buffer.len() > LONGEST {
                return Ok(());
            }
        }
    }

    /// Reads the links with names of conductor's units in one `.wants` directory, and whether each has the
    /// right target.
    fn links(
        &self,
        by: &UnitName,
        name: &str,
        prefix: &str,
    ) -> Result<Vec<(Link, bool)>, DirectoryError> {
        let Some(wants) = Self::open(Some(self), Path::new(name))? else {
            return Ok(Vec::new());
        };
        let mut links = Vec::new();
        for (name, _) in wants.entries(|name| name.starts_with(prefix))? {
            let Ok(unit) = name.parse::<UnitName>() else { continue };
            let to = readlinkat(&wants.descriptor, unit.as_str(), Vec::new());
            let own = to.is_ok_and(|to| to.as_bytes() == link_target(&unit).as_bytes());
            links.push((Link { by: by.clone(), unit }, own));
        }
        Ok(links)
    }
}
