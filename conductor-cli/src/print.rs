//! Printing that never panics: whoever reads may be gone, and a disk that a log goes to may be full.

use std::fmt::Arguments;
use std::io::{self, Write as _};

use crate::failure::Failure;

/// Prints a line to standard output.
pub(crate) fn line(text: Arguments<'_>) -> Result<(), Failure> {
    writeln!(io::stdout().lock(), "{text}").map_err(Failure::Output)
}

/// Prints text that has its own line ends to standard output.
pub(crate) fn text(text: Arguments<'_>) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    write!(stdout, "{text}").and_then(|()| stdout.flush()).map_err(Failure::Output)
}

/// Prints a line to standard error, where nothing can be done about a failure.
pub(crate) fn complaint(text: Arguments<'_>) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
