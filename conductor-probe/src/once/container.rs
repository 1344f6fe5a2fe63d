//! The container of a command, which Docker's client runs.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::size::Size;
use super::turn::Turn;
use crate::docker::{Engine, EngineError};
use crate::print::{Whole, complain};

/// How long to wait before the engine is asked again that did not take a signal.
const PAUSE: Duration = Duration::from_millis(50);

/// A container, and what it is still to be told.
///
/// Docker's client loses what comes between its own start and the container's: it neither dies of it nor
/// passes it on.
#[derive(Debug)]
pub(super) struct Container<'a> {
    name: &'a str,
    engine: Engine,
    /// Signals that came before it ran, oldest first.
    kept: Vec<Signal>,
    /// When to send them.
    next: Option<Instant>,
}

impl<'a> Container<'a> {
    pub(super) fn new(name: &'a str, engine: Engine) -> Self {
        Self { name, engine, kept: Vec::new(), next: None }
    }

    /// Sends a signal, now or as soon as the container runs; tells whether its client has to have it, too.
    pub(super) fn signal(&mut self, signal: Signal) -> bool {
        match self.engine.kill(self.name, signal.as_str()) {
            Ok(()) => false,
            Err(error) if error.is_not_running() => {
                self.kept.push(signal);
                self.next = Instant::now().checked_add(PAUSE);
                // Before there is a container the client may die of it, and then there will be none.
                matches!(error, EngineError::Gone)
            }
            Err(error) => {
                complain(format_args!("{signal} is not passed on: {}", Whole(&error)));
                true
            }
        }
    }

    /// Returns when to [`look`](Self::look), if ever.
    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Sends what was kept if it is time to.
    pub(super) fn look(&mut self) {
        if self.next.is_none_or(|next| Instant::now() < next) {
            return;
        }
        // If the engine is gone for good, so is its client, and all of this ends.
        let is_sent = |signal: &&Signal| self.engine.kill(self.name, signal.as_str()).is_ok();
        let sent = self.kept.iter().take_while(is_sent).count();
        self.kept.drain(..sent);
        self.next = if self.kept.is_empty() { None } else { Instant::now().checked_add(PAUSE) };
    }

    /// Tells whether its turn to start is over.
    pub(super) fn has_had(&self, turn: &mut Turn) -> bool {
        turn.is_over(&self.engine, self.name)
    }

    /// Sets the size of its terminal if it is time to.
    pub(super) fn has_size(&self, size: &mut Size) {
        size.look(&self.engine, self.name);
    }
}
