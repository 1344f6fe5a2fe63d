//! Shows the progress of a change: a live list on a terminal, otherwise a line for each event, as text or
//! JSON.
//!
//! A failure to print does not stop the change.

mod lines;
mod live;
mod screen;

use std::cell::Cell;
use std::time::Duration;

use conductor_host::{Event, Watcher};

use crate::args::Output;
use crate::interrupt::Interrupts;
use crate::{print, terminal};
use live::Live;

/// Printed once, after the first Ctrl-C.
const INTERRUPTED: &str =
    "interrupted: undoing what can be undone; a second signal ends conductor at once";

/// Shows the events of one change, and passes on an interruption.
pub(crate) struct Progress {
    how: How,
    interrupts: Interrupts,
    /// Whether [`INTERRUPTED`] was printed.
    said: Cell<bool>,
}

enum How {
    Live(Live),
    Lines,
    Json,
}

impl Progress {
    pub(crate) fn new(output: Output, interrupts: Interrupts) -> Self {
        let how = match output {
            Output::Json => How::Json,
            Output::Text if terminal::moves_its_cursor() => How::Live(Live::new()),
            Output::Text => How::Lines,
        };
        Self { how, interrupts, said: Cell::new(false) }
    }
}

impl Watcher for Progress {
    fn tell(&mut self, event: Event) {
        match &self.how {
            How::Live(live) => live.tell(&event),
            How::Lines => match (&event, lines::line(&event)) {
                // The wait is not part of the command's output.
                (Event::Waiting { .. }, Some(line)) => print::complaint(format_args!("{line}")),
                (_, Some(line)) => drop(print::line(format_args!("{line}"))),
                (_, None) => {}
            },
            How::Json => {
                // The states of instances are only asked for if people see them.
                if let Ok(line) = serde_json::to_string(&event) {
                    let _ = print::json(&line);
                }
            }
        }
    }

    fn is_interrupted(&self) -> bool {
        let happened = self.interrupts.happened();
        if happened && !self.said.replace(true) {
            match &self.how {
                How::Live(live) => live.say(INTERRUPTED),
                How::Lines => print::complaint(format_args!("{INTERRUPTED}")),
                // The failure's event reports it.
                How::Json => {}
            }
        }
        happened
    }

    fn interval(&self) -> Option<Duration> {
        const OFTEN: Duration = Duration::from_millis(200);
        matches!(self.how, How::Live(_)).then_some(OFTEN)
    }
}
