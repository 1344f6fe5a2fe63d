//! The delay before a restart of a service that was started several times in a row.
//!
//! systemd's own `RestartSteps=` cannot begin with no delay, is not reset, and does not exist in systemd 252.
//! So `RestartSec=` is 0, and the probe waits. The count is in the unit's runtime directory, which
//! `RuntimeDirectoryPreserve=restart` keeps from one start to the next, but not after `systemctl stop`.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use probe_protocol::StatusText;
use probe_protocol::restarts::{REST, delay};
use rustix::fs::OFlags;

use crate::notify::{Message, Notifier};
use crate::print::complain;
use crate::runtime;
use crate::spoken::Spoken;

/// The count of starts in a row.
#[derive(Debug)]
pub(crate) struct Restarts {
    file: PathBuf,
}

impl Restarts {
    /// Returns the count in the unit's runtime directory.
    pub(crate) fn from_environment() -> Option<Self> {
        Some(Self { file: runtime::directory()?.join("restarts") })
    }

    /// Counts a start, and returns how many there were before it.
    ///
    /// With `unchecked` there is no health check that resets the count, so the age of the last start does.
    fn count(&self, unchecked: bool) -> u32 {
        let text = self.read().unwrap_or_default();
        let mut count: u32 = text.trim().parse().unwrap_or(0);
        if unchecked && self.age().is_some_and(|age| age > REST + delay(count)) {
            count = 0;
        }
        if let Err(error) = self.write(count.saturating_add(1)) {
            let file = self.file.display();
            complain(format_args!("restarts are not counted: cannot write {file}: {error}"));
        }
        count
    }

    fn age(&self) -> Option<Duration> {
        fs::metadata(&self.file).and_then(|data| data.modified()).ok()?.elapsed().ok()
    }

    /// Reads the file. The service can put anything in its place: that must not block this process, and is not
    /// a count.
    fn read(&self) -> io::Result<String> {
        const LONGEST: u64 = 32;
        let mut options = File::options();
        options.read(true).custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
        let mut text = String::new();
        options.open(&self.file)?.take(LONGEST).read_to_string(&mut text)?;
        Ok(text)
    }

    fn write(&self, count: u32) -> io::Result<()> {
        let new = self.file.with_extension("new");
        remove(&new)?;
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(&new)?;
        writeln!(file, "{count}")?;
        fs::rename(&new, &self.file)
    }

    /// Resets the count: the service has been healthy for long enough.
    pub(crate) fn forget(&self) {
        if let Err(error) = remove(&self.file) {
            let file = self.file.display();
            complain(format_args!("cannot remove {file}: {error}"));
        }
    }
}

fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Counts this start, and waits if there were several before it.
///
/// `budget` is the time that the start may take after the wait; systemd is asked for it.
pub(crate) fn hold_back(notifier: Option<&Notifier>, unchecked: bool, budget: Duration) {
    let Some(restarts) = Restarts::from_environment() else { return };
    let count = restarts.count(unchecked);
    let delay = delay(count);
    if delay.is_zero() {
        return;
    }
    let mut message = Message::default();
    message.status(StatusText::Delayed { restarts: count, delay: &Spoken(delay) });
    message.extend(delay.saturating_add(budget));
    if let Some(Err(error)) = notifier.map(|notifier| notifier.send(&message)) {
        complain(format_args!("cannot notify systemd: {error}"));
    }
    thread::sleep(delay);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_are_counted_until_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let restarts = Restarts { file: directory.path().join("restarts") };
        assert_eq!([0; 3].map(|_| restarts.count(false)), [0, 1, 2]);
        assert_eq!(fs::read_to_string(&restarts.file).unwrap(), "3\n");
        restarts.forget();
        restarts.forget();
        assert_eq!(restarts.count(false), 0);
        fs::write(&restarts.file, "garbage").unwrap();
        assert_eq!([0; 2].map(|_| restarts.count(false)), [0, 1]);
        restarts.forget();
        let elsewhere = directory.path().join("elsewhere");
        fs::write(&elsewhere, "7\n").unwrap();
        for file in [restarts.file.clone(), restarts.file.with_extension("new")] {
            std::os::unix::fs::symlink(&elsewhere, file).unwrap();
        }
        assert_eq!([0; 2].map(|_| restarts.count(false)), [0, 1]);
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "7\n");
    }

    #[test]
    fn without_a_check_age_tells_that_a_service_held() {
        let directory = tempfile::tempdir().unwrap();
        let restarts = Restarts { file: directory.path().join("restarts") };
        fs::write(&restarts.file, "4\n").unwrap();
        assert_eq!(restarts.count(true), 4);
        let old = std::time::SystemTime::now() - Duration::from_secs(90);
        fs::File::options().write(true).open(&restarts.file).unwrap().set_modified(old).unwrap();
        assert_eq!(restarts.count(true), 0);
    }
}
