//! The unit's runtime directory, and the mark that its prober leaves there.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, geteuid, pidfd_open, pidfd_send_signal};

/// How long a prober may take to end by itself.
const PATIENCE: Duration = Duration::from_secs(2);

/// How much of a file is read that holds a number.
const LONGEST_NUMBER: u64 = 32;

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
/// The number in the file is good for as long as the file is locked: the lock ends with the process. This
/// runs as root, and the service may write what it wants to its directory. So the file is opened without
/// being led elsewhere or kept waiting, and only a process of this very unit is signalled.
pub(crate) fn end_prober(directory: &Path) -> io::Result<()> {
    let mut options = File::options();
    options.read(true).custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    let mut file = match options.open(mark(directory)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("the mark of the prober is no file"));
    }
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
        (&file).take(LONGEST_NUMBER).read_to_string(&mut text)?;
        // It is empty for a moment after it was locked.
        if let Some(pid) = text.trim().parse().ok().and_then(Pid::from_raw) {
            match end(pid, signal) {
                Err(error) if error.raw_os_error() != Some(Errno::SRCH.raw_os_error()) => {
                    return Err(error);
                }
                _ => {}
            }
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Signals a process of the unit that this process belongs to.
fn end(pid: Pid, signal: Signal) -> io::Result<()> {
    // From here on it is the same process, whoever gets its number next.
    let process = pidfd_open(pid, PidfdFlags::empty())?;
    // The kernel keeps others from what is not theirs.
    if geteuid().is_root() {
        let group = |process: &str| fs::read_to_string(format!("/proc/{process}/cgroup"));
        let (own, other) = (group("self")?, group(&pid.as_raw_nonzero().to_string())?);
        if !is_below(&other, &own) {
            return Err(io::Error::other(format!("process {pid} is none of the unit's")));
        }
    }
    Ok(pidfd_send_signal(process, signal)?)
}

/// Tells whether a control group (cgroups(7), `/proc/PID/cgroup`) is that of a unit, or below it; `own` is
/// that of a command of the unit.
fn is_below(other: &str, own: &str) -> bool {
    // Where systemd keeps the commands of units that make groups of their own.
    const COMMANDS: &str = "/.control";
    let own = own.trim_end();
    let own = own.strip_suffix(COMMANDS).unwrap_or(own);
    other.trim_end().strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_in_the_unit_is_signalled() {
        let unit = "0::/conductor.slice/a.service\n";
        for (other, own, below) in [
            (unit, unit, true),
            (
                "0::/conductor.slice/a.service/libpod\n",
                "0::/conductor.slice/a.service/.control\n",
                true,
            ),
            ("0::/conductor.slice/a.service2\n", unit, false),
            ("0::/conductor.slice\n", unit, false),
            ("0::/\n", unit, false),
        ] {
            assert_eq!(is_below(other, own), below, "{other}");
        }
    }

    #[test]
    fn a_mark_that_leads_elsewhere_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::NamedTempFile::new().unwrap();
        elsewhere.as_file().lock().unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), mark(directory.path())).unwrap();
        assert!(end_prober(directory.path()).is_err());
    }

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
