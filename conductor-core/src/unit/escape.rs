//! Escaping for unit files (systemd.service(5), "Command lines"; systemd.syntax(7)).
//!
//! The rules are tested against systemd itself, with hostile units.

use std::fmt::{self, Write as _};

use probe_protocol::Word;

/// The longest line that systemd reads; with a longer one, the unit does not load.
pub(crate) const LONGEST_LINE: usize = 1_048_575;

/// Returns one argument or one `K=v` assignment in quotes.
///
/// It is always in double quotes, which also works for the empty argument, a single `;` and a leading `#`.
/// A NUL cannot be expressed; [`crate::value::Argument`] refuses it.
pub fn quote(text: &str) -> String {
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
/// The prefix `:` disables the expansion of `$`, which quotes do not prevent.
#[derive(Debug)]
pub(crate) struct CommandLine(String);

impl CommandLine {
    /// Creates a command line; `prefix` adds prefixes to `:`, such as `-`.
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

    /// Adds one argument of two texts with a specifier such as `%t` between them.
    pub(crate) fn after_specifier(&mut self, before: &str, specifier: &'static str, after: &str) {
        self.separate();
        push_quoted(&mut self.0, before);
        // Inside the quotes.
        self.0.pop();
        self.0.push_str(specifier);
        let rest = quote(after);
        self.0.push_str(&rest[1..]);
    }

    /// Adds arguments of the probe.
    pub(crate) fn arguments(&mut self, words: &[Word]) {
        for word in words {
            match word {
                // It was created from text.
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

/// Returns a command line of these arguments; see [`CommandLine`].
pub(crate) fn command_line<A: AsRef<str>>(prefix: &str, arguments: &[A]) -> CommandLine {
    let mut line = CommandLine::new(prefix);
    line.words(arguments);
    line
}

/// Returns a command line that runs the probe at the path `probe` with these arguments.
pub(crate) fn probe_line(prefix: &str, probe: &str, arguments: &[Word]) -> CommandLine {
    let mut line = command_line(prefix, &[probe]);
    line.arguments(arguments);
    line
}

/// Returns a value with `%` doubled, for directives with specifiers and without quotes (paths, users).
pub fn percent(text: &str) -> String {
    text.replace('%', "%%")
}

/// Returns a path as one word of a directive that takes several. It has no quotes itself.
pub(crate) fn path(text: &str) -> String {
    match text.contains(' ') {
        true => format!("\"{}\"", percent(text)),
        false => percent(text),
    }
}

/// Returns a description. systemd does not unquote it, and a backslash at its end would join it with the next
/// line, even with `[Service]`. So a space follows the backslash, which systemd strips.
pub fn description(text: &str) -> String {
    let mut line = percent(text);
    if line.ends_with('\\') {
        line.push(' ');
    }
    line
}

/// Returns one component of a slice's name, escaped as by `systemd-escape`: a dash there means a
/// parent.
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
