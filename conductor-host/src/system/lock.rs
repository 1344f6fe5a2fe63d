//! The lock that lets one conductor at a time change a host.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{atomic, open};
use conductor_core::error::{PathContext as _, PathError};

/// Why the lock is not to be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another process holds it.
    #[error("{holder} holds the lock {}", conductor_core::error::shown_path(file))]
    Held {
        /// The lock file.
        file: PathBuf,
        /// Who holds it, in words.
        holder: String,
    },
    /// The lock file cannot be used.
    #[error(transparent)]
    Path(#[from] PathError),
}

/// Holds the lock of a host until it is dropped, or the process ends in whatever way: the kernel
/// releases an flock(2) with the last descriptor.
#[derive(Debug)]
pub struct Lock {
    file: File,
    directory: PathBuf,
}

impl Lock {
    /// Takes the lock in a runtime directory, and says what for.
    ///
    /// # Errors
    /// Another process holds it, or the directory cannot be written.
    pub fn take(directory: &Path, purpose: &str) -> Result<Self, LockError> {
        Self::wait(directory, purpose, Duration::ZERO, &mut |_| false)
    }

    /// Takes the lock, and waits for whoever holds it, at most so long. `waiting` is told who that is,
    /// now and then, and says whether to go on.
    ///
    /// # Errors
    /// Another process holds it all the time, or the directory cannot be written.
    pub fn wait(
        directory: &Path,
        purpose: &str,
        longest: Duration,
        waiting: &mut dyn FnMut(&str) -> bool,
    ) -> Result<Self, LockError> {
        const PAUSE: Duration = Duration::from_millis(50);
        // The sockets of instances are below it.
        open::make_own_directory(directory)?;
        let path = directory.join("lock");
        let mut file = open::open_or_make(&path, open::OWN).at("open", &path)?;
        let began = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {
                    let holder = holder(&mut file);
                    if began.elapsed() >= longest || !waiting(&holder) {
                        return Err(LockError::Held { file: path, holder });
                    }
                    sleep(PAUSE);
                }
                Err(TryLockError::Error(source)) => {
                    return Err(PathError { action: "lock", path, source }.into());
                }
            }
        }
        file.set_len(0).at("write", &path)?;
        file.rewind().at("write", &path)?;
        writeln!(file, "{} {purpose}", std::process::id()).at("write", &path)?;
        Ok(Self { file, directory: directory.to_owned() })
    }

    /// Notes that unit files which systemd may hold are about to change. The note outlives a
    /// process that is killed before it could tell systemd, and a reboot makes it moot.
    ///
    /// # Errors
    /// The note cannot be written.
    pub fn note_stale(&self) -> Result<(), PathError> {
        let path = self.stale_path();
        let note = atomic::temporary(&self.directory)?;
        // Whatever is in its place goes.
        note.persist(&path).map(drop).map_err(|error| error.error).at("create", &path)
    }

    /// Returns whether an earlier process changed unit files and never told systemd.
    pub fn was_stale(&self) -> bool {
        self.stale_path().symlink_metadata().is_ok()
    }

    /// Takes the note back: systemd knows.
    ///
    /// # Errors
    /// The note cannot be removed.
    pub fn forget_stale(&self) -> Result<(), PathError> {
        let path = self.stale_path();
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
        .at("remove", &path)
    }

    fn stale_path(&self) -> PathBuf {
        self.directory.join("reload-pending")
    }
}

/// Names who holds the lock, as well as can be: it is held all the same.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.read_to_string(&mut text));
    match (read, text.trim().split_once(' ')) {
        (Ok(_), Some((pid, purpose))) => format!("process {pid} ({purpose})"),
        _ => "another process".to_owned(),
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // An empty file names no holder; the lock itself ends with the descriptor.
        let _ = self.file.set_len(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_taker_learns_who_holds_it() {
        let directory = tempfile::tempdir().unwrap();
        let lock = Lock::take(directory.path(), "apply").unwrap();
        let error = Lock::take(directory.path(), "apply").unwrap_err();
        assert!(
            error.to_string().starts_with(&format!("process {} (apply) holds", std::process::id()))
        );
        drop(lock);
        assert!(Lock::take(directory.path(), "apply").is_ok());
    }

    #[test]
    fn a_note_outlives_its_writer() {
        let directory = tempfile::tempdir().unwrap();
        Lock::take(directory.path(), "apply").unwrap().note_stale().unwrap();
        let lock = Lock::take(directory.path(), "apply").unwrap();
        assert!(lock.was_stale());
        lock.forget_stale().unwrap();
        lock.forget_stale().unwrap();
        assert!(!lock.was_stale());
    }
}
