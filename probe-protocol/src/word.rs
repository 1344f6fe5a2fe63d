//! Arguments in the command lines of units.

use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::path::{Path, PathBuf};

use crate::request::Subcommand;

/// One argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// Plain text.
    Plain(OsString),
    /// Two texts with systemd's runtime directory between them (`%t`, systemd.unit(5)).
    RuntimeDirectory {
        /// The text before the directory.
        before: String,
        /// The text after the directory.
        after: String,
    },
}

impl Word {
    /// Returns a function that replaces the specifier of an argument by this runtime directory, as systemd does.
    pub fn at_runtime_directory(directory: &str) -> impl FnMut(Self) -> OsString {
        move |word| match word {
            Self::Plain(word) => word,
            Self::RuntimeDirectory { before, after } => {
                format!("{before}{directory}{after}").into()
            }
        }
    }
}

/// A path in a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnitPath {
    /// An absolute path.
    Absolute(PathBuf),
    /// A path below systemd's runtime directory: `/run`, or that of a user.
    Runtime(String),
}

/// A path after an option: in a unit a [`UnitPath`], and in the probe, which gets the path from systemd, a
/// [`PathBuf`].
pub trait PathWord {
    /// Returns the argument of `option` and this path.
    fn behind(&self, option: &str) -> Word;
}

impl PathWord for PathBuf {
    fn behind(&self, option: &str) -> Word {
        self.as_path().behind(option)
    }
}

impl PathWord for Path {
    fn behind(&self, option: &str) -> Word {
        joined(option, self.as_os_str())
    }
}

impl PathWord for UnitPath {
    fn behind(&self, option: &str) -> Word {
        match self {
            Self::Absolute(path) => path.behind(option),
            Self::Runtime(path) => {
                Word::RuntimeDirectory { before: format!("{option}="), after: format!("/{path}") }
            }
        }
    }
}

fn joined(option: &str, value: &OsStr) -> Word {
    let mut word = OsString::from(option);
    word.push("=");
    word.push(value);
    Word::Plain(word)
}

/// Writes a command line.
#[derive(Debug)]
pub(crate) struct CommandLine(Vec<Word>);

impl CommandLine {
    pub(crate) fn new(subcommand: Subcommand) -> Self {
        Self(vec![Word::Plain(subcommand.name().into())])
    }

    pub(crate) fn plain(&mut self, word: impl AsRef<OsStr>) {
        self.0.push(Word::Plain(word.as_ref().to_owned()));
    }

    pub(crate) fn option(&mut self, option: &str, value: impl AsRef<OsStr>) {
        self.0.push(joined(option, value.as_ref()));
    }

    pub(crate) fn shown(&mut self, option: &str, value: impl Display) {
        self.option(option, value.to_string());
    }

    pub(crate) fn path(&mut self, option: &str, path: &(impl PathWord + ?Sized)) {
        self.0.push(path.behind(option));
    }

    /// Ends the options before a command.
    pub(crate) fn before_command(mut self) -> Vec<Word> {
        self.plain("--");
        self.0
    }

    pub(crate) fn finish(self) -> Vec<Word> {
        self.0
    }
}
