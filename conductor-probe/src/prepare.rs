//! The preparation of a start, for `exec` and `docker`.

use std::io;
use std::process::Child;
use std::time::{Duration, Instant};

use probe_protocol::{FETCH, StatusText, Watch};
use rustix::event::{PollFd, PollFlags};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::check::socket::wait_until;
use crate::check::{Check, CheckError};
use crate::notify::{Message, Notifier, NotifyError};
use crate::occupied::{self, Occupied};
use crate::restarts;
use crate::runtime;
use crate::spoken::Spoken;

/// How often systemd is asked for more time.
const PAUSE: Duration = Duration::from_secs(2);

/// Why the service is not started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum PrepareError {
    #[error(transparent)]
    Check(#[from] CheckError),
    #[error(transparent)]
    Notify(#[from] NotifyError),
    #[error(transparent)]
    Occupied(#[from] Occupied),
}

/// The result of the preparation.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// The check, if there is one.
    pub(crate) check: Option<Check>,
    /// The connection to systemd; always present if there is a check.
    pub(crate) notifier: Option<Notifier>,
    /// How long the start may take.
    pub(crate) budget: Duration,
}

/// Makes sure that the service can be checked, delays repeated starts, and refuses the start if another process
/// listens at its address.
pub(crate) fn prepare(watch: Option<&Watch>, program: &str) -> Result<Prepared, PrepareError> {
    let check = watch.map(Check::new).transpose()?;
    let checked = check.is_some();
    let notifier = Notifier::from_environment()?;
    if checked && notifier.is_none() {
        return Err(NotifyError::Missing.into());
    }
    let budget = watch.map(|watch| watch.timing.start_timeout()).unwrap_or_default();
    runtime::forget_stop();
    restarts::hold_back(notifier.as_ref(), !checked, budget);
    if let Some(endpoint) = check.as_ref().and_then(Check::endpoint) {
        occupied::refuse(endpoint, program)?;
    }
    Ok(Prepared { check, notifier, budget })
}

/// Waits for the end of a command that creates a container, and asks systemd for more time meanwhile.
pub(crate) fn await_end(
    child: &Child,
    notifier: Option<&Notifier>,
    budget: Duration,
) -> io::Result<()> {
    let ended = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    let start = Instant::now();
    let mut message = Message::default();
    loop {
        let deadline = Instant::now().checked_add(PAUSE);
        if wait_until(&mut [PollFd::new(&ended, PollFlags::IN)], deadline)? {
            return Ok(());
        }
        let Some(notifier) = notifier.filter(|_| start.elapsed() < FETCH) else { continue };
        let so_far = Spoken(start.elapsed());
        message.clear().status(StatusText::Creating { so_far: &so_far });
        // If systemd does not get it, it ends the start at its timeout.
        let _ = notifier.send(message.extend(budget.saturating_add(10 * PAUSE)));
    }
}
