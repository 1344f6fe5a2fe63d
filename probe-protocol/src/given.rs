//! The arguments of a command line, before their values are read.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use crate::error::{ArgumentError, ValueError};
use crate::option;
use crate::request::Subcommand;

/// The options of a command line, and the arguments after them.
#[derive(Debug)]
pub(crate) struct Given {
    options: Vec<(&'static str, OsString)>,
    /// The one argument that is not an option; only `socket` has it.
    path: Option<OsString>,
    /// The arguments after `--`.
    command: Vec<OsString>,
}

impl Given {
    /// Reads the arguments after the name of a command.
    pub(crate) fn read(
        subcommand: Subcommand,
        words: impl IntoIterator<Item = OsString>,
    ) -> Result<Self, ArgumentError> {
        let known = option::of(subcommand);
        let mut words = words.into_iter();
        let mut given = Self { options: Vec::new(), path: None, command: Vec::new() };
        while let Some(word) = words.next() {
            let unknown = || {
                let word = word.display().to_string();
                ArgumentError::Unknown { word, subcommand }
            };
            if word == "--" && subcommand.takes_command() {
                given.command = words.collect();
                break;
            }
            let Some((name, value)) = split(&word) else {
                if begins_with_dash(&word)
                    || subcommand != Subcommand::Socket
                    || given.path.is_some()
                {
                    return Err(unknown());
                }
                given.path = Some(word);
                continue;
            };
            let Some(&name) = known.iter().find(|known| **known == name) else {
                return Err(unknown());
            };
            let value = match (option::is_flag(name), value) {
                (true, None) => OsString::new(),
                (true, Some(_)) => return Err(ArgumentError::NeedlessValue(name)),
                (false, Some(value)) => value.to_owned(),
                (false, None) => {
                    let next = words.next().filter(|next| !begins_with_dash(next));
                    next.ok_or(ArgumentError::NoValue(name))?
                }
            };
            if given.has(name) && !option::is_list(name) {
                return Err(ArgumentError::Repeated(name));
            }
            given.options.push((name, value));
        }
        Ok(given)
    }

    /// Returns whether an option is given.
    pub(crate) fn has(&self, option: &str) -> bool {
        self.options.iter().any(|(name, _)| *name == option)
    }

    /// Returns the first of some options that is given.
    pub(crate) fn first_of(&self, options: &[&'static str]) -> Option<&'static str> {
        options.iter().copied().find(|option| self.has(option))
    }

    /// Returns all values of an option.
    pub(crate) fn all(&self, option: &str) -> Vec<OsString> {
        let values = self.options.iter().filter(|(name, _)| *name == option);
        values.map(|(_, value)| value.clone()).collect()
    }

    /// Returns the value of an option.
    pub(crate) fn value(&self, option: &str) -> Option<OsString> {
        let found = self.options.iter().find(|(name, _)| *name == option);
        found.map(|(_, value)| value.clone())
    }

    /// Returns the value of an option that is a path.
    pub(crate) fn path(&self, option: &str) -> Option<PathBuf> {
        self.value(option).map(PathBuf::from)
    }

    /// Returns the parsed value of an option.
    pub(crate) fn read_value<T>(
        &self,
        option: &'static str,
        read: impl Fn(&str) -> Result<T, ValueError>,
    ) -> Result<Option<T>, ArgumentError> {
        Ok(self.read_all(option, read)?.pop())
    }

    /// Returns the parsed values of an option.
    pub(crate) fn read_all<T>(
        &self,
        option: &'static str,
        read: impl Fn(&str) -> Result<T, ValueError>,
    ) -> Result<Vec<T>, ArgumentError> {
        let read = |value: OsString| {
            let text = value.to_str().ok_or(ValueError::Text);
            text.and_then(&read).map_err(|reason| {
                let value = value.display().to_string();
                ArgumentError::Value { option, value, reason }
            })
        };
        self.all(option).into_iter().map(read).collect()
    }

    /// Returns the value of an option that is text.
    pub(crate) fn text(&self, option: &'static str) -> Result<Option<String>, ArgumentError> {
        self.read_value(option, |text| Ok(text.to_owned()))
    }

    /// Returns the argument that is not an option.
    pub(crate) fn operand(&mut self) -> Option<OsString> {
        self.path.take()
    }

    /// Returns the command, which is required.
    pub(crate) fn command(&mut self) -> Result<Vec<OsString>, ArgumentError> {
        match self.command.is_empty() {
            true => Err(ArgumentError::Missing("-- COMMAND")),
            false => Ok(std::mem::take(&mut self.command)),
        }
    }
}

fn begins_with_dash(word: &OsStr) -> bool {
    word.as_encoded_bytes().starts_with(b"-")
}

/// Returns the name of an option, and the value after `=`.
fn split(word: &OsStr) -> Option<(&str, Option<&OsStr>)> {
    let bytes = word.as_encoded_bytes();
    if !bytes.starts_with(b"--") {
        return None;
    }
    let end = bytes.iter().position(|byte| *byte == b'=');
    let name = str::from_utf8(&bytes[..end.unwrap_or(bytes.len())]).ok()?;
    match end {
        Some(end) => Some((name, Some(behind(word, end + 1)?))),
        None => Some((name, None)),
    }
}

/// Returns the rest of an argument.
#[cfg(unix)]
fn behind(word: &OsStr, at: usize) -> Option<&OsStr> {
    use std::os::unix::ffi::OsStrExt as _;
    word.as_bytes().get(at..).map(OsStr::from_bytes)
}

/// Returns the rest of an argument. It has to be text on systems without a probe.
#[cfg(not(unix))]
fn behind(word: &OsStr, at: usize) -> Option<&OsStr> {
    word.to_str()?.get(at..).map(OsStr::new)
}
