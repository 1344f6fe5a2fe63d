//! Errors in what a person wrote, with their place.

use std::fmt;
use std::path::{Path, PathBuf};

/// An error of a value: what is wrong, and what to write instead.
///
/// It is the error of every `FromStr` in this crate. It has no place; the definition that contains the
/// value adds the place, which makes it a [`Problem`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Invalid {
    /// What is wrong; contains the value.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl Invalid {
    /// Creates an error without a hint.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    /// Adds a hint: what to write instead.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// One error or warning about one file, in the form that compilers print and editors understand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, as the caller named it.
    pub file: PathBuf,
    /// Line and column, both from 1, columns in characters. `None` for the whole file.
    pub position: Option<(usize, usize)>,
    /// The path in the document, such as `limits.memory` or `command[2]`. Empty for all of it.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl Problem {
    /// Creates a problem of a whole file.
    pub fn of_file(file: impl Into<PathBuf>, message: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            position: None,
            path: String::new(),
            message: message.into(),
            hint: None,
        }
    }

    /// Adds a hint: what to write instead.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown_path(&self.file))?;
        if let Some((line, column)) = self.position {
            write!(f, ":{line}:{column}")?;
        }
        if !self.path.is_empty() {
            write!(f, ": {}", self.path)?;
        }
        write!(f, ": {}", self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

/// Everything that is wrong with a set of files; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

/// An operating system error with its path.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}", shown_path(path))]
pub struct PathError {
    /// What was attempted, as a verb: "read", "write", "rename".
    pub action: &'static str,
    /// The path.
    pub path: PathBuf,
    /// The error of the operating system.
    #[source]
    pub source: std::io::Error,
}

/// Adds a path to an [`std::io::Error`].
pub trait PathContext<T> {
    /// Turns an I/O error into a [`PathError`] with the attempted action and the path.
    fn at(self, action: &'static str, path: &Path) -> Result<T, PathError>;
}

impl<T, E: Into<std::io::Error>> PathContext<T> for Result<T, E> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, PathError> {
        self.map_err(|source| PathError { action, path: path.to_owned(), source: source.into() })
    }
}

/// Returns the message of an error with those of its sources, which some errors have in their own already.
pub fn with_sources(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !message.ends_with(&text) {
            message.extend([": ", &text]);
        }
        source = cause.source();
    }
    message
}

/// Returns a path for a message, on one line: a name may contain line ends, terminal control characters
/// and characters that change the direction of text.
pub fn shown_path(path: &Path) -> String {
    let is_shown_otherwise = |c: char| match c {
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            true
        }
        c => c.is_control(),
    };
    let mut shown = String::new();
    for c in path.to_string_lossy().chars() {
        match is_shown_otherwise(c) {
            true => shown.extend(c.escape_debug()),
            false => shown.push(c),
        }
    }
    shown
}

/// Returns text in quotes for a message: control characters become visible, and long text is cut.
pub fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut cut: String = text.chars().take(LONGEST).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    format!("{cut:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_told_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("no answer: {0}")]
        struct Repeats(#[source] PathError);
        let error = PathError {
            action: "read",
            path: "/a".into(),
            source: std::io::Error::other("not here"),
        };
        assert_eq!(with_sources(&error), "cannot read /a: not here");
        assert_eq!(with_sources(&Repeats(error)), "no answer: cannot read /a: not here");
    }

    #[test]
    fn a_path_is_shown_on_one_line_and_orders_nothing() {
        for (path, shown) in [
            ("/etc/a b\\c'.yaml", "/etc/a b\\c'.yaml"),
            ("Grüße/日本", "Grüße/日本"),
            ("a\nerror: b", "a\\nerror: b"),
            ("\u{1b}]0;x\u{7}\u{9b}2J\r\t", "\\u{1b}]0;x\\u{7}\\u{9b}2J\\r\\t"),
            ("\u{202e}lmay\u{2066}\u{200f}\u{61c}", "\\u{202e}lmay\\u{2066}\\u{200f}\\u{61c}"),
        ] {
            assert_eq!(shown_path(Path::new(path)), shown);
            let problem = Problem::of_file(path, "it is bad").to_string();
            assert_eq!(problem, format!("{shown}: it is bad"));
        }
    }
}
