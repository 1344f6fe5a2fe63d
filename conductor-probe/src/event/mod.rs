//! `event`: reports to the hooks of a service what has happened to one of its units.
//!
//! It runs as root beside a unit whose processes may be an attacker's. So what it tells comes from unit files and
//! from systemd, its notes are where only root can write, and no program gets the environment of the unit. Nothing
//! waits for a hook: systemd carries it out.

mod series;

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use probe_protocol::{Event, Hook, HookEvent, Moment, Told, order};
use rustix::event::{PollFd, PollFlags};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use rustix::time::{ClockId, clock_gettime};

use self::series::Notes;
use crate::check::socket::wait_until;
use crate::print::{clean, complain};

/// How long systemd may take to accept an order. The unit waits for it.
const PATIENCE: Duration = Duration::from_secs(2);

/// The variables with systemd's result of a unit: at its end, and for a unit of `OnFailure=` (systemd.exec(5)).
const OF_UNIT: [&str; 2] = ["SERVICE_RESULT", "EXIT_STATUS"];
const OF_FAILURE: [&str; 2] = ["MONITOR_SERVICE_RESULT", "MONITOR_EXIT_STATUS"];

/// systemd's results of a unit whose processes were not started, so that none of its commands reports its end.
const NOT_STARTED: [&str; 2] = ["resources", "start-limit-hit"];

/// Why nobody is told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum EventError {
    #[error("cannot read {path}")]
    Read {
        path: String,
        #[source]
        source: io::Error,
    },
    #[error("{path} is not a unit of a service")]
    Foreign { path: String },
    #[error("cannot note what was told")]
    Notes(#[source] io::Error),
}

/// Reports an event to the hooks of a service, unless it was reported before.
pub(crate) fn run(event: &Event) -> Result<(), EventError> {
    let unit = Unit::read(&event.unit_file)?;
    let names = if event.moment == Moment::Failed { OF_FAILURE } else { OF_UNIT };
    let [result, status] = names.map(word);
    if unit.job.is_some() {
        unit.tell(HookEvent::JobFailed, result, status, None)?;
        return Ok(());
    }
    // Until the end of this process.
    let notes = Notes::open(&unit.name).map_err(EventError::Notes)?;
    let mut series = notes.read();
    let now = monotonic();
    let told = match event.moment {
        Moment::Ended => {
            let told = series.end(result.as_deref(), now);
            // A unit that is stopped ends, too.
            if !told.is_empty() && is_stopped(&unit.name) {
                return notes.remove().map_err(EventError::Notes);
            }
            told
        }
        Moment::Failed => match result.as_deref() {
            Some(result) if NOT_STARTED.contains(&result) => series.given_up(),
            _ => return Ok(()),
        },
        Moment::Healthy | Moment::Up if series.is_new() => return Ok(()),
        moment @ (Moment::Healthy | Moment::Up) => {
            let told = series.start(now, moment == Moment::Healthy);
            if series.waits() {
                wait_for(event, &unit.name, now);
            }
            told
        }
        Moment::Held => series.hold(now),
    };
    // First, so that a hook is told once even if this process is killed.
    let kept = if series.is_new() { notes.remove() } else { notes.write(&series) };
    kept.map_err(EventError::Notes)?;
    for event in told {
        unit.tell(event, result.clone(), status.clone(), Some(series.ends()))?;
    }
    Ok(())
}

/// What the file of a unit says about it.
#[derive(Debug)]
struct Unit<'a> {
    name: String,
    directory: &'a Path,
    service: String,
    revision: Option<String>,
    instance: Option<String>,
    job: Option<String>,
}

impl<'a> Unit<'a> {
    fn read(path: &'a Path) -> Result<Self, EventError> {
        let text = read(path)?;
        let foreign = || EventError::Foreign { path: path.display().to_string() };
        let section = text.rsplit_once("[X-Conductor]\n").ok_or_else(foreign)?.1;
        let value = |key: &str| {
            let mut pairs = section.lines().filter_map(|line| line.split_once('='));
            pairs.find(|(name, _)| *name == key).map(|(_, value)| value.to_owned())
        };
        let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(foreign)?;
        Ok(Self {
            name: name.to_owned(),
            directory: path.parent().unwrap_or(Path::new("/")),
            service: value("Service").ok_or_else(foreign)?,
            revision: value("Revision"),
            instance: value("Instance"),
            job: value("Job"),
        })
    }

    /// Asks systemd to run the hook for an event, if there is one.
    fn tell(
        &self,
        event: HookEvent,
        result: Option<String>,
        status: Option<String>,
        ends: Option<u32>,
    ) -> Result<(), EventError> {
        let target = self.directory.join(format!("conductor-{}.target", self.service));
        let Some(hook) = Hook::find(&read(&target)?, event) else { return Ok(()) };
        let recovered = event == HookEvent::Recovered;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        host.truncate(host.trim_end().len());
        clean(&mut host, 0);
        let told = Told {
            event,
            id: self.service.clone(),
            revision: self.revision.clone(),
            unit: Some(self.name.clone()),
            instance: self.instance.clone(),
            job: self.job.clone(),
            result: result.filter(|_| !recovered),
            status: status.filter(|_| !recovered),
            ends,
            host,
            time: since.as_secs(),
        };
        // In the journal of the unit: which hook was told of what.
        complain(format_args!("hook: {}", told.text()));
        command(&order(&hook, &told, since.as_micros()));
        Ok(())
    }
}

fn read(path: &Path) -> Result<String, EventError> {
    let failed = |source| EventError::Read { path: path.display().to_string(), source };
    fs::read_to_string(path).map_err(failed)
}

/// Returns a variable with a word of systemd's. A file of variables of the service could have set another text.
fn word(name: &str) -> Option<String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "-+".contains(c);
    env::var(name).ok().filter(|word| (1..=32).contains(&word.len()) && word.chars().all(is_word))
}

/// Returns whether a unit is to stop, or to be started anew: then it did not end by itself. The job of a start that
/// has just failed is still there.
fn is_stopped(unit: &str) -> bool {
    let words = ["/usr/bin/systemctl", "list-jobs", "--plain", "--no-legend", "--", unit];
    let output = output(&words.map(OsString::from)).unwrap_or_default();
    // The number of the job, its unit, its type and its state.
    let mut types = output.lines().filter_map(|line| line.split_whitespace().nth(2));
    types.any(|kind| ["stop", "restart"].contains(&kind))
}

/// Starts a timer that checks again when an instance has been up for long enough.
fn wait_for(event: &Event, unit: &str, now: Duration) {
    let stem = unit.strip_suffix(".service").unwrap_or(unit);
    let mut words: Vec<OsString> = [
        "/usr/bin/systemd-run",
        "--quiet",
        "--collect",
        "--no-block",
        "--slice=conductor.slice",
        "--timer-property=AccuracySec=100ms",
    ]
    .map(OsString::from)
    .into();
    words.push(format!("--unit=conductor-held-{stem}-{}", now.as_millis()).into());
    words.push(format!("--on-active={}s", series::REST.as_secs()).into());
    let probe = env::current_exe().unwrap_or_else(|_| "/usr/bin/conductor-probe".into());
    words.extend(["--".into(), probe.into_os_string()]);
    let text = Event::text(Moment::Held, &event.unit_file.display().to_string());
    words.extend(text.split(' ').map(OsString::from));
    command(&words);
}

/// Runs a command of systemd's, and waits for it for a limited time.
fn command(words: &[OsString]) {
    output(words);
}

/// Runs a command of systemd's, and returns its output; `None` if it fails, or does not end in time.
fn output(words: &[OsString]) -> Option<String> {
    let (program, arguments) = words.split_first()?;
    let deadline = Instant::now().checked_add(PATIENCE);
    let run = || {
        let mut command = Command::new(program);
        command.args(arguments).env_clear().stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let ended = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())?;
        if !wait_until(&mut [PollFd::new(&ended, PollFlags::IN)], deadline)? {
            child.kill()?;
            return Err(io::ErrorKind::TimedOut.into());
        }
        child.wait_with_output()
    };
    match run() {
        Ok(output) if output.status.success() => {
            Some(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        Ok(output) => {
            complain(format_args!("{} ended with {}", program.display(), output.status));
            None
        }
        Err(error) => {
            complain(format_args!("{}: {error}", program.display()));
            None
        }
    }
}

/// Returns the time of the clock that does not jump.
fn monotonic() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or_default())
}
