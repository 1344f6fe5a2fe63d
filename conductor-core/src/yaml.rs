//! Writes the few forms of YAML that an imported definition needs.

use std::fmt::{Display, Write as _};

/// Writes one line of YAML at a time.
#[derive(Debug, Default)]
pub struct Writer {
    text: String,
    depth: usize,
}

impl Writer {
    /// Returns the text.
    pub fn finish(self) -> String {
        self.text
    }

    /// Writes a comment, always as one line.
    pub fn comment(&mut self, text: &str) {
        let text = text.strip_prefix('#').map_or_else(|| format!(" {text}"), str::to_owned);
        let plain = |c: char| if is_special(c) && c != '\t' { '\u{fffd}' } else { c };
        let text: String = text.chars().map(plain).collect();
        self.line(&format!("#{}", text.trim_end()));
    }

    /// Writes comments, one a line.
    pub fn comments(&mut self, texts: &[String]) {
        for text in texts {
            self.comment(text);
        }
    }

    /// Writes a key and its value, if it has one.
    pub fn optional(&mut self, key: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.scalar(key, &value.to_string());
        }
    }

    /// Writes a key and its value.
    pub fn scalar(&mut self, key: &str, value: &str) {
        self.line(&format!("{}: {}", scalar(key), scalar(value)));
    }

    /// Writes a key and a value that is not text.
    pub fn plain(&mut self, key: &str, value: impl Display) {
        self.line(&format!("{key}: {value}"));
    }

    /// Writes a key and a list.
    pub fn list<'v>(&mut self, key: &str, values: impl Iterator<Item = &'v str>) {
        let values: Vec<_> = values.map(scalar).collect();
        self.line(&format!("{key}: [{}]", values.join(", ")));
    }

    /// Writes a key and the mapping below it.
    pub fn map(&mut self, key: &str, write: impl FnOnce(&mut Self)) {
        self.line(&format!("{}:", scalar(key)));
        self.depth += 1;
        write(self);
        self.depth -= 1;
    }

    fn line(&mut self, line: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{:indent$}{line}", "", indent = 2 * self.depth);
    }
}

/// Returns text as a scalar: plain if that is unambiguous, else in double quotes.
pub fn scalar(text: &str) -> String {
    const WORDS: [&str; 12] =
        ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "inf", "nan", "~"];
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || "/_".contains(c))
        || text.strip_prefix('-').is_some_and(|rest| rest.starts_with(char::is_alphabetic));
    let safe = text.chars().all(|c| c.is_ascii_alphanumeric() || "/_.+-".contains(c));
    if plain && safe && !WORDS.contains(&text.to_ascii_lowercase().as_str()) {
        return text.to_owned();
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            // Writing to a String cannot fail.
            special if is_special(special) => {
                let _ = write!(quoted, "\\U{:08x}", u32::from(special));
            }
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

/// Returns whether a character is not printable in YAML, a line end, or a byte order mark.
fn is_special(character: char) -> bool {
    let code = u32::from(character);
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{feff}')
        || code & 0xfffe == 0xfffe
        || (0xfdd0..=0xfdef).contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_something_else_is_quoted() {
        for (text, written) in [
            ("/bin/sh", "/bin/sh"),
            ("-c", "-c"),
            ("www-data", "www-data"),
            ("", "\"\""),
            ("true", "\"true\""),
            ("No", "\"No\""),
            ("1000", "\"1000\""),
            ("-1", "\"-1\""),
            ("-", "\"-\""),
            ("---", "\"---\""),
            ("a: b", "\"a: b\""),
            ("a#b", "\"a#b\""),
            ("echo \"\\\"\n", "\"echo \\\"\\\\\\\"\\n\""),
            ("\u{85}\u{1b}", "\"\\U00000085\\U0000001b\""),
        ] {
            assert_eq!(scalar(text), written);
        }
    }
}
