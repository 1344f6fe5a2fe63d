//! The figures in `docs/reference.md` are the protocol's.

use std::fs;
use std::path::Path;
use std::time::Duration;

use conductor_probe_protocol::{Statuses, Timing, restarts};

/// Returns the manual on one line.
fn reference() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference.md");
    let text = fs::read_to_string(file).expect("the manual is there");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn spoken(time: Duration) -> String {
    match time.subsec_millis() {
        0 => format!("{} s", time.as_secs()),
        _ => format!("{} ms", time.as_millis()),
    }
}

#[test]
fn defaults_of_a_health_check_are_as_described() {
    let reference = reference();
    let Timing { interval, timeout, retries, start_period, success_threshold } = Timing::DEFAULT;
    for (field, default) in [
        ("interval", spoken(interval)),
        ("timeout", spoken(timeout)),
        ("retries", retries.to_string()),
        ("start_period", spoken(start_period)),
        ("success_threshold", success_threshold.to_string()),
    ] {
        let row = health_row(&reference, field).expect("the field has a row");
        assert!(row.ends_with(&format!("; {default}")), "{field}: {row}");
    }
    let status = health_row(&reference, "status").expect("the field has a row");
    assert!(status.contains(&format!("default: {}.", Statuses::DEFAULT)), "{status}");
}

/// Returns the row of a field in the table of a health check: others have fields of the same name.
fn health_row<'a>(reference: &'a str, field: &str) -> Option<&'a str> {
    let (_, table) = reference.split_once("| field of `health` | what it is |")?;
    let (_, row) = table.split_once(&format!("| `{field}` | "))?;
    row.split_once(" |").map(|(row, _)| row)
}

#[test]
fn delays_between_starts_are_as_described() {
    let (first, longest) = (spoken(restarts::FIRST_DELAY), spoken(restarts::LONGEST_DELAY));
    assert_eq!(restarts::delay(1), Duration::ZERO);
    assert_eq!(restarts::REST, Duration::from_mins(1));
    let delays = format!(
        "is started again at once; the third time in a row after {first}, then after twice as long each time, \
         up to {longest}, until it has been healthy for a minute. After {} starts in a row",
        restarts::START_LIMIT_BURST
    );
    assert!(reference().contains(&delays), "{delays}");
}
