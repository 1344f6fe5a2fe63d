//! The prober: checks a service for as long as its unit lives, and tells systemd.

mod health;
mod line;

use std::convert::Infallible;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use nix::sys::signal::SigSet;
use rustix::event::{PollFd, PollFlags};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use self::health::{Event, Health};
use crate::args::{Share, Timing, Watch};
use crate::check::socket::wait_until;
use crate::check::{Check, CheckError};
use crate::notify::{Message, Notifier, NotifyError};
use crate::print::complain;
use crate::restarts::Restarts;
use crate::runtime;

pub(crate) use self::line::{Line, LineError};

/// How often systemd hears of a service that starts.
const NEWS: Duration = Duration::from_millis(300);

/// For how long the words for a service that stays healthy are repeated. systemd sends every change of
/// them to the bus, which takes more time than the check. With the default interval of 5 s they are new
/// at every check.
const RENEWAL: Duration = Duration::from_secs(4);

/// For how long a command may fetch an image before the time to start counts.
pub(crate) const FETCH: Duration = Duration::from_mins(30);

/// Why there is no checking.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum WatchError {
    #[error(transparent)]
    Check(#[from] CheckError),
    #[error(transparent)]
    Notify(#[from] NotifyError),
    #[error(transparent)]
    Line(#[from] LineError),
    #[error("cannot unblock signals")]
    Signals(#[source] io::Error),
    #[error("cannot watch process {pid}")]
    Process { pid: i32, source: io::Error },
}

/// Checks until it is killed.
pub(crate) fn run(arguments: &Watch) -> Result<Infallible, WatchError> {
    // Whoever stands for a container blocks signals for itself; `stop` would have to kill this process.
    SigSet::all().thread_unblock().map_err(|errno| WatchError::Signals(errno.into()))?;
    let Watch { check, share, after } = arguments;
    let timing = check.timing.clone();
    let check = Check::new(check)?.ok_or(CheckError::Missing)?;
    let notifier = Notifier::from_environment()?.ok_or(NotifyError::Missing)?;
    let process = after.map(process).transpose()?;
    // Without a runtime directory, it is only that `stop` does not find this process.
    let _mark = runtime::directory().and_then(|directory| runtime::claim(&directory).ok());
    Line::from_stdin()?.wait()?;
    let health = Health::new(timing.clone(), Instant::now(), process.is_some());
    let restarts = Restarts::from_environment();
    Prober { check, share: share.clone(), timing, notifier, health, process, restarts }.run()
}

fn process(pid: i32) -> Result<OwnedFd, WatchError> {
    let open = |pid| pidfd_open(pid, PidfdFlags::empty());
    let opened = Pid::from_raw(pid).ok_or(rustix::io::Errno::SRCH).and_then(open);
    opened.map_err(|error| WatchError::Process { pid, source: error.into() })
}

struct Prober {
    check: Check,
    /// The socket that everybody is to get to once it answers.
    share: Share,
    timing: Timing,
    notifier: Notifier,
    health: Health,
    /// What has to end before the start period begins.
    process: Option<OwnedFd>,
    /// The count of restarts, until it is over.
    restarts: Option<Restarts>,
}

impl Prober {
    fn run(mut self) -> ! {
        let began = Instant::now();
        let mut message = Message::default();
        let mut told: Option<Instant> = None;
        // READY=1 that could not be sent is sent with the next message.
        let mut untold_ready = false;
        // When systemd was last told in words that the service is healthy, if it is so still.
        let mut well: Option<Instant> = None;
        loop {
            let start = Instant::now();
            let result = self.check.run(match self.check {
                Check::Command(_) => self.timing.timeout,
                Check::Http(_) | Check::Connect(_) => self.health.patience(start),
            });
            // A service that binds it anew makes it anew.
            let result = result.and_then(|healthy| self.share.share().map(|()| healthy));
            let now = Instant::now();
            let event = self.health.observe(now, result);
            untold_ready |= matches!(event, Event::Ready(_));
            let healthy = matches!(event, Event::Ready(_) | Event::Healthy(_));
            well = well.filter(|well| healthy && now.duration_since(*well) < RENEWAL);
            if well.is_some() {
                message.only_status().line("WATCHDOG=1");
            } else {
                message.clear();
                if untold_ready {
                    message.line("READY=1");
                }
                self.health.tell(&event, &mut message);
            }
            if !self.health.begun() && now.duration_since(began) < FETCH {
                message.extend(self.timing.start_budget());
            }
            let starting = matches!(event, Event::Starting(_) | Event::Rising { .. });
            if !starting || told.is_none_or(|told| now.duration_since(told) >= NEWS) {
                told = Some(now);
                match self.notifier.send(&message) {
                    Ok(()) => {
                        untold_ready = false;
                        well = well.or(healthy.then_some(now));
                    }
                    Err(error) => complain(format_args!("cannot tell systemd: {error}")),
                }
            }
            if matches!(event, Event::Unhealthy { .. } | Event::NeverHealthy { .. }) {
                complain(format_args!("{}", message.said()));
                rest();
            }
            if self.health.at_rest(now) {
                self.restarts.take().iter().for_each(Restarts::forget);
            }
            self.pause(start, now);
        }
    }

    /// Waits until the next check is due, or until the start period begins.
    fn pause(&mut self, start: Instant, now: Instant) {
        let took = now.duration_since(start);
        let mut pause = self.health.pause(now, took);
        if matches!(self.check, Check::Command(_)) {
            // A command in a tight loop would take the processor from the service that starts.
            pause = pause.max(took.min(self.timing.interval));
        }
        let deadline = now.checked_add(pause);
        let waited = match &self.process {
            None => wait_until(&mut [], deadline),
            Some(process) => wait_until(&mut [PollFd::new(process, PollFlags::IN)], deadline),
        };
        match waited {
            Ok(false) => {}
            Ok(true) => {
                self.health.begin(Instant::now());
                self.process = None;
            }
            Err(_) => std::thread::sleep(pause),
        }
    }
}

/// Waits for the end that systemd has been asked for.
fn rest() -> ! {
    loop {
        std::thread::park();
    }
}
