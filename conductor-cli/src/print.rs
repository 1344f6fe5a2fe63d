//! Prints without panics: the reader may have closed the pipe, and the disk may be full.
//!
//! The output contains foreign text: values of definitions, names of files, output of services. Their control
//! characters are escaped, because a terminal would act on them.

use std::borrow::Cow;
use std::fmt::{Arguments, Write as _};
use std::io::{self, IsTerminal as _, Write as _};

use crate::failure::Failure;

/// Prints a line to standard output.
pub(crate) fn line(text: Arguments<'_>) -> Result<(), Failure> {
    let text = text.to_string();
    writeln!(io::stdout().lock(), "{}", visible(&text)).map_err(Failure::Output)
}

/// Prints text with its own line ends to standard output, unchanged unless that is a terminal.
pub(crate) fn text(text: Arguments<'_>) -> Result<(), Failure> {
    let text = text.to_string();
    match io::stdout().is_terminal() {
        true => orders(&visible(&text)),
        false => orders(&text),
    }
}

/// Prints text with control sequences for the terminal.
pub(crate) fn orders(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    write!(stdout, "{text}").and_then(|()| stdout.flush()).map_err(Failure::Output)
}

/// Prints a line of JSON with escaped control characters.
pub(crate) fn json(text: &str) -> Result<(), Failure> {
    let text = replaced(text, |out, c| {
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\u{unit:04x}");
        }
    });
    writeln!(io::stdout().lock(), "{text}").map_err(Failure::Output)
}

/// Prints a line to standard error, and ignores failures.
pub(crate) fn complaint(text: Arguments<'_>) {
    let text = text.to_string();
    let _ = writeln!(io::stderr().lock(), "{}", visible(&text));
}

/// Makes control characters visible, except line ends and tabs.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    replaced(text, |out, c| out.extend(c.escape_debug()))
}

fn replaced(text: &str, escape: impl Fn(&mut String, char)) -> Cow<'_, str> {
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match is_obeyed(c) {
            true => escape(&mut out, c),
            false => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Returns whether a character is a control character (C0 or C1), or changes the direction of text or starts
/// a line, which can make a line look like another.
pub(crate) fn is_obeyed(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            true
        }
        c => c.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_others_wrote_is_obeyed() {
        assert!(matches!(visible("Grüße, \t日本\n"), Cow::Borrowed(_)));
        let orders = "\u{1b}]0;x\u{7}\u{9b}2J\r\u{202e}";
        assert_eq!(visible(orders), "\\u{1b}]0;x\\u{7}\\u{9b}2J\\r\\u{202e}");
    }
}
