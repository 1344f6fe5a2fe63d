//! Writes files of Quadlet (podman-systemd.unit(5)), whose values become words of an `ExecStart=`.

use std::fmt::Write as _;

use conductor_core::unit::escape::{percent, quote};

/// The sections of a file, in their order.
const SECTIONS: [&str; 8] =
    ["Unit", "Container", "Pod", "Volume", "Network", "Service", "Timer", "Install"];

/// A file with its lines, by section.
#[derive(Debug, Default)]
pub(super) struct Unit(Vec<(&'static str, String)>);

impl Unit {
    /// Adds a line whose value is escaped already.
    pub(super) fn line(&mut self, section: &'static str, key: &str, value: &str) {
        self.0.push((section, format!("{key}={value}")));
    }

    /// Removes the lines of a key.
    pub(super) fn forget(&mut self, section: &str, key: &str) {
        let is_it = |line: &str| line.split_once('=').is_some_and(|(name, _)| name == key);
        self.0.retain(|(own, line)| *own != section || !is_it(line));
    }

    /// Adds a value of the container that Quadlet takes as it is, and puts into a command line.
    #[expect(clippy::needless_pass_by_value, reason = "callers have texts, numbers and references")]
    pub(super) fn value(&mut self, key: &str, value: impl ToString) {
        let value = dollar(&percent(&value.to_string()));
        // It would continue in the next line.
        let space = if value.ends_with('\\') { " " } else { "" };
        self.line("Container", key, &format!("{value}{space}"));
    }

    /// Adds a value of the container that Quadlet splits into words.
    pub(super) fn words<W: AsRef<str>>(&mut self, key: &str, words: impl IntoIterator<Item = W>) {
        let words: Vec<_> = words.into_iter().map(|word| dollar(&quote(word.as_ref()))).collect();
        self.line("Container", key, &words.join(" "));
    }

    /// Returns the text of the file.
    pub(super) fn finish(self) -> String {
        let mut text = String::new();
        for section in SECTIONS {
            let mut lines = self.0.iter().filter(|(own, _)| *own == section).peekable();
            if lines.peek().is_none() {
                continue;
            }
            let gap = if text.is_empty() { "" } else { "\n" };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{gap}[{section}]");
            for (_, line) in lines {
                let _ = writeln!(text, "{line}");
            }
        }
        text
    }
}

/// Returns a value in which systemd finds no variable.
pub(super) fn dollar(value: &str) -> String {
    value.replace('$', "$$")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_value_is_systemds() {
        let mut unit = Unit::default();
        unit.line("Install", "WantedBy", "default.target");
        unit.words("Exec", ["echo", "$HOME 50%", "a\nb", ""]);
        unit.value("HealthCmd", "test $X = 5% \\");
        assert_eq!(
            unit.finish(),
            "[Container]\nExec=\"echo\" \"$$HOME 50%%\" \"a\\nb\" \"\"\nHealthCmd=test $$X = 5%% \\ \n\n\
             [Install]\nWantedBy=default.target\n"
        );
    }
}
