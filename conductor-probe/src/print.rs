//! Printing that never panics, even if the reader has closed the pipe.

use std::error::Error;
use std::fmt::{self, Arguments};
use std::io::{self, Write as _};

use probe_protocol::journal;

/// Prints a line to standard output.
pub(crate) fn line(text: Arguments<'_>) -> io::Result<()> {
    let mut text = text.to_string();
    clean(&mut text, 0);
    writeln!(io::stdout().lock(), "{text}")
}

/// Cleans text from an offset on: it becomes one line without terminal control characters.
pub(crate) fn clean(text: &mut String, from: usize) {
    if text[from..].contains(is_obeyed) {
        let rest = text.split_off(from);
        text.extend(rest.chars().map(|c| if is_obeyed(c) { ' ' } else { c }));
    }
}

/// Returns whether a terminal interprets a character: a control character, or one that changes the direction
/// of text or begins a line (Unicode, UAX #9 and #14).
fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// Prints a line to standard error. A failure is ignored.
pub(crate) fn complain(text: Arguments<'_>) {
    complain_to(io::stderr(), text);
}

/// Prints a line to a file for errors, as [`complain`] does.
pub(crate) fn complain_to(mut place: impl io::Write, text: Arguments<'_>) {
    let mut text = journal::line(text);
    clean(&mut text, 0);
    text.push('\n');
    // One write, so that lines of several processes are not mixed.
    let _ = place.write_all(text.as_bytes());
}

/// Returns the message of an error without the redundant prefix and number.
pub(crate) fn reason(error: &(impl ToString + ?Sized)) -> String {
    let text = error.to_string();
    let text = text.strip_prefix("io: ").unwrap_or(&text);
    let end = text.rfind(" (os error ").unwrap_or(text.len());
    text[..end].to_owned()
}

/// Shows an error and its sources.
#[derive(Debug)]
pub(crate) struct Whole<'a>(pub(crate) &'a dyn Error);

impl fmt::Display for Whole<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&reason(self.0))?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {}", reason(error))?;
            source = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_nothing() {
        let mut text =
            "\u{1b}a\u{1b}]0;x\u{7}\r\u{9b}2J\u{85}\u{202e}\u{2066}\u{61c}b\nGrüße".to_owned();
        clean(&mut text, 1);
        assert_eq!(text, "\u{1b}a ]0;x   2J    b Grüße");
    }
}
