//! Printing that never panics: whoever reads may be gone.

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

/// Makes text from a place on harmless: one line, without what a terminal obeys.
pub(crate) fn clean(text: &mut String, from: usize) {
    if text[from..].contains(is_obeyed) {
        let rest = text.split_off(from);
        text.extend(rest.chars().map(|c| if is_obeyed(c) { ' ' } else { c }));
    }
}

/// Tells whether a terminal does something else with a character than to show it; of what is no control
/// character, those that change the direction or begin a line (Unicode, UAX #9 and #14).
fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// Prints a line to standard error, where nothing can be done about a failure.
pub(crate) fn complain(text: Arguments<'_>) {
    complain_to(io::stderr(), text);
}

/// Prints a line where errors are shown, as [`complain`] does.
pub(crate) fn complain_to(mut place: impl io::Write, text: Arguments<'_>) {
    let mut text = journal::line(text);
    clean(&mut text, 0);
    text.push('\n');
    // One write, so that the lines of several processes do not mix.
    let _ = place.write_all(text.as_bytes());
}

/// Gives the message of an error without the prefix and the number that say it again.
pub(crate) fn reason(error: &(impl ToString + ?Sized)) -> String {
    let text = error.to_string();
    let text = text.strip_prefix("io: ").unwrap_or(&text);
    let end = text.rfind(" (os error ").unwrap_or(text.len());
    text[..end].to_owned()
}

/// Shows an error and what it came from.
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
