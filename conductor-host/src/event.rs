//! What a caller is told while a host is changed, and what it may ask for meanwhile.

use std::time::Duration;

use crate::report::Failure;
use conductor_core::name::{ServiceId, UnitName};
use conductor_core::plan::{ActiveState, Step};

/// Something that happened, told as it happens.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'e> {
    /// Another process changes the host; this one waits for it.
    Waiting {
        /// Who it is, in words.
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
        /// How long it took; steps that are carried out together take as long as the longest.
        took: Duration,
    },
    /// How the instances fare that are being started or stopped; see [`Watcher::interval`].
    Instances(&'e [Progress]),
    /// A line that a command wrote which a step runs.
    Output {
        /// The service.
        service: &'e ServiceId,
        /// The step.
        step: &'e Step,
        /// The line, without its end.
        line: &'e str,
    },
    /// A step failed; what is new of the service is undone next, where it can be.
    Failed {
        /// The service.
        service: &'e ServiceId,
        /// How.
        failure: &'e Failure,
    },
    /// Something that stops nothing and that an operator would want to know.
    Note {
        /// The service.
        service: &'e ServiceId,
        /// What it is, in a sentence.
        text: &'e str,
    },
    /// systemd is told to read changed units.
    Reload,
}

/// How an instance fares that is being started or stopped.
#[derive(Debug, Clone)]
pub struct Progress {
    /// The service.
    pub service: ServiceId,
    /// Its unit.
    pub unit: UnitName,
    /// The state of the unit.
    pub state: ActiveState,
    /// What its last health check found, in the probe's words.
    pub status: Option<String>,
}

/// Who is told what happens. Every closure that takes events is one that never interrupts.
pub trait Watcher {
    /// Takes an event.
    fn tell(&mut self, event: &Event<'_>);

    /// Tells whether to stop, undo what can be undone, and return.
    fn is_interrupted(&self) -> bool {
        false
    }

    /// How often [`Event::Instances`] is wanted; `None` for never.
    fn interval(&self) -> Option<Duration> {
        None
    }
}

impl<F: FnMut(&Event<'_>)> Watcher for F {
    fn tell(&mut self, event: &Event<'_>) {
        self(event);
    }
}
