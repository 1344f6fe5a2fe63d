//! Refuses what a watcher cannot do: change a host while it is told of a change.
//!
//! Its thread polls the change, which goes on when the watcher returns. Nothing else that waits for the same lock, fake
//! host or runtime could ever end.

use std::cell::Cell;
use std::time::Duration;

use super::error::Error;
use crate::event::{Event, Watcher};

thread_local! {
    /// Whether this thread is inside a watcher.
    static WATCHES: Cell<bool> = const { Cell::new(false) };
}

/// Passes events on, and knows when the watcher is at work.
pub(super) struct Watched<'w>(pub(super) &'w mut dyn Watcher);

impl Watcher for Watched<'_> {
    fn tell(&mut self, event: Event) {
        watching(|| self.0.tell(event));
    }

    fn is_interrupted(&self) -> bool {
        watching(|| self.0.is_interrupted())
    }

    fn interval(&self) -> Option<Duration> {
        watching(|| self.0.interval())
    }
}

/// Calls a watcher.
pub(super) fn watching<T>(call: impl FnOnce() -> T) -> T {
    /// A watcher that panics is left, too.
    struct Left;

    impl Drop for Left {
        fn drop(&mut self) {
            WATCHES.set(false);
        }
    }

    WATCHES.set(true);
    let _left = Left;
    call()
}

/// Refuses what cannot be done inside a watcher.
///
/// # Errors
/// This thread is inside one.
pub(super) fn refuse() -> Result<(), Error> {
    match WATCHES.get() {
        true => Err(Error::Watching),
        false => Ok(()),
    }
}
