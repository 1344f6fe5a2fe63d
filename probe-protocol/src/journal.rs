//! The mark of the probe's lines in the journal, which distinguishes them from the service's.

use std::fmt::Display;

/// The beginning of the probe's lines.
pub const PREFIX: &str = "conductor-probe: ";

/// Returns a line of the probe.
pub fn line(text: impl Display) -> String {
    format!("{PREFIX}{text}")
}

/// Returns the text of a line, if it is the probe's.
pub fn text(line: &str) -> Option<&str> {
    line.strip_prefix(PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_probe_is_known() {
        assert_eq!(text(&line("unhealthy 3/3: 500")), Some("unhealthy 3/3: 500"));
        assert_eq!(text("web: conductor-probe: x"), None);
    }
}
