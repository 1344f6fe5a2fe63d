//! Reads and creates files and directories safely, in places where other users may have put something.
//!
//! Everything that conductor reads or creates goes through this module. It does not block on a FIFO, does not
//! open devices, and limits the length. Created files get their mode whatever the umask is, and never have
//! more permissions, not even for a moment.

use std::fs::{DirBuilder, File, Metadata, Permissions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

use conductor_core::error::{PathContext as _, PathError};

/// The mode of files that others read: systemd, proxies, and users of `systemctl cat`.
pub(crate) const READABLE: u32 = 0o644;
/// The mode of directories that others can enter.
pub(crate) const ENTERED: u32 = 0o755;
/// The mode of directories for their owner only.
const PRIVATE: u32 = 0o700;
/// The mode of files for their owner only.
pub(crate) const OWN: u32 = 0o600;

/// The bits of a mode that `chmod` sets.
const BITS: u32 = 0o7777;

/// How to treat a symbolic link in the last component of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Links {
    /// Follow it: the operator created it.
    Followed,
    /// Reject it: conductor creates none there.
    Refused,
}

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// The operating system returned an error.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is a FIFO, a socket, a device, a directory, or a link.
    #[error("not a regular file")]
    NotRegular,
    /// It is longer than the limit for its kind.
    #[error("longer than {0} bytes")]
    TooLong(u64),
}

impl From<ReadError> for io::Error {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Io(error) => error,
            other => Self::other(other),
        }
    }
}

/// Reads a regular file of limited length.
pub(crate) fn read(path: &Path, links: Links, longest: u64) -> Result<Vec<u8>, ReadError> {
    Ok(read_with_metadata(path, links, longest)?.0)
}

/// Reads a regular file of limited length, and returns it with the metadata of that open file.
pub(crate) fn read_with_metadata(
    path: &Path,
    links: Links,
    longest: u64,
) -> Result<(Vec<u8>, Metadata), ReadError> {
    let (file, metadata) = open(path, links)?;
    // A file that is too long is not read; for others, memory is allocated once.
    if metadata.len() > longest {
        return Err(ReadError::TooLong(longest));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len() + 1).unwrap_or_default());
    read_into(file, longest, &mut bytes)?;
    Ok((bytes, metadata))
}

/// Reads an open file of limited length.
pub(super) fn read_open(from: impl Read, longest: u64) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    read_into(from, longest, &mut bytes)?;
    Ok(bytes)
}

fn read_into(from: impl Read, longest: u64, bytes: &mut Vec<u8>) -> Result<(), ReadError> {
    from.take(longest.saturating_add(1)).read_to_end(bytes)?;
    match bytes.len() as u64 > longest {
        true => Err(ReadError::TooLong(longest)),
        false => Ok(()),
    }
}

/// Reads a regular file of limited length as UTF-8.
pub(crate) fn read_text(path: &Path, links: Links, longest: u64) -> Result<String, ReadError> {
    let bytes = read(path, links, longest)?;
    String::from_utf8(bytes).map_err(|_| io::Error::new(ErrorKind::InvalidData, "not UTF-8").into())
}

/// Reads a note of conductor. An invalid note counts as absent: it must not block changes, and the next note
/// replaces it.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn read_note(path: &Path) -> Result<Option<String>, PathError> {
    /// A note has only a few lines.
    const LONGEST: u64 = 64 * 1024;
    match read_text(path, Links::Refused, LONGEST) {
        Ok(text) => Ok(Some(text)),
        Err(ReadError::NotRegular | ReadError::TooLong(_)) => Ok(None),
        Err(ReadError::Io(error)) => match error.kind() {
            ErrorKind::NotFound | ErrorKind::InvalidData => Ok(None),
            _ => Err(error).at("read", path),
        },
    }
}

/// Opens a regular file.
fn open(path: &Path, links: Links) -> Result<(File, Metadata), ReadError> {
    // Opening a device can have an effect.
    let seen = match links {
        Links::Followed => path.metadata()?,
        Links::Refused => path.symlink_metadata()?,
    };
    if !seen.is_file() {
        return Err(ReadError::NotRegular);
    }
    let file = File::options().read(true).custom_flags(flags(links)).open(path)?;
    let metadata = file.metadata()?;
    match metadata.is_file() {
        true => Ok((file, metadata)),
        false => Err(ReadError::NotRegular),
    }
}

/// Opens a regular file of conductor for reading and writing, and creates it if it is missing.
pub(crate) fn open_or_make(path: &Path, mode: u32) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).custom_flags(flags(Links::Refused));
    let file = match options.clone().create_new(true).mode(mode).open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            if !path.symlink_metadata()?.is_file() {
                return Err(ReadError::NotRegular.into());
            }
            options.open(path)?
        }
        opened => opened?,
    };
    match file.metadata()?.is_file() {
        true => set_mode(&file, mode).map(|()| file),
        false => Err(ReadError::NotRegular.into()),
    }
}

/// Creates a file that must not exist, and opens it for writing.
pub(crate) fn make_new(path: &Path, mode: u32) -> io::Result<File> {
    // The umask can only remove bits from this mode.
    let file = File::options().write(true).create_new(true).mode(mode).open(path)?;
    set_mode(&file, mode)?;
    Ok(file)
}

/// Sets the mode of an open file or directory, if it differs.
pub(crate) fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    match has_mode(file, mode)? {
        true => Ok(()),
        false => file.set_permissions(Permissions::from_mode(mode)),
    }
}

/// Returns whether an open file or directory has exactly this mode.
pub(super) fn has_mode(file: &File, mode: u32) -> io::Result<bool> {
    Ok(file.metadata()?.permissions().mode() & BITS == mode)
}

/// Creates a directory and its parents, which everybody can enter. Existing directories are not changed.
pub fn make_directories(directory: &Path) -> Result<(), PathError> {
    if directory.as_os_str().is_empty() || directory.is_dir() {
        return Ok(());
    }
    if let Some(parent) = directory.parent() {
        make_directories(parent)?;
    }
    match make_directory(directory, ENTERED) {
        // This includes a link to a directory that was just created.
        Err(error) if error.kind() == ErrorKind::AlreadyExists && directory.is_dir() => Ok(()),
        made => made.map(drop).at("create", directory),
    }
}

/// Creates a directory of conductor, which everybody can enter and only the owner can change. An existing one
/// gets this mode, because it may have been created with another umask.
pub(crate) fn make_own_directory(directory: &Path) -> Result<(), PathError> {
    let found = make_and_enter(directory, ENTERED)?;
    set_mode(&found, ENTERED).at("use", directory)
}

/// Creates a directory that only the owner can enter. An existing one gets this mode.
pub(crate) fn make_private_directory(directory: &Path) -> Result<(), PathError> {
    let found = make_and_enter(directory, PRIVATE)?;
    set_mode(&found, PRIVATE).at("use", directory)
}

/// Creates a directory and its parents, which everybody can enter, and opens it. An existing directory is not
/// changed, and must not be a symbolic link.
pub(crate) fn make_real_directory(directory: &Path) -> Result<File, PathError> {
    make_and_enter(directory, ENTERED)
}

fn make_and_enter(directory: &Path, mode: u32) -> Result<File, PathError> {
    let created = match make_directory(directory, mode) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            directory.parent().map_or(Ok(()), make_directories)?;
            make_directory(directory, mode)
        }
        result => result,
    };
    match created {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            enter(directory).at("use", directory)
        }
        result => result.at("create", directory),
    }
}

/// Creates a directory, and opens it.
fn make_directory(directory: &Path, mode: u32) -> io::Result<File> {
    DirBuilder::new().mode(mode).create(directory)?;
    let opened = enter(directory)?;
    set_mode(&opened, mode)?;
    Ok(opened)
}

/// Opens a directory without following a symbolic link.
pub(super) fn enter(directory: &Path) -> io::Result<File> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW;
    let opened =
        File::options().read(true).custom_flags(flags.bits().cast_signed()).open(directory);
    opened.map_err(|error| match directory.is_symlink() {
        true => io::Error::other("it is a symbolic link, which is not followed here"),
        false => error,
    })
}

fn flags(links: Links) -> i32 {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let flags = match links {
        Links::Followed => flags,
        Links::Refused => flags | OFlags::NOFOLLOW,
    };
    flags.bits().cast_signed()
}

/// Accepts that what is to be removed is already gone: systemd and other processes clean up, too.
pub(crate) fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & BITS
    }

    fn fifo(path: &Path) {
        mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o666), 0).unwrap();
    }

    #[test]
    fn only_regular_files_of_sane_length_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let [file, link, pipe, socket] =
            ["file", "link", "fifo", "socket"].map(|name| directory.path().join(name));
        fs::write(&file, "12345").unwrap();
        symlink(&file, &link).unwrap();
        fifo(&pipe);
        let _listener = UnixListener::bind(&socket).unwrap();
        assert_eq!(read(&file, Links::Refused, 5).unwrap(), b"12345");
        assert_eq!(read(&link, Links::Followed, 5).unwrap(), b"12345");
        assert!(matches!(read(&file, Links::Followed, 4), Err(ReadError::TooLong(4))));
        assert!(matches!(read(&link, Links::Refused, 5), Err(ReadError::NotRegular)));
        let null = Path::new("/dev/null");
        for path in [&pipe, &socket, directory.path(), null] {
            let error = read(path, Links::Followed, 5).unwrap_err();
            assert!(matches!(error, ReadError::NotRegular), "{}: {error}", path.display());
            assert_eq!(read_note(path).unwrap(), None);
            open_or_make(path, OWN).unwrap_err();
            make_new(path, OWN).unwrap_err();
        }
        open_or_make(&link, OWN).unwrap_err();
        // A very long file takes neither time nor memory.
        File::create(&file).unwrap().set_len(1 << 40).unwrap();
        assert!(matches!(read(&file, Links::Refused, 5), Err(ReadError::TooLong(5))));
        assert_eq!(read_note(&file).unwrap(), None);
        fs::write(&file, b"\xff").unwrap();
        assert_eq!(read_note(&file).unwrap(), None);
    }

    #[test]
    fn what_is_made_has_its_mode_and_what_was_there_gets_it() {
        let directory = tempfile::tempdir().unwrap();
        let [own, file, link] = ["a/own", "a/own/file", "link"].map(|it| directory.path().join(it));
        make_own_directory(&own).unwrap();
        fs::set_permissions(&own, Permissions::from_mode(0o777)).unwrap();
        make_directories(&own).unwrap();
        assert_eq!(mode(&own), 0o777);
        make_own_directory(&own).unwrap();
        assert_eq!(mode(&own), 0o755);
        assert_eq!(mode(own.parent().unwrap()), 0o755);
        drop(make_new(&file, READABLE).unwrap());
        assert_eq!(mode(&file), 0o644);
        make_new(&file, READABLE).unwrap_err();
        drop(open_or_make(&file, OWN).unwrap());
        assert_eq!(mode(&file), 0o600);
        make_private_directory(&own).unwrap();
        make_private_directory(&own.join("private")).unwrap();
        assert_eq!((mode(&own), mode(&own.join("private"))), (0o700, 0o700));
        symlink(&own, &link).unwrap();
        make_own_directory(&link).unwrap_err();
        make_directories(&link.join("below")).unwrap();
        make_directories(&file.join("below")).unwrap_err();
    }

    #[test]
    fn what_is_gone_need_not_be_removed() {
        let directory = tempfile::tempdir().unwrap();
        let absent = directory.path().join("absent");
        gone(fs::remove_dir_all(&absent)).unwrap();
        fs::create_dir(&absent).unwrap();
        gone(fs::remove_file(&absent)).unwrap_err();
    }
}
