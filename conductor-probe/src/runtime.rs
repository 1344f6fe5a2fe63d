//! The unit's runtime directory, and the mark that its prober leaves there.

use std::env;
use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

/// How long a prober may take to end by itself.
const PATIENCE: Duration = Duration::from_secs(2);

/// Finds the unit's runtime directory, or the first if it has several.
pub(crate) fn directory() -> Option<PathBuf> {
    let paths = env::var_os("RUNTIME_DIRECTORY")?;
    let first = paths.as_bytes().split(|byte| *byte == b':').next()?;
    Some(PathBuf::from(OsString::from_vec(first.to_vec()))).filter(|path| path.is_absolute())
}

fn mark(directory: &Path) -> PathBuf {
    directory.join("prober")
}

/// Marks this process as the unit's prober for as long as the file is open.
pub(crate) fn claim(directory: &Path) -> io::Result<File> {
    let path = mark(directory);
    // Nobody else is to lock it, or read a number out of it that is not its.
    let mut options = File::options();
    let mut file = options.create(true).write(true).truncate(false).mode(0o600).open(path)?;
    file.try_lock()?;
    file.set_len(0)?;
    writeln!(file, "{}", std::process::id())?;
    Ok(file)
}

/// Ends the unit's prober, and comes back when it has ended.
///
/// The number in the file is good for as long as the file is locked: the lock ends with the process.
pub(crate) fn end_prober(directory: &Path) -> io::Result<()> {
    let mut file = match File::open(mark(directory)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    let start = Instant::now();
    let mut signal = Signal::TERM;
    loop {
        match file.try_lock_shared() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        match start.elapsed() {
            elapsed if elapsed > 2 * PATIENCE => return Err(io::ErrorKind::TimedOut.into()),
            elapsed if elapsed > PATIENCE => signal = Signal::KILL,
            _ => {}
        }
        let mut text = String::new();
        io::Seek::rewind(&mut file)?;
        file.read_to_string(&mut text)?;
        // It is empty for a moment after it was locked.
        if let Some(pid) = text.trim().parse().ok().and_then(Pid::from_raw) {
            match kill_process(pid, signal) {
                Ok(()) | Err(Errno::SRCH) => {}
                Err(error) => return Err(error.into()),
            }
        }
        thread::sleep(Duration::from_millis(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_without_a_prober_is_nothing() {
        let directory = tempfile::tempdir().unwrap();
        end_prober(directory.path()).unwrap();
        drop(claim(directory.path()).unwrap());
        end_prober(directory.path()).unwrap();
        let text = std::fs::read_to_string(mark(directory.path())).unwrap();
        assert_eq!(text, format!("{}\n", std::process::id()));
    }
}
