//! The targets. The comment of each names what it checks, besides that the code ends and does not panic.

mod answer;
mod definition;
mod import;
mod time;
mod units;

pub use answer::answer;
pub use definition::{crontab, json, toml, yaml};
pub use import::{compose, quadlet};
pub use time::{calendar, expression};
pub use units::{metadata, template};

/// Returns the input as text, if it is UTF-8.
fn text(input: &[u8]) -> Option<&str> {
    std::str::from_utf8(input).ok()
}
