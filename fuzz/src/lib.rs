//! Fuzz targets for everything that conductor reads and others wrote.
//!
//! A target is a function that takes bytes, and panics if something is not as it should be. `cargo fuzz`
//! runs one for hours and finds its way by what the input reaches; `conductor-fuzz smoke`, which is
//! among the tests, runs each for seconds, and finds its way by seeds and a dictionary alone.

pub mod mutate;
pub mod seeds;
pub mod targets;

/// A target, by its name.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 11] = [
    ("yaml", targets::yaml),
    ("json", targets::json),
    ("toml", targets::toml),
    ("crontab", targets::crontab),
    ("compose", targets::compose),
    ("quadlet", targets::quadlet),
    ("calendar", targets::calendar),
    ("expression", targets::expression),
    ("metadata", targets::metadata),
    ("template", targets::template),
    ("answer", targets::answer),
];
