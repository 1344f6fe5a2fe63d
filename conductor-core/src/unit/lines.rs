//! Directives as lines of a unit.

use std::fmt::{Display, Write as _};

use serde::{Serialize, Serializer};

/// The initial capacity, in which most blocks of lines fit.
const ROOM: usize = 512;

/// Lines of the form `Name=value`; the values are escaped already.
#[derive(Debug, Default)]
pub struct Lines(String);

impl Lines {
    /// Adds one line.
    pub fn push(&mut self, name: impl Display, value: impl Display) {
        if self.0.is_empty() {
            self.0.reserve(ROOM);
        } else {
            self.0.push('\n');
        }
        // Writing to a String cannot fail.
        let _ = write!(self.0, "{name}={value}");
    }

    /// Appends other lines.
    pub fn extend(&mut self, Lines(others): Lines) {
        if !self.0.is_empty() && !others.is_empty() {
            self.0.push('\n');
        }
        self.0.push_str(&others);
    }
}

/// Serializes as text without a line end: a template decides what follows.
impl Serialize for Lines {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}
