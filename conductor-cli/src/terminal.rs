//! The abilities of the terminal.

use std::env;
use std::io::{self, IsTerminal as _};

/// Returns whether standard output is a terminal that can move its cursor.
pub(crate) fn moves_its_cursor() -> bool {
    let able = env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb");
    able && io::stdout().is_terminal()
}

/// Returns whether to use colours on a terminal (<https://no-color.org>).
pub(crate) fn has_colors() -> bool {
    env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
