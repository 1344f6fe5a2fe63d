//! The size of a terminal in a container.
//!
//! Docker's client also sets it, but tries only a few times while the container starts, and misses a change
//! before it handles SIGWINCH. So the size is set here as well: until the engine accepts it, and again each time
//! that conductor reports a change.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::termios::tcgetwinsize;

use crate::docker::Engine;
use crate::print::{Whole, complain};

/// The wait before the next try, if the engine did not set the size.
const PAUSE: Duration = Duration::from_millis(50);
/// When the size is set once more: the client may have read an older size, and set it later.
const AGAIN: Duration = Duration::from_millis(500);

/// The size of a terminal, which is set for a container's terminal.
#[derive(Debug)]
pub(super) struct Size {
    terminal: OwnedFd,
    /// When to set it next.
    next: Option<Instant>,
    /// What follows once it has been set.
    stage: Stage,
    complained: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It is set once more.
    First,
    /// Nothing.
    Last,
}

impl Size {
    /// Sets the size of a terminal as soon as there is a container.
    pub(super) fn new(terminal: OwnedFd) -> Self {
        Self { terminal, next: Some(Instant::now()), stage: Stage::First, complained: false }
    }

    /// Sets it again, after a change.
    pub(super) fn changed(&mut self) {
        (self.next, self.stage) = (Some(Instant::now()), Stage::First);
    }

    /// Returns when to [`look`](Self::look), if ever.
    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Sets the size, if it is time.
    ///
    /// It is read each time, so that the newest size is set last. If it differs from the previous one, the kernel
    /// sends SIGWINCH to the command in the container.
    pub(super) fn look(&mut self, engine: &Engine, container: &str) {
        let now = Instant::now();
        if self.next.is_none_or(|next| now < next) {
            return;
        }
        // A terminal without a size is not visible, and a closed one needs no size.
        let Some(size) = tcgetwinsize(&self.terminal).ok().filter(|it| it.ws_row + it.ws_col > 0)
        else {
            self.next = None;
            return;
        };
        let set = engine.resize(container, size.ws_row, size.ws_col);
        // The engine may answer slowly.
        let now = Instant::now();
        match set {
            Ok(()) => match self.stage {
                Stage::First => (self.next, self.stage) = (now.checked_add(AGAIN), Stage::Last),
                Stage::Last => self.next = None,
            },
            Err(error) => {
                self.next = now.checked_add(PAUSE);
                if !error.is_not_running() && !self.complained {
                    complain(format_args!("cannot set the terminal's size: {}", Whole(&error)));
                    self.complained = true;
                }
            }
        }
    }
}
