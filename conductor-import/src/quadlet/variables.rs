//! Replaces variables as systemd does in the command that Quadlet writes of `[Container]` (systemd.service(5), "Command
//! lines"). Seen with podman 5.4: Quadlet writes the values as they are, and escapes no dollar sign.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use super::unit::{Line, specifiers, words};
use crate::Surroundings;
use crate::report::{Origin, Report};

/// The variables of a container's unit.
pub(super) struct Variables<'s> {
    /// Those of `[Service]`.
    own: BTreeMap<String, String>,
    /// Those that were used.
    used: RefCell<BTreeSet<String>>,
    surroundings: &'s Surroundings<'s>,
}

/// A value whose variables are replaced.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Replaced {
    pub(super) text: String,
    /// Variables that are not set, and so are empty.
    pub(super) unset: Vec<String>,
    /// Whether the value of a variable is in it.
    pub(super) has_value: bool,
}

impl<'s> Variables<'s> {
    /// Reads those of `[Service]`. Those of files win.
    pub(super) fn read(
        lines: &[Line],
        name: &str,
        surroundings: &'s Surroundings<'s>,
        report: &mut Report,
    ) -> Self {
        let of = |key: &'static str| {
            let lines = lines.iter().filter(move |it| it.section == "Service" && it.key == key);
            lines.filter_map(|line| Some((line, specifiers(&line.value, name).ok()?)))
        };
        let mut own = BTreeMap::new();
        for (_, value) in of("Environment") {
            for word in words(&value).unwrap_or_default() {
                own.extend(word.split_once('=').map(|(key, value)| (key.into(), value.into())));
            }
        }
        for (line, value) in of("EnvironmentFile") {
            let path = value.strip_prefix('-').unwrap_or(&value);
            match (surroundings.read)(Path::new(path)) {
                Ok(Some(text)) => own.extend(assignments(&text)),
                Ok(None) => {}
                Err(message) => {
                    let origin = Origin::new(line.at, "Service.EnvironmentFile");
                    report.note(&origin, format!("{path}: {message}"));
                }
            }
        }
        Self { own, used: RefCell::default(), surroundings }
    }

    /// Returns the names of those that were used.
    pub(super) fn into_used(self) -> BTreeSet<String> {
        self.used.into_inner()
    }

    /// Replaces the variables of a value. If it is `split` into words, a value within a word stays in that word.
    pub(super) fn replace(&self, value: &str, split: bool) -> Replaced {
        let mut replaced = Replaced::default();
        let mut rest = value;
        while let Some((before, after)) = rest.split_once('$') {
            replaced.text.push_str(before);
            let starts_word = before.ends_with(char::is_whitespace) && split
                || before.is_empty() && rest.len() == value.len();
            if let Some(after) = after.strip_prefix('$') {
                replaced.text.push('$');
                rest = after;
            } else if let Some((name, after)) =
                after.strip_prefix('{').and_then(|after| after.split_once('}'))
            {
                let found = self.get(name, &mut replaced);
                replaced.text.push_str(&if split { escaped(&found) } else { found });
                rest = after;
            } else if let Some((name, after)) = word(after, split).filter(|_| starts_word) {
                // A word of its own becomes the words of the value.
                let found = self.get(name, &mut replaced);
                replaced.text.push_str(&found);
                rest = after;
            } else {
                // It is for a shell in the container, if for anybody.
                replaced.text.push('$');
                rest = after;
            }
        }
        replaced.text.push_str(rest);
        replaced
    }

    fn get(&self, name: &str, replaced: &mut Replaced) -> String {
        self.used.borrow_mut().insert(name.to_owned());
        let found = self.own.get(name).cloned().or_else(|| (self.surroundings.variable)(name));
        match &found {
            None => replaced.unset.push(name.to_owned()),
            Some(value) => replaced.has_value |= !value.is_empty(),
        }
        found.unwrap_or_default()
    }
}

/// Returns the name of a variable that is a whole word, and what follows.
fn word(text: &str, split: bool) -> Option<(&str, &str)> {
    let end = match split {
        true => text.find(char::is_whitespace).unwrap_or(text.len()),
        false => text.len(),
    };
    let (name, after) = text.split_at(end);
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_name.then_some((name, after))
}

/// Returns a text that stays one word, with its quotes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_ascii_alphanumeric() || !c.is_ascii() || "_-.,:/@=+".contains(c) => {
                out.push(c);
            }
            c => {
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
        }
    }
    out
}

/// Reads a file of variables as systemd does, as far as they are on one line each.
fn assignments(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';']));
    let value = |value: &str| {
        let value = value.trim();
        let quoted = |quote| value.strip_prefix(quote)?.strip_suffix(quote).map(str::to_owned);
        quoted('"').or_else(|| quoted('\'')).unwrap_or_else(|| value.to_owned())
    };
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs.map(|(name, text)| (name.trim().to_owned(), value(text))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_as_systemd_does() {
        let surroundings = Surroundings {
            read: &|_| Ok(None),
            variable: &|name| (name == "OUTER").then(|| "outer".to_owned()),
            directory: Path::new("/"),
            defined: BTreeMap::new(),
        };
        let own = [("TAG", "17"), ("ARGS", "-a 'b c'"), ("EMPTY", "")];
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let used = RefCell::default();
        let variables = Variables { own, used, surroundings: &surroundings };
        for (value, split, expected) in [
            ("app:${TAG}-x", false, "app:17-x"),
            ("$TAG", false, "17"),
            // Only as a word of its own, and not within one.
            ("$TAG/a", false, "$TAG/a"),
            ("a$TAG", false, "a$TAG"),
            ("A=$TAG", true, "A=$TAG"),
            ("pg -U $TAG", false, "pg -U $TAG"),
            ("$$TAG ${OUTER}", false, "$TAG outer"),
            ("^[0-9]+$", true, "^[0-9]+$"),
            ("${TAG", true, "${TAG"),
            ("run $ARGS \"${ARGS}\"", true, "run -a 'b c' \"-a\\x20\\x27b\\x20c\\x27\""),
            ("run $ARGS", false, "run $ARGS"),
            ("a${EMPTY}b", true, "ab"),
        ] {
            let replaced = variables.replace(value, split);
            assert_eq!((replaced.text.as_str(), replaced.unset), (expected, vec![]), "{value}");
        }
        assert!(variables.replace("${TAG}", false).has_value);
        assert!(!variables.replace("$$TAG ${EMPTY}", false).has_value);
        let replaced = variables.replace("${A}/x:/x ${A:-b}", false);
        assert_eq!((replaced.text.as_str(), replaced.has_value), ("/x:/x ", false));
        assert_eq!(replaced.unset, ["A", "A:-b"]);
    }

    #[test]
    fn a_file_of_variables_is_read_as_by_systemd() {
        let text = "# a\n;b\nA=1\n B = \"x y\" \nC='z'\nD=\nnothing\nE=a=b\n";
        let expected = [("A", "1"), ("B", "x y"), ("C", "z"), ("D", ""), ("E", "a=b")];
        let read = assignments(text);
        let read: Vec<_> =
            read.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(read, expected);
    }
}
