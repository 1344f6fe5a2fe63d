//! The meaning of `%` and `\` in a command of a crontab (crontab(5), `child_process()` in `do_command.c` of
//! cron).

/// A command and its standard input.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) command: String,
    pub(super) stdin: Option<String>,
}

/// Splits at the first `%` that has no backslash before it.
///
/// In the command, `\%` is a `%`, and `\\` is one backslash: cron replaces it before the shell sees it. In
/// the standard input, `%` is a line end, `\%` is a `%`, and all other backslashes stay. The standard input
/// ends in a line end, if it is not empty.
pub(super) fn split(text: &str) -> Parts {
    let mut command = String::with_capacity(text.len());
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '%' => {
                let stdin = Some(input(&text[at + 1..]));
                return Parts { command, stdin };
            }
            '\\' => match characters.next() {
                Some((_, escaped @ ('%' | '\\'))) => command.push(escaped),
                Some((_, other)) => command.extend(['\\', other]),
                None => command.push('\\'),
            },
            _ => command.push(character),
        }
    }
    Parts { command, stdin: None }
}

fn input(text: &str) -> String {
    let mut input = String::with_capacity(text.len() + 1);
    let mut escaped = false;
    for character in text.chars() {
        match (escaped, character) {
            (true, '%') => input.push('%'),
            (true, '\\') => input.push('\\'),
            (true, other) => input.extend(['\\', other]),
            (false, '%') => input.push('\n'),
            (false, '\\') => {}
            (false, other) => input.push(other),
        }
        // Of two backslashes, the first was written; the second may be that of a `\%`.
        escaped = character == '\\';
    }
    if escaped {
        input.push('\\');
    }
    if !input.is_empty() && !input.ends_with('\n') {
        input.push('\n');
    }
    input
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The right column is what Debian's cron 3.0pl1-197 gave the shell and the command.
    #[test]
    fn percent_signs_are_those_of_debian_cron() {
        for (text, command, stdin) in [
            ("date +\\%F", "date +%F", None),
            (r"cat%a\%b%%c \x%", "cat", Some("a%b\n\nc \\x\n")),
            ("cat%", "cat", Some("")),
            ("cat%x", "cat", Some("x\n")),
            (r"cat%q\\%r\", "cat", Some("q\\%r\\\n")),
            (r"cat%a\\b\\\%c\%d", "cat", Some("a\\\\b\\\\%c%d\n")),
            (r"printf '\%s|' \\ 'x\\y'", r"printf '%s|' \ 'x\y'", None),
            (r"printf '\%s|' 'a\bc' '\x'", r"printf '%s|' 'a\bc' '\x'", None),
            (r"printf 'a\\\%b'", r"printf 'a\%b'", None),
            (r"printf 'a\\%b'", r"printf 'a\", Some("b'\n")),
            ("a\\", "a\\", None),
            ("%x", "", Some("x\n")),
        ] {
            let expected = Parts { command: command.to_owned(), stdin: stdin.map(str::to_owned) };
            assert_eq!(split(text), expected, "{text}");
        }
    }
}
