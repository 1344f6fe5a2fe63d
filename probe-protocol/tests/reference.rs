//! The delays between starts in `docs/reference.md` are those of the protocol.

use std::fs;
use std::path::Path;
use std::time::Duration;

use conductor_probe_protocol::restarts;

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
fn delays_between_starts_are_as_described() {
    let (first, longest) = (spoken(restarts::FIRST_DELAY), spoken(restarts::LONGEST_DELAY));
    assert_eq!(restarts::delay(1), Duration::ZERO);
    assert_eq!(restarts::REST, Duration::from_mins(1));
    let delays = format!(
        "is started again at once; the third time in a row after {first}, then after twice as long each time, \
         up to {longest}, until it has been healthy for a minute."
    );
    assert!(reference().contains(&delays), "{delays}");
    let limit = format!(
        "After {} starts within {}",
        restarts::START_LIMIT_BURST,
        spoken(restarts::START_LIMIT_INTERVAL)
    );
    assert!(reference().contains(&limit), "{limit}");
}
