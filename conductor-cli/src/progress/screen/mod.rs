//! Lays out the rows of the live list, as a pure function of the events so far.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::time::Instant;

use conductor_core::plan::ActiveState;
use conductor_host::Progress;
use unicode_width::UnicodeWidthStr as _;

use crate::human::{printable, took};
use crate::terminal::{Size, cut, paint};

/// The narrowest supported terminal.
const NARROWEST: usize = 20;

/// What is in progress.
#[derive(Debug, Default)]
pub(super) struct Screen {
    /// The line for a wait for the lock, and when the wait began.
    pub(super) waiting: Option<(String, Instant)>,
    pub(super) steps: Vec<RunningStep>,
    pub(super) instances: Vec<Progress>,
}

/// A step that is being carried out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RunningStep {
    pub(super) service: String,
    pub(super) step: String,
    pub(super) since: Instant,
}

/// A row ready to print.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Drawn {
    pub(super) text: String,
    /// Its width in columns, without the colour sequences in the text.
    pub(super) columns: usize,
}

/// The parts of a row.
struct Row {
    head: String,
    time: String,
    state: Option<ActiveState>,
    status: String,
}

impl Screen {
    /// Returns the rows: one for each step, with its instance if it has one, and one for each other instance.
    pub(super) fn rows(&self, now: Instant, size: Size, color: bool) -> Vec<Drawn> {
        let words: HashSet<_> =
            self.steps.iter().flat_map(|running| running.step.split(' ')).collect();
        let instances: HashMap<_, _> =
            self.instances.iter().map(|instance| (instance.unit.as_str(), instance)).collect();
        let others = self.instances.iter().filter(|other| !words.contains(other.unit.as_str()));
        let waiting = self.waiting.iter().map(|(line, since)| Row {
            head: line.clone(),
            time: took(now.saturating_duration_since(*since)),
            state: None,
            status: String::new(),
        });
        let steps = self.steps.iter().map(|running| running.row(now, &instances));
        // The cursor is in the last line.
        let room = size.lines.saturating_sub(1).max(1);
        let count = self.waiting.iter().count() + self.steps.len() + others.clone().count();
        let shown = if count > room { room - 1 } else { count };
        let rows: Vec<_> = waiting.chain(steps).chain(others.map(Row::of)).take(shown).collect();
        let width = rows.iter().map(|row| row.head.width()).max().unwrap_or(0);
        // A row that uses the last column may wrap.
        let columns = size.columns.max(NARROWEST) - 1;
        let mut rows: Vec<_> = rows.iter().map(|row| row.fit(width, columns, color)).collect();
        if shown < count {
            rows.push(Drawn::plain(cut(&format!("and {} more", count - shown), columns)));
        }
        rows
    }
}

impl Drawn {
    fn plain(text: String) -> Self {
        let columns = text.width();
        Self { text, columns }
    }
}

impl RunningStep {
    fn row(&self, now: Instant, instances: &HashMap<&str, &Progress>) -> Row {
        let instance = self.step.split(' ').find_map(|word| instances.get(word));
        let words: Vec<_> = self.step.split(' ').map(|word| short(word, &self.service)).collect();
        Row {
            head: format!("{}: {}", self.service, words.join(" ")),
            time: took(now.saturating_duration_since(self.since)),
            state: instance.map(|instance| instance.state),
            status: instance.map_or_else(String::new, |instance| words_of(instance)),
        }
    }
}

impl Row {
    fn of(instance: &Progress) -> Self {
        let service = instance.service.as_str();
        Self {
            head: format!("{service}: {}", short(instance.unit.as_str(), service)),
            time: String::new(),
            state: Some(instance.state),
            status: words_of(instance),
        }
    }

    /// Formats the row, no wider than the terminal.
    fn fit(&self, width: usize, columns: usize, color: bool) -> Drawn {
        const TIME: usize = 8;
        let state = self.state.map_or_else(String::new, |state| state.to_string());
        let padding = width - self.head.width();
        let mut text = format!("{}{:padding$}  {:>TIME$}  ", self.head, "", self.time);
        let place = text.len()..text.len() + state.len();
        if self.state.is_some() {
            let _ = write!(text, "{state:<12}  {}", self.status);
        }
        let mut row = Drawn::plain(cut(text.trim_end(), columns));
        let paint = self.state.filter(|_| color).and_then(paint);
        // A row that was cut has no colours.
        if let Some(paint) = paint
            && row.text.get(place.clone()) == Some(&state)
        {
            row.text.replace_range(place, &format!("\x1b[{paint}m{state}\x1b[0m"));
        }
        row
    }
}

fn words_of(instance: &Progress) -> String {
    instance.status.as_deref().map_or_else(String::new, printable)
}

/// Removes from a unit's name what its row shows anyway.
fn short<'n>(unit: &'n str, service: &str) -> &'n str {
    let release = unit.strip_prefix("conductor-").and_then(|unit| unit.strip_prefix(service));
    let release = release.and_then(|unit| unit.strip_prefix('-')?.strip_suffix(".service"));
    release.unwrap_or(unit)
}
