//! The size of a terminal in a container.
//!
//! Docker's client sets it too, but it asks few times while the container starts, and misses a size that
//! comes before it listens to SIGWINCH. So the size is set here as well: until the engine takes it, and
//! again each time that conductor says that there is another.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::termios::tcgetwinsize;

use crate::docker::Engine;
use crate::print::{Whole, complain};

/// How long to wait before the engine is asked again that did not set the size.
const PAUSE: Duration = Duration::from_millis(50);
/// When the size is set once more: the client may have read an older one before, and set it after.
const AGAIN: Duration = Duration::from_millis(500);

/// The size of a terminal, which a container's terminal is to have.
#[derive(Debug)]
pub(super) struct Size {
    terminal: OwnedFd,
    /// When to set it.
    next: Option<Instant>,
    /// What happens when it has been set.
    stage: Stage,
    complained: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It is set once more, a moment later.
    First,
    /// It is as it should be.
    Last,
}

impl Size {
    /// Sets the size of a terminal as soon as there is a container.
    pub(super) fn new(terminal: OwnedFd) -> Self {
        Self { terminal, next: Some(Instant::now()), stage: Stage::First, complained: false }
    }

    /// Sets it anew: it has changed.
    pub(super) fn changed(&mut self) {
        (self.next, self.stage) = (Some(Instant::now()), Stage::First);
    }

    /// Returns when to [`look`](Self::look), if ever.
    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Sets the size if it is time to.
    ///
    /// It is read each time, so that the last to be set is the last there was. The kernel tells the
    /// command in the container, with SIGWINCH, if that is another one than before.
    pub(super) fn look(&mut self, engine: &Engine, container: &str) {
        let now = Instant::now();
        if self.next.is_none_or(|next| now < next) {
            return;
        }
        // A terminal without a size is one that nobody looks at; one that has gone needs none.
        let Some(size) = tcgetwinsize(&self.terminal).ok().filter(|it| it.ws_row + it.ws_col > 0)
        else {
            self.next = None;
            return;
        };
        let set = engine.resize(container, size.ws_row, size.ws_col);
        // An engine may take its time.
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
