//! Files of which each is locked by one process: so many run at the same time.
//!
//! The kernel releases a lock when its process ends, however that ends.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;

/// The open files, none of which is locked by this process.
#[derive(Debug)]
pub(crate) struct Slots(Vec<File>);

impl Slots {
    /// Opens so many files, and creates those that are missing. `name` is the beginning of their names.
    pub(crate) fn open(directory: &Path, name: &str, count: usize) -> io::Result<Self> {
        let open = |number| open(directory, &format!("{name}-{number}"));
        Ok(Self((0..count).map(open).collect::<io::Result<_>>()?))
    }

    /// Locks a file that is not locked, and returns it; `None` if all are.
    pub(crate) fn take(&mut self) -> io::Result<Option<File>> {
        for (number, file) in self.0.iter().enumerate() {
            match file.try_lock() {
                Ok(()) => return Ok(Some(self.0.swap_remove(number))),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        Ok(None)
    }
}

/// Opens a file that only its owner can open, and so lock, and creates it if it is missing.
pub(crate) fn open(directory: &Path, name: &str) -> io::Result<File> {
    let mut options = File::options();
    options.create(true).truncate(false).write(true).mode(0o600);
    // Links are not followed, and a FIFO does not block.
    options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    let file = options.open(directory.join(name));
    let is_file = |file: &File| file.metadata().is_ok_and(|metadata| metadata.is_file());
    match file {
        Ok(file) if is_file(&file) => Ok(file),
        Ok(_) => Err(io::Error::other(format!("{name} is not a regular file"))),
        Err(error) => Err(io::Error::new(error.kind(), format!("{name}: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_are_taken_and_one_that_is_released_is_free_again() {
        let directory = tempfile::tempdir().unwrap();
        let open = || Slots::open(directory.path(), "job", 2).unwrap();
        let (first, second) = (open().take().unwrap(), open().take().unwrap());
        assert!(first.is_some() && second.is_some());
        let mut third = open();
        assert!(third.take().unwrap().is_none());
        drop(first);
        assert!(third.take().unwrap().is_some());
    }

    #[test]
    fn only_regular_files_are_locked() {
        let directory = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/dev/null", directory.path().join("a-0")).unwrap();
        std::fs::create_dir(directory.path().join("b-0")).unwrap();
        for name in ["a", "b"] {
            let error = Slots::open(directory.path(), name, 1).unwrap_err();
            assert!(error.to_string().contains(&format!("{name}-0")), "{error}");
        }
    }
}
