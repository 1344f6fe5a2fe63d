//! Escaping for unit files (systemd.service(5), "Command lines"; systemd.syntax(7)).
//!
//! The rules were tried against systemd itself and are kept by a test that runs hostile units.

use std::fmt::{self, Write as _};

use probe_protocol::Word;

/// The longest line that systemd reads; a longer one makes the whole unit unloadable.
pub(crate) const LONGEST_LINE: usize = 1_048_575;

/// Quotes one argument or one `K=v` assignment.
///
/// Always in double quotes, which covers the empty argument, a lone `;` and a leading `#`. Text
/// with a NUL cannot be expressed; [`crate::value::Argument`] refuses it.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    push_quoted(&mut quoted, text);
    quoted
}

fn push_quoted(quoted: &mut String, text: &str) {
    quoted.push('"');
    for c in text.chars() {
        match c {
            '\\' => quoted.push_str("\\\\"),
            '"' => quoted.push_str("\\\""),
            '%' => quoted.push_str("%%"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            c if c < ' ' || c == '\u{7f}' => {
                // Writing to a String cannot fail.
                let _ = write!(quoted, "\\x{:02x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
}

/// A command line that runs exactly these arguments.
///
/// The prefix `:` switches `$` expansion off, against which quotes do not protect.
#[derive(Debug)]
pub(crate) struct CommandLine(String);

impl CommandLine {
    /// Begins a line; `prefix` adds other prefixes to `:`, such as `-`.
    pub(crate) fn new(prefix: &str) -> Self {
        Self(format!("{prefix}:"))
    }

    /// Adds one argument.
    pub(crate) fn word(&mut self, word: &str) {
        self.separate();
        push_quoted(&mut self.0, word);
    }

    /// Adds arguments.
    pub(crate) fn words<W: AsRef<str>>(&mut self, words: impl IntoIterator<Item = W>) {
        for word in words {
            self.word(word.as_ref());
        }
    }

    /// Adds one argument in which a specifier such as `%t` stands between two texts.
    pub(crate) fn after_specifier(&mut self, before: &str, specifier: &'static str, after: &str) {
        self.separate();
        push_quoted(&mut self.0, before);
        // Still inside of the quotes.
        self.0.pop();
        self.0.push_str(specifier);
        let rest = quote(after);
        self.0.push_str(&rest[1..]);
    }

    /// Adds arguments of the probe's.
    pub(crate) fn arguments(&mut self, words: &[Word]) {
        for word in words {
            match word {
                // It was made of text.
                Word::Plain(word) => self.word(&word.to_string_lossy()),
                Word::RuntimeDirectory { before, after } => {
                    self.after_specifier(before, "%t", after);
                }
            }
        }
    }

    fn separate(&mut self) {
        if self.0.ends_with('"') {
            self.0.push(' ');
        }
    }
}

impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Writes a command line in one go; see [`CommandLine`].
pub(crate) fn command_line<A: AsRef<str>>(prefix: &str, arguments: &[A]) -> CommandLine {
    let mut line = CommandLine::new(prefix);
    line.words(arguments);
    line
}

/// Writes a command line that runs the probe, which is at `probe`, with these arguments.
pub(crate) fn probe_line(prefix: &str, probe: &str, arguments: &[Word]) -> CommandLine {
    let mut line = command_line(prefix, &[probe]);
    line.arguments(arguments);
    line
}

/// Doubles `%`, for values that take specifiers and no quotes (paths, users).
pub(crate) fn percent(text: &str) -> String {
    text.replace('%', "%%")
}

/// Writes a description: not unquoted by systemd, and an odd backslash at its end would join the
/// next line, even `[Service]`. The space behind it is stripped again by systemd.
pub(crate) fn description(text: &str) -> String {
    let mut line = percent(text);
    if line.ends_with('\\') {
        line.push(' ');
    }
    line
}

/// Escapes one component between dashes, as `systemd-escape` does: in the name of a slice a dash
/// means a parent.
pub(crate) fn slice_component(text: &str) -> String {
    text.replace('-', "\\x2d")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_hostile_arguments() {
        for (argument, quoted) in [
            ("", r#""""#),
            ("plain", r#""plain""#),
            ("$X", r#""$X""#),
            ("50%", r#""50%%""#),
            (";", r#"";""#),
            ("D:\\", r#""D:\\""#),
            ("a\nb\rc\td", r#""a\nb\rc\td""#),
            ("\u{1}\u{7f}", r#""\x01\x7f""#),
            ("say \"hi\"", r#""say \"hi\"""#),
            ("größe", r#""größe""#),
        ] {
            assert_eq!(quote(argument), quoted);
        }
        let line = command_line("-", &["/bin/echo", "$(x)"]);
        assert_eq!(line.to_string(), r#"-:"/bin/echo" "$(x)""#);
    }

    #[test]
    fn a_specifier_stands_only_where_it_is_meant() {
        let mut line = CommandLine::new("");
        line.word("50%:");
        line.after_specifier("--a=", "%t", "/%t \"b");
        assert_eq!(line.to_string(), r#":"50%%:" "--a=%t/%%t \"b""#);
    }

    #[test]
    fn a_description_cannot_join_the_next_line() {
        assert_eq!(description("50% off\\"), "50%% off\\ ");
        assert_eq!(description("plain"), "plain");
    }
}
