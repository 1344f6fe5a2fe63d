//! Printing that never panics: whoever reads may be gone.

use std::error::Error;
use std::fmt::{self, Arguments};
use std::io::{self, Write as _};

/// Prints a line to standard output.
pub(crate) fn line(text: Arguments<'_>) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}

/// Prints a line to standard error, where nothing can be done about a failure.
pub(crate) fn complain(text: Arguments<'_>) {
    // One write, so that the lines of several processes do not mix.
    let _ = io::stderr().write_all(format!("conductor-probe: {text}\n").as_bytes());
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
