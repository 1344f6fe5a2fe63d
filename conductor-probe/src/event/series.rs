//! What the hooks of a service know about an instance, so that they are told once.
//!
//! A series begins when an instance ends that had been up for long enough, and ends when it has been up for that long
//! again. The notes are in a directory that only root can read.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use probe_protocol::{HookEvent, LOOP};
use rustix::fs::{FlockOperation, OFlags, flock};
use serde_json::{Value, json};

/// How long an instance has to be up until it is over.
pub(super) use probe_protocol::restarts::REST;

/// The directory of the notes.
const DIRECTORY: &str = "/run/conductor/events";
/// The timer may be early by its accuracy.
const EARLY: Duration = Duration::from_secs(1);

/// What has happened to an instance since it last did its work for long enough.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Series {
    /// How often it has ended.
    ends: u32,
    /// When it started, if it is up.
    up: Option<Duration>,
    /// What was told, and not taken back.
    told: Vec<HookEvent>,
}

impl Series {
    /// Returns whether nothing has happened.
    pub(super) fn is_new(&self) -> bool {
        *self == Self::default()
    }

    /// Returns how often it has ended.
    pub(super) fn ends(&self) -> u32 {
        self.ends
    }

    /// Adds an end, with systemd's result, and returns what is to be told.
    pub(super) fn end(&mut self, result: Option<&str>, now: Duration) -> Vec<HookEvent> {
        if self.up.is_some_and(|up| now.saturating_sub(up) >= REST) {
            *self = Self::default();
        }
        self.up = None;
        self.ends = self.ends.saturating_add(1);
        let own = match result {
            Some("watchdog") => HookEvent::Unhealthy,
            _ => HookEvent::Crash,
        };
        let looped = (self.ends >= LOOP).then_some(HookEvent::CrashLoop);
        self.tell([Some(own), looped])
    }

    /// Adds that systemd gave up starting it, and returns what is to be told.
    pub(super) fn given_up(&mut self) -> Vec<HookEvent> {
        self.up = None;
        self.tell([Some(HookEvent::Crash), Some(HookEvent::CrashLoop)])
    }

    /// Adds a start, and returns what is to be told. Only a check shows at once that it does its work, and only
    /// the first few times.
    pub(super) fn start(&mut self, now: Duration, checked: bool) -> Vec<HookEvent> {
        self.up = Some(now);
        match checked && self.is_open() && !self.told.contains(&HookEvent::CrashLoop) {
            true => self.recover(),
            false => Vec::new(),
        }
    }

    /// Returns whether it is only known later that it has recovered.
    pub(super) fn waits(&self) -> bool {
        self.up.is_some() && self.is_open()
    }

    /// Adds that time has passed, and returns what is to be told.
    pub(super) fn hold(&mut self, now: Duration) -> Vec<HookEvent> {
        let held = self.up.is_some_and(|up| now.saturating_sub(up) + EARLY >= REST);
        if !held {
            return Vec::new();
        }
        let told = if self.is_open() { self.recover() } else { Vec::new() };
        *self = Self::default();
        told
    }

    fn is_open(&self) -> bool {
        !self.told.is_empty()
    }

    fn recover(&mut self) -> Vec<HookEvent> {
        self.told.clear();
        vec![HookEvent::Recovered]
    }

    fn tell<const N: usize>(&mut self, events: [Option<HookEvent>; N]) -> Vec<HookEvent> {
        let new: Vec<_> =
            events.into_iter().flatten().filter(|event| !self.told.contains(event)).collect();
        self.told.extend(&new);
        new
    }

    fn write(&self) -> String {
        let Self { ends, up, told } = self;
        let told: Vec<_> = told.iter().map(|event| event.name()).collect();
        let up = up.and_then(|up| u64::try_from(up.as_millis()).ok());
        json!({"ends": ends, "up_ms": up, "told": told}).to_string()
    }

    fn read(text: &str) -> Option<Self> {
        let object: Value = serde_json::from_str(text).ok()?;
        let told = object["told"].as_array()?.iter();
        let told = told.filter_map(|name| HookEvent::named(name.as_str()?));
        Some(Self {
            ends: object["ends"].as_u64()?.try_into().ok()?,
            up: object["up_ms"].as_u64().map(Duration::from_millis),
            told: told.collect(),
        })
    }
}

/// The notes about one instance. No other process changes them as long as this exists.
#[derive(Debug)]
pub(super) struct Notes {
    file: PathBuf,
    _lock: File,
}

impl Notes {
    pub(super) fn open(unit: &str) -> io::Result<Self> {
        Self::open_in(Path::new(DIRECTORY), unit)
    }

    fn open_in(directory: &Path, unit: &str) -> io::Result<Self> {
        // Others use the directory above it, whose mode must not depend on the umask of the unit.
        directory.parent().map_or(Ok(()), |above| make(above, 0o755))?;
        make(directory, 0o700)?;
        let flags = (OFlags::NOFOLLOW | OFlags::DIRECTORY).bits().cast_signed();
        let lock = File::options().read(true).custom_flags(flags).open(directory)?;
        flock(&lock, FlockOperation::LockExclusive)?;
        Ok(Self { file: directory.join(unit), _lock: lock })
    }

    /// Returns what was noted; nothing if the note is damaged.
    pub(super) fn read(&self) -> Series {
        const LONGEST: u64 = 4096;
        let mut text = String::new();
        let flags = OFlags::NOFOLLOW.bits().cast_signed();
        let file = File::options().read(true).custom_flags(flags).open(&self.file);
        let read = file.and_then(|file| file.take(LONGEST).read_to_string(&mut text));
        read.ok().and_then(|_| Series::read(&text)).unwrap_or_default()
    }

    pub(super) fn write(&self, series: &Series) -> io::Result<()> {
        let new = self.file.with_extension("new");
        remove(&new)?;
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(series.write().as_bytes())?;
        fs::rename(&new, &self.file)
    }

    pub(super) fn remove(&self) -> io::Result<()> {
        remove(&self.file)
    }
}

/// Makes a directory with a mode; one that is there keeps its own.
fn make(directory: &Path, mode: u32) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(directory) {
        Ok(()) => fs::set_permissions(directory, Permissions::from_mode(mode)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::HookEvent::{Crash, CrashLoop, Recovered, Unhealthy};
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_crash_loop_is_told_once() {
        let mut series = Series::default();
        let ends: Vec<_> =
            (0..100).map(|second| series.end(Some("exit-code"), at(second))).collect();
        assert_eq!(ends[0], [Crash]);
        assert_eq!(ends[LOOP as usize - 1], [CrashLoop]);
        assert_eq!(ends.concat().len(), 2);
    }

    #[test]
    fn a_check_shows_a_recovery_until_there_is_a_loop() {
        let mut series = Series::default();
        let mut told = Vec::new();
        for second in 0..50 {
            told.extend(series.end(Some("watchdog"), at(second)));
            told.extend(series.start(at(second), true));
        }
        let each = [Unhealthy, Recovered].repeat(LOOP as usize - 1);
        assert_eq!(told, [each, vec![Unhealthy, CrashLoop]].concat());
        // It was started again in between.
        assert_eq!(series.hold(at(80)), []);
        assert!(series.waits());
        assert_eq!(series.hold(at(110)), [Recovered]);
        assert!(series.is_new());
    }

    #[test]
    fn without_a_check_only_time_shows_a_recovery() {
        let mut series = Series::default();
        assert_eq!(series.end(None, at(1)), [Crash]);
        assert_eq!(series.start(at(2), false), []);
        assert!(series.waits());
        assert_eq!(series.end(Some("signal"), at(3)), []);
        assert_eq!(series.hold(at(62)), []);
        assert_eq!(series.start(at(4), false), []);
        assert_eq!(series.hold(at(64)), [Recovered]);
        assert_eq!(series.end(Some("signal"), at(200)), [Crash]);
    }

    #[test]
    fn what_was_up_for_long_begins_anew() {
        let mut series = Series::default();
        assert_eq!(series.end(None, at(1)), [Crash]);
        assert_eq!(series.start(at(2), true), [Recovered]);
        assert_eq!(series.end(None, at(2 + REST.as_secs())), [Crash]);
        assert_eq!(series.ends(), 1);
    }

    #[test]
    fn an_instance_that_systemd_gives_up_is_in_a_loop() {
        let mut series = Series::default();
        assert_eq!(series.end(None, at(1)), [Crash]);
        assert_eq!(series.given_up(), [CrashLoop]);
        assert_eq!(series.given_up(), []);
    }

    #[test]
    fn notes_are_roots_and_follow_no_link() {
        let directory = tempfile::tempdir().unwrap();
        let own = directory.path().join("events");
        let notes = Notes::open_in(&own, "a.service").unwrap();
        assert_eq!(own.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        assert!(notes.read().is_new());
        let series = Series { ends: 7, up: Some(at(3)), told: vec![Crash, CrashLoop] };
        notes.write(&series).unwrap();
        assert_eq!(notes.read(), series);
        let mode = own.join("a.service").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(own.join("a.service"), "garbage").unwrap();
        assert!(notes.read().is_new());
        notes.remove().unwrap();
        notes.remove().unwrap();
        let other = directory.path().join("other");
        fs::write(&other, series.write()).unwrap();
        std::os::unix::fs::symlink(&other, own.join("a.service")).unwrap();
        assert!(notes.read().is_new());
        std::os::unix::fs::symlink(directory.path(), directory.path().join("link")).unwrap();
        Notes::open_in(&directory.path().join("link"), "a.service").unwrap_err();
    }
}
