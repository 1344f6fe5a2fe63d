//! The key of a host, and the hashes of files that instances read when they start.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::Path;

use super::open::{self, Links, ReadError};
use conductor_core::error::{PathContext as _, PathError};
use conductor_core::unit::{ContentHash, ContentKey};
use conductor_core::value::HostPath;

/// The size of a key in bytes.
const KEY: usize = 32;
/// The longest file whose content counts. systemd reads at most 1 MiB of a credential.
const LONGEST: u64 = 4 * 1024 * 1024;

/// Reads the key; `None` if there is none, or it is damaged.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn read_key(path: &Path) -> Result<Option<ContentKey>, PathError> {
    match open::read(path, Links::Refused, KEY as u64) {
        Ok(bytes) => Ok(bytes.try_into().ok().map(ContentKey::new)),
        Err(ReadError::NotRegular | ReadError::TooLong(_)) => Ok(None),
        Err(ReadError::Io(error)) => match error.kind() {
            ErrorKind::NotFound => Ok(None),
            _ => Err(error).at("read", path),
        },
    }
}

/// Reads the key, or creates it. The lock is held.
///
/// # Errors
/// The file cannot be read or written.
pub(crate) fn read_or_make_key(path: &Path) -> Result<ContentKey, PathError> {
    if let Some(key) = read_key(path)? {
        return Ok(key);
    }
    let bytes = random().at("read random bytes for", path)?;
    let directory = path.parent().unwrap_or(Path::new("/"));
    open::make_directories(directory)?;
    // It is created with mode 0600, and has its name only when it is complete.
    let builder = || tempfile::Builder::new().prefix(".conductor-").tempfile_in(directory);
    let mut file = builder().at("create a file in", directory)?;
    file.write_all(&bytes).at("write", path)?;
    file.as_file().sync_all().at("sync", path)?;
    file.persist(path).map_err(|error| error.error).at("write", path)?;
    File::open(directory).and_then(|directory| directory.sync_all()).at("sync", directory)?;
    Ok(ContentKey::new(bytes))
}

/// Returns a key for this process only.
pub(crate) fn random_key() -> Option<ContentKey> {
    random().ok().map(ContentKey::new)
}

/// Returns the hashes of files. Those that cannot be read, are no regular files, or are too long are left out:
/// what instances need is checked elsewhere.
pub(crate) fn hash(
    key: &ContentKey,
    files: &BTreeSet<HostPath>,
) -> BTreeMap<HostPath, ContentHash> {
    let hash = |path: &HostPath| {
        let content = open::read(path.as_path(), Links::Followed, LONGEST).ok()?;
        Some((path.clone(), key.hash(&content)))
    };
    files.iter().filter_map(hash).collect()
}

fn random() -> std::io::Result<[u8; KEY]> {
    let mut bytes = [0; KEY];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_only() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("conductor/content-key");
        assert!(read_key(&path).unwrap().is_none());
        let key = read_or_make_key(&path).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let again = read_or_make_key(&path).unwrap();
        assert_eq!(key.hash(b"a"), again.hash(b"a"));
        // A damaged one is replaced.
        std::fs::File::options().write(true).open(&path).unwrap().set_len(3).unwrap();
        let other = read_or_make_key(&path).unwrap();
        assert_ne!(key.hash(b"a"), other.hash(b"a"));
        let others = path.parent().unwrap().read_dir().unwrap().count();
        assert_eq!(others, 1, "a temporary file is left");
    }
}
