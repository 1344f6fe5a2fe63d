//! The targets. What each insists on stands above it; that it ends, and does not panic, goes without saying.

mod answer;
mod definition;
mod time;
mod units;

pub use answer::answer;
pub use definition::{crontab, json, toml, yaml};
pub use time::{calendar, expression};
pub use units::{metadata, template};

/// Reads input as text, if it is some.
fn text(input: &[u8]) -> Option<&str> {
    std::str::from_utf8(input).ok()
}
