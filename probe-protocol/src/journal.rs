//! How the probe's lines in the journal are told from the service's.

use std::fmt::Display;

/// What the probe's lines begin with.
pub const PREFIX: &str = "conductor-probe: ";

/// Returns a line of the probe's.
pub fn line(text: impl Display) -> String {
    format!("{PREFIX}{text}")
}

/// Returns what a line says if it is the probe's.
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
