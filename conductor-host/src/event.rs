//! The events that a caller receives while a host is changed.

use std::time::Duration;

use crate::report::Failure;
use conductor_core::name::{ServiceId, UnitName};
use conductor_core::plan::{ActiveState, Step};

/// Something that happened during a change, reported at once.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'e> {
    /// Another process holds the lock; this one waits for it.
    Waiting {
        /// A description of that process.
        holder: &'e str,
    },
    /// A step is about to be carried out.
    Step {
        /// The service.
        service: &'e ServiceId,
        /// The step.
        step: &'e Step,
    },
    /// A step was carried out.
    Done {
        /// The service.
        service: &'e ServiceId,
        /// The step.
        step: &'e Step,
        /// How long it took. Steps that are carried out together take as long as the longest.
        took: Duration,
    },
    /// The states of the instances that are being started or stopped; see [`Watcher::interval`].
    Instances(&'e [Progress]),
    /// A line of output from a command that a step runs.
    Output {
        /// The service.
        service: &'e ServiceId,
        /// The step.
        step: &'e Step,
        /// The line, without its line end.
        line: &'e str,
    },
    /// A step failed. The changes to the service are undone next, where that is possible.
    Failed {
        /// The service.
        service: &'e ServiceId,
        /// The failure.
        failure: &'e Failure,
    },
    /// Something that an operator should know, and that does not stop the change.
    Note {
        /// The service.
        service: &'e ServiceId,
        /// One sentence.
        text: &'e str,
    },
    /// systemd is asked to reload its unit files.
    Reload,
}

/// The state of an instance that is being started or stopped.
#[derive(Debug, Clone)]
pub struct Progress {
    /// The service.
    pub service: ServiceId,
    /// Its unit.
    pub unit: UnitName,
    /// The state of the unit.
    pub state: ActiveState,
    /// The result of its last health check, in the probe's words.
    pub status: Option<String>,
}

/// Receives events. A closure that takes events is a watcher that never interrupts.
pub trait Watcher {
    /// Receives an event.
    fn tell(&mut self, event: &Event<'_>);

    /// Returns whether to stop, undo what can be undone, and return.
    fn is_interrupted(&self) -> bool {
        false
    }

    /// Returns how often to send [`Event::Instances`]; `None` for never.
    fn interval(&self) -> Option<Duration> {
        None
    }
}

impl<F: FnMut(&Event<'_>)> Watcher for F {
    fn tell(&mut self, event: &Event<'_>) {
        self(event);
    }
}
