//! `turn`: waits until a scheduled job may run, and holds its place until this process ends.
//!
//! It is the process of a unit that systemd starts before a job and stops after it, so it lives as long as the job. A
//! place is a locked file in a directory of root's, which no job can reach.

use std::convert::Infallible;
use std::fs::{DirBuilder, File};
use std::io;
use std::num::NonZero;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use probe_protocol::Turn;

use crate::notify::{Message, Notifier, NotifyError};
use crate::slots::{self, Slots};

/// The directory of the places of all jobs of the host. No service has a dot in its id.
const HOST: &str = "host.all";

/// How often it looks whether a place is free. Of all that wait for the same places, one does.
const PAUSE: Duration = Duration::from_millis(100);

/// Why no place is held.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum TurnError {
    #[error(transparent)]
    Notify(#[from] NotifyError),
    #[error("cannot tell systemd")]
    Send(#[source] io::Error),
    #[error("cannot lock a file in {}", directory.display())]
    Lock { directory: PathBuf, source: io::Error },
}

/// Holds the place of a job. It returns only if it cannot.
pub(crate) fn run(turn: &Turn) -> TurnError {
    match hold(turn) {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

fn hold(turn: &Turn) -> Result<Infallible, TurnError> {
    let notifier = Notifier::from_environment()?.ok_or(NotifyError::Missing)?;
    let tell = |line: &str| notifier.send(Message::default().line(line)).map_err(TurnError::Send);
    let (job, service) = (&turn.job, turn.job.service.as_str());
    // Always in this order, so that no two wait for each other.
    let limits = [(job.limit, service, service), (turn.host_limit, HOST, "this host")];
    let mut places = Vec::new();
    for (limit, name, whose) in limits {
        if let Some(limit) = limit {
            let others = match limit.get() {
                1 => format!("a job of {whose} runs"),
                several => format!("{several} jobs of {whose} run"),
            };
            tell(&format!("STATUS={} waits while {others}", job.job))?;
            places.push(wait(&turn.directory.join(name), limit)?);
        }
    }
    tell(&format!("STATUS=the place of {}", job.job))?;
    tell("READY=1")?;
    loop {
        thread::park();
    }
}

/// Waits for one of the places in a directory, and returns it.
fn wait(directory: &Path, limit: NonZero<u16>) -> Result<File, TurnError> {
    let failed = |source| TurnError::Lock { directory: directory.to_owned(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
    // The others wait here, in the order in which they came.
    let first = slots::open(directory, "first").map_err(failed)?;
    first.lock().map_err(failed)?;
    let mut places = Slots::open(directory, "place", limit.get().into()).map_err(failed)?;
    loop {
        match places.take().map_err(failed)? {
            Some(place) => return Ok(place),
            None => thread::sleep(PAUSE),
        }
    }
}
