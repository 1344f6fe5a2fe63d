//! The lock: only one conductor process at a time changes a host.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{atomic, open};
use conductor_core::error::{PathContext as _, PathError};

/// Why the lock was not acquired.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another process holds it.
    #[error("{holder} holds the lock {}", conductor_core::error::shown_path(file))]
    Held {
        /// The lock file.
        file: PathBuf,
        /// A description of the holder.
        holder: String,
    },
    /// The lock file cannot be used.
    #[error(transparent)]
    Path(#[from] PathError),
}

/// The lock of a host. It is released when it is dropped, and when the process ends in any way: the kernel
/// releases an flock(2) with the last descriptor.
#[derive(Debug)]
pub struct Lock {
    file: File,
    directory: PathBuf,
}

impl Lock {
    /// Acquires the lock in a runtime directory, and records the purpose.
    ///
    /// # Errors
    /// Another process holds the lock, or the directory cannot be written.
    pub fn take(directory: &Path, purpose: &str) -> Result<Self, LockError> {
        Self::wait(directory, purpose, Duration::ZERO, &mut |_| false)
    }

    /// Acquires the lock, and waits for another holder up to `longest`. `waiting` is called repeatedly with a
    /// description of the holder, and returns whether to keep waiting.
    ///
    /// # Errors
    /// Another process still holds the lock, or the directory cannot be written.
    pub fn wait(
        directory: &Path,
        purpose: &str,
        longest: Duration,
        waiting: &mut dyn FnMut(&str) -> bool,
    ) -> Result<Self, LockError> {
        const PAUSE: Duration = Duration::from_millis(50);
        // The sockets of instances are in this directory.
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

    /// Writes a note that unit files which systemd may have loaded are about to change. The note remains if
    /// the process is killed before it reloads systemd. A reboot may remove it.
    ///
    /// # Errors
    /// The note cannot be written.
    pub fn note_stale(&self) -> Result<(), PathError> {
        let path = self.stale_path();
        let note = atomic::temporary(&self.directory)?;
        // This replaces any file of that name.
        note.persist(&path).map(drop).map_err(|error| error.error).at("create", &path)
    }

    /// Returns whether an earlier process changed unit files without a reload of systemd.
    pub fn was_stale(&self) -> bool {
        self.stale_path().symlink_metadata().is_ok()
    }

    /// Removes the note, after systemd has reloaded.
    ///
    /// # Errors
    /// The note cannot be removed.
    pub fn forget_stale(&self) -> Result<(), PathError> {
        let path = self.stale_path();
        open::gone(std::fs::remove_file(&path)).at("remove", &path)
    }

    fn stale_path(&self) -> PathBuf {
        self.directory.join("reload-pending")
    }
}

/// Describes the holder of the lock. If the lock file cannot be read, the description is general.
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
        // An empty file names no holder. The lock is released with the descriptor.
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
