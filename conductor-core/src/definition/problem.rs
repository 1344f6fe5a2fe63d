//! The problems of one document, collected while it is read.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use serde::de::Error;

use super::document::{NodeId, Position};
use crate::text::{HINT_MARK, nearest};

/// A problem before the name of the file is known.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    pub(crate) position: Position,
    pub(crate) path: String,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

/// Collects the problems of one document.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    found: RefCell<Vec<(Option<usize>, Finding)>>,
    /// The service of the file that is read.
    part: Cell<Option<usize>>,
}

impl Findings {
    pub(super) fn push(&self, position: Position, path: String, fault: Fault) {
        self.found.borrow_mut().push((self.part.get(), fault.found(position, path)));
    }

    /// From now on, findings are those of one service of the file.
    pub(super) fn begin(&self, part: usize) {
        self.part.set(Some(part));
    }

    /// Returns what was found, each with the services for which it was. What was found for the file itself has none.
    pub(super) fn take(&self) -> Vec<(Finding, BTreeSet<usize>)> {
        let mut all: BTreeMap<_, (usize, BTreeSet<usize>)> = BTreeMap::new();
        for (part, finding) in self.found.take() {
            let place = all.len();
            all.entry(finding).or_insert_with(|| (place, BTreeSet::new())).1.extend(part);
        }
        let mut all: Vec<_> = all.into_iter().collect();
        all.sort_by_key(|(_, (place, _))| *place);
        all.into_iter().map(|(finding, (_, parts))| (finding, parts)).collect()
    }
}

/// The error that serde passes on: a message and, once it is known, the value with the error.
#[derive(Debug)]
pub(crate) struct Fault {
    at: Option<NodeId>,
    message: String,
    hint: Option<String>,
}

impl Fault {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { at: None, message: message.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Returns it as a finding with a position and a path.
    pub(super) fn found(self, position: Position, path: String) -> Finding {
        let Self { message, hint, .. } = self;
        Finding { position, path, message, hint }
    }

    /// Returns the value with the error, if it is known.
    pub(super) fn at(&self) -> Option<NodeId> {
        self.at
    }

    /// Sets the value with the error; outer values do not replace an inner one.
    pub(super) fn about(mut self, at: NodeId) -> Self {
        self.at.get_or_insert(at);
        self
    }
}

impl std::error::Error for Fault {}

impl Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Fault {
    fn custom<T: Display>(message: T) -> Self {
        let text = message.to_string();
        match text.split_once(HINT_MARK) {
            Some((message, hint)) => Self::new(message).hint(hint),
            None => Self::new(text),
        }
    }
}

/// Returns a hint: the similar known name, or all known names.
pub(super) fn suggest(written: &str, known: &[&'static str]) -> String {
    let written = written.to_lowercase();
    // Other programs write more around it: service_healthy.
    let inside = known.iter().copied().find(|name| name.len() > 2 && written.contains(name));
    match nearest(&written, known).or(inside) {
        Some(name) => format!("did you mean {name}?"),
        None => format!("write one of {}", known.join(", ")),
    }
}
