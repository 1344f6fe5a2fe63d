//! The abilities of the terminal.

use std::env;
use std::io::{self, IsTerminal as _};

use conductor_core::plan::ActiveState;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// The size of a terminal, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) columns: usize,
    pub(crate) lines: usize,
}

/// Returns whether standard output is a terminal that can move its cursor.
pub(crate) fn moves_its_cursor() -> bool {
    let able = env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb");
    able && io::stdout().is_terminal()
}

/// Returns whether to use colours on a terminal (<https://no-color.org>).
pub(crate) fn has_colors() -> bool {
    env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Returns the size of the terminal at standard output; the classic one if that is no terminal.
pub(crate) fn size() -> Size {
    let told = terminal_size::terminal_size_of(io::stdout());
    let (columns, lines) = told.map_or((80, 24), |(columns, lines)| (columns.0, lines.0));
    Size { columns: columns.into(), lines: lines.into() }
}

/// Truncates a text to a number of columns.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut room = columns.saturating_sub(1);
    let fits = |c: &char| {
        let width = c.width().unwrap_or(0);
        let fits = width <= room;
        room = room.saturating_sub(width);
        fits
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

/// Returns the colour of a state, as a parameter of ECMA-48's SGR.
pub(crate) fn paint(state: ActiveState) -> Option<u8> {
    const RED: u8 = 31;
    const GREEN: u8 = 32;
    const YELLOW: u8 = 33;
    match state {
        ActiveState::Active | ActiveState::Reloading => Some(GREEN),
        ActiveState::Failed => Some(RED),
        ActiveState::Activating | ActiveState::Deactivating => Some(YELLOW),
        _ => None,
    }
}
