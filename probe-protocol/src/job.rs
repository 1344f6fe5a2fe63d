//! What the probe does for a scheduled job: `collect` keeps its output, and `mail` mails it.

use std::path::PathBuf;
use std::time::Duration;

use crate::error::ArgumentError;
use crate::given::Given;
use crate::option;
use crate::request::Subcommand;
use crate::time;
use crate::word::{CommandLine, PathWord, Word};

/// Runs a command, and keeps a copy of its output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collect<P = PathBuf> {
    /// The file for the copy.
    pub output: P,
    /// Whether the output of what the command leaves behind is passed on after its end.
    pub keep: bool,
}

impl<P: PathWord> Collect<P> {
    /// Returns the arguments before the command.
    pub fn words(&self) -> Vec<Word> {
        let Self { output, keep } = self;
        let mut line = CommandLine::new(Subcommand::Collect);
        line.path(option::OUTPUT, output);
        if *keep {
            line.plain(option::KEEP);
        }
        line.before_command()
    }
}

impl Collect {
    pub(crate) fn read(given: &Given) -> Result<Self, ArgumentError> {
        let output = given.path(option::OUTPUT);
        let output = output.ok_or(ArgumentError::Missing(option::OUTPUT))?;
        Ok(Self { output, keep: given.has(option::KEEP) })
    }
}

/// Mails the output that [`Collect`] kept, as cron does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail<P = PathBuf> {
    /// The file with the output.
    pub output: P,
    /// The addresses.
    pub to: Vec<String>,
    /// The name of the job, for people.
    pub name: String,
    /// The command line of the job, for the subject.
    pub line: String,
    /// The user of the job; `None` for that of the probe.
    pub user: Option<String>,
    /// How long it may take.
    pub timeout: Duration,
    /// Whether the unit is one of a user's manager.
    pub user_manager: bool,
}

impl<P: PathWord> Mail<P> {
    /// Returns the arguments.
    pub fn words(&self) -> Vec<Word> {
        let Self { output, to, name, line: command, user, timeout, user_manager } = self;
        let mut line = CommandLine::new(Subcommand::Mail);
        line.path(option::OUTPUT, output);
        for address in to {
            line.option(option::TO, address);
        }
        line.option(option::NAME, name);
        line.option(option::LINE, command);
        if let Some(user) = user {
            line.option(option::USER, user);
        }
        line.option(option::TIMEOUT, time::write_millis(*timeout));
        if *user_manager {
            line.plain(option::USER_MANAGER);
        }
        line.finish()
    }
}

impl Mail {
    pub(crate) fn read(given: &Given) -> Result<Self, ArgumentError> {
        let missing = ArgumentError::Missing;
        let to = given.read_all(option::TO, |text| Ok(text.to_owned()))?;
        if to.is_empty() {
            return Err(missing(option::TO));
        }
        let timeout = given.read_value(option::TIMEOUT, time::read_above_zero)?;
        Ok(Self {
            output: given.path(option::OUTPUT).ok_or(missing(option::OUTPUT))?,
            to,
            name: given.text(option::NAME)?.ok_or(missing(option::NAME))?,
            line: given.text(option::LINE)?.ok_or(missing(option::LINE))?,
            user: given.text(option::USER)?,
            timeout: timeout.ok_or(missing(option::TIMEOUT))?,
            user_manager: given.has(option::USER_MANAGER),
        })
    }
}
