//! Slots for starting containers: Docker fails when hundreds are started at a time.
//!
//! Its runc waits at most 30 s until systemd has created a container's scope, and subscribes to all signals of
//! systemd meanwhile. So if many wait, systemd spends all its time on signals to them.

use std::fs::File;
use std::path::Path;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rustix::event::{PollFd, PollFlags};

use super::RunError;
use super::connection::{Connection, Message};
use crate::check::socket::wait_until;
use crate::docker::Engine;
use crate::signals::Signals;
use crate::slots::Slots;

/// How many containers are started at a time, for each processor.
const PER_PROCESSOR: usize = 4;
/// How often the process checks whether a slot is free, and whether its own can be released.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest time for which a slot is held: the engine may have to pull an image.
const LONGEST: Duration = Duration::from_secs(30);

/// A slot, which is released when it is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    /// The locked file.
    _place: File,
    began: Instant,
    look: Instant,
}

impl Slot {
    /// Waits for one of the slots in a directory. Returns a signal instead, if one arrives
    /// first.
    pub(super) fn wait(
        directory: &Path,
        signals: &Signals,
        connection: &Connection,
    ) -> Result<Result<Self, Signal>, RunError> {
        let failed = |source| RunError::Slot { directory: directory.to_owned(), source };
        let processors = available_parallelism().map_or(1, usize::from);
        let mut slots =
            Slots::open(directory, "start", PER_PROCESSOR * processors).map_err(failed)?;
        loop {
            if let Some(place) = slots.take().map_err(failed)? {
                let began = Instant::now();
                return Ok(Ok(Self { _place: place, began, look: began + PAUSE }));
            }
            let mut watched =
                [PollFd::new(signals, PollFlags::IN), PollFd::new(connection, PollFlags::IN)];
            let told = wait_until(&mut watched, Instant::now().checked_add(PAUSE));
            if !told.map_err(|errno| RunError::Wait(errno.into()))? {
                continue;
            }
            let mut signals = signals.pending()?;
            signals.extend(match connection.hear() {
                Message::Signal(signal) => Some(signal),
                Message::End => Some(Signal::SIGTERM),
                Message::Nothing => None,
            });
            // A new size of the terminal does not end the wait.
            if let Some(signal) = signals.into_iter().find(|signal| *signal != Signal::SIGWINCH) {
                return Ok(Err(signal));
            }
        }
    }

    /// Returns when to check whether it can be released.
    pub(super) fn look(&self) -> Instant {
        self.look
    }

    /// Returns whether it can be released, because the container runs. If the engine does not answer, the time
    /// decides.
    pub(super) fn is_over(&mut self, engine: &Engine, container: &str) -> bool {
        let now = Instant::now();
        if now < self.look {
            return false;
        }
        let over = now >= self.began + LONGEST || engine.runs(container).unwrap_or(false);
        self.look = Instant::now() + PAUSE;
        over
    }
}
