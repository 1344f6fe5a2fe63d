//! Escaping for unit files (systemd.service(5), "Command lines"; systemd.syntax(7)).
//!
//! The rules were tried against systemd itself and are kept by a test that runs hostile units.

use std::fmt::Write as _;

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

/// Writes a command line that runs exactly these arguments.
///
/// The prefix `:` switches `$` expansion off, against which quotes do not protect; `prefix` adds
/// others, such as `-`.
pub(crate) fn command_line<A: AsRef<str>>(prefix: &str, arguments: &[A]) -> String {
    let mut line = format!("{prefix}:");
    for (index, argument) in arguments.iter().enumerate() {
        if index > 0 {
            line.push(' ');
        }
        push_quoted(&mut line, argument.as_ref());
    }
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
        assert_eq!(command_line("-", &["/bin/echo", "$(x)"]), r#"-:"/bin/echo" "$(x)""#);
    }

    #[test]
    fn a_description_cannot_join_the_next_line() {
        assert_eq!(description("50% off\\"), "50%% off\\ ");
        assert_eq!(description("plain"), "plain");
    }
}
