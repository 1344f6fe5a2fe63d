//! The events that a caller receives while a host is changed.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::report::{Failure, StepObject};
use conductor_core::name::{ServiceId, UnitName};
use conductor_core::plan::ActiveState;

/// Something that happened during a change, reported at once.
///
/// It borrows nothing, so it can be sent to other threads and kept. Its JSON is what `conductor --output json` prints.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
#[schemars(
    rename = "EventObject",
    description = "An event during a change; events come before the result."
)]
#[non_exhaustive]
pub enum Event {
    /// Another process holds the lock; this one waits for it.
    Waiting {
        /// A description of that process.
        holder: String,
    },
    /// A step is about to be carried out.
    Step {
        /// The service.
        service: ServiceId,
        /// The step.
        step: StepObject,
    },
    /// A step was carried out.
    Done {
        /// The service.
        service: ServiceId,
        /// The step.
        step: StepObject,
        /// How long it took, in microseconds. Steps that are carried out together take as long as the longest.
        usec: u64,
    },
    /// The states of the instances that are being started or stopped; see [`Watcher::interval`]. `conductor` does not
    /// print it as JSON.
    #[schemars(skip)]
    Instances {
        /// Each of them.
        instances: Vec<Progress>,
    },
    /// A command that a step runs wrote a line.
    Output {
        /// The service.
        service: ServiceId,
        /// The step.
        step: StepObject,
        /// The line, without its line end.
        line: String,
    },
    /// A step failed. The changes to the service are undone next, where that is possible.
    Failed {
        /// The service.
        service: ServiceId,
        /// The failure.
        #[serde(flatten)]
        failure: Failure,
    },
    /// Something that an operator should know, and that does not stop the change.
    Note {
        /// The service.
        service: ServiceId,
        /// One sentence.
        text: String,
    },
    /// systemd reloads its unit files.
    Reload,
}

impl Event {
    /// Returns a note.
    pub(crate) fn note(service: &ServiceId, text: impl Into<String>) -> Self {
        Self::Note { service: service.clone(), text: text.into() }
    }
}

/// The state of an instance that is being started or stopped.
#[derive(Debug, Clone, Serialize, Deserialize)]
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
    fn tell(&mut self, event: Event);

    /// Returns whether to stop, undo what can be undone, and return.
    fn is_interrupted(&self) -> bool {
        false
    }

    /// Returns how often to send [`Event::Instances`]; `None` for never.
    fn interval(&self) -> Option<Duration> {
        None
    }
}

impl<F: FnMut(Event)> Watcher for F {
    fn tell(&mut self, event: Event) {
        self(event);
    }
}
