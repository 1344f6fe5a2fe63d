//! Failures of commands: the message, its JSON form, and the exit status.

use std::borrow::Cow;
use std::error::Error as _;
use std::io::{self, ErrorKind};
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind as UsageKind};
use conductor_core::caught::{self, Panicked};
use conductor_core::error::{Invalid, PathError, Problem, Problems, with_sources};
use conductor_core::name::ServiceId;
use conductor_host::Error;

use crate::args::Output;
use crate::context::Context;
use crate::error_object::{ErrorDetails, ErrorObject};
use crate::kinds::Kind;
use crate::{hints, print};

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An error of the library.
    Core(Error),
    /// An argument is invalid.
    Argument(Invalid),
    /// A variable that `--user` needs is not set.
    Environment { name: &'static str },
    /// A program could not be started.
    Program { name: &'static str, source: io::Error },
    /// A file that the operator named could not be written.
    File { source: PathError },
    /// The output could not be written; the command itself succeeded.
    Output(io::Error),
    /// A crontab cannot be read, or its user is not known.
    Crontab(Problem),
    /// What is to be imported cannot be read, or the definitions cannot be written.
    Import(Vec<Problem>),
    /// A terminal was requested, but standard input is none.
    NoTerminal,
    /// A terminal cannot be created or set up.
    Terminal(io::Error),
    /// Signals cannot be caught.
    Signals(io::Error),
    /// A result has no JSON form.
    Json(serde_json::Error),
    /// A bug in conductor.
    Internal(Panicked),
}

/// Runs a function, and returns a panic in it as a failure, so that there always is a result.
pub(crate) fn caught<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    caught::caught(work).unwrap_or_else(|panicked| Err(Failure::Internal(panicked)))
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Core(error)
    }
}

impl Failure {
    pub(crate) fn json(error: serde_json::Error) -> Self {
        Self::Json(error)
    }

    /// Prints the failure and returns its exit status.
    pub(crate) fn print(&self, output: Output) -> ExitCode {
        match (self, output) {
            // The reader has closed the pipe.
            (Self::Output(error), _) if error.kind() == ErrorKind::BrokenPipe => {}
            (Self::Output(_), _) | (_, Output::Text) => {
                print::complaint(format_args!("{}", self.to_text()));
            }
            (_, Output::Json) => {
                if Context::print_json(&self.to_json()).is_err() {
                    print::complaint(format_args!("{}", self.to_text()));
                }
            }
        }
        ExitCode::from(self.status())
    }

    fn status(&self) -> u8 {
        self.kind().exit_status()
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Core(error) => Kind::Host(error.kind()),
            Self::Argument(_) => Kind::Argument,
            Self::Environment { .. } => Kind::Environment,
            Self::Program { .. } => Kind::Program,
            Self::Crontab(_) => Kind::Crontab,
            Self::Import(_) => Kind::Import,
            Self::File { .. } | Self::Output(_) => Kind::Output,
            Self::NoTerminal | Self::Terminal(_) => Kind::Terminal,
            Self::Signals(_) => Kind::Signals,
            Self::Json(_) => Kind::Json,
            Self::Internal(_) => Kind::Internal,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Core(error) => with_sources(error),
            Self::Argument(invalid) => invalid.to_string(),
            Self::Environment { name } => format!("{name} is not set"),
            Self::Program { name, source } => format!("cannot run {name}: {source}"),
            Self::Crontab(problem) => problem.to_string(),
            Self::Import(problems) => Problems(problems.clone()).to_string(),
            Self::NoTerminal => "the input is not a terminal".to_owned(),
            Self::Terminal(error) => format!("cannot create a terminal: {error}"),
            Self::Signals(error) => format!("cannot catch signals: {error}"),
            Self::Output(error) => format!("cannot write the output: {error}"),
            Self::File { source } => format!("{source}: {}", source.source),
            Self::Json(error) => format!("cannot print JSON: {error}"),
            Self::Internal(panicked) => panicked.to_string(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Core(error) => hints::hint(error),
            Self::Argument(invalid) => invalid.hint.clone(),
            Self::Environment { .. } => {
                Some("--user needs a login session, or loginctl enable-linger USER".to_owned())
            }
            Self::Program { .. } => Some("it is part of systemd".to_owned()),
            Self::NoTerminal => {
                Some("omit -t: input and output are connected without it, too".to_owned())
            }
            Self::Internal(_) => Some(caught::HINT.to_owned()),
            Self::Crontab(_)
            | Self::Import(_)
            | Self::File { .. }
            | Self::Output(_)
            | Self::Terminal(_)
            | Self::Signals(_)
            | Self::Json(_) => None,
        }
    }

    fn to_text(&self) -> String {
        let problems = self.problems();
        if !problems.is_empty() {
            return self.message();
        }
        let hint = self.hint().map_or_else(String::new, |hint| format!("\n  hint: {hint}"));
        format!("error: {}{hint}", self.message())
    }

    fn problems(&self) -> &[Problem] {
        match self {
            Self::Core(error) => error.problems(),
            Self::Crontab(problem) => std::slice::from_ref(problem),
            Self::Import(problems) => problems,
            _ => &[],
        }
    }

    fn to_json(&self) -> ErrorObject {
        let kind = self.kind().as_str();
        let errors = ErrorDetails::list(kind, self.problems());
        if let Some(first) = errors.first() {
            return ErrorObject { error: first.clone(), errors };
        }
        let place = match self {
            Self::Core(error) => error.place(),
            _ => None,
        };
        let (file, position) = place.unzip();
        let (line, column) = position.unzip();
        let file = file.map(|file| file.display().to_string());
        let error = ErrorDetails::new(kind, self.message(), self.hint());
        ErrorObject { error: ErrorDetails { file, line, column, ..error }, errors }
    }
}

/// Adds the hint of a value's error to clap's error, because clap prints only the message. Shortens the value
/// that was typed, and makes its control characters visible.
pub(crate) fn with_hint(mut error: clap::Error) -> clap::Error {
    let typed: Vec<_> = error
        .context()
        .filter_map(|(kind, value)| match value {
            ContextValue::String(text) => Some((kind, text.clone())),
            _ => None,
        })
        .collect();
    for (kind, text) in typed {
        let text = ContextValue::String(print::visible(&shortened(&text)).into_owned());
        error.insert(kind, text);
    }
    if let Some(tip) = tip(&error) {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    let invalid = error.source().and_then(|source| source.downcast_ref::<Invalid>());
    if let Some(hint) = invalid.and_then(|invalid| invalid.hint.clone()) {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![hint.into()]));
    }
    error
}

/// Returns what to write instead of arguments that do not fit together, if that is not in the message.
fn tip(error: &clap::Error) -> Option<String> {
    let usage = error.get(ContextKind::Usage).map(ToString::to_string).unwrap_or_default();
    let has = |word: &str| usage.split_whitespace().any(|other| other == word);
    let both = [ContextKind::InvalidArg, ContextKind::PriorArg].map(|kind| error.get(kind));
    let names = |option: &str| both.iter().flatten().any(|value| value.to_string() == option);
    let is_removal = usage.contains("conductor remove ");
    match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (UsageKind::UnknownArgument, Some(ContextValue::String(word))) => {
            word.parse::<ServiceId>().ok()?;
            // The first word was taken for something else.
            Some(match usage.split_once(" [OPTIONS] --id <ID> <NAME>") {
                Some((command, _)) => {
                    let command = command.trim_start_matches("Usage: ");
                    format!("write the id of the service after --id: {command} --id ID NAME")
                }
                None if has("[ID]") => "name one service, or none for all".to_owned(),
                None => format!("write --id {word} for a service"),
            })
        }
        (UsageKind::MissingRequiredArgument, _) if is_removal => {
            Some("--id ID removes one service, --all removes all".to_owned())
        }
        (UsageKind::ArgumentConflict, _) if is_removal && names("--all") && names("--volumes") => Some(
            "data is removed only of a service that is named: conductor remove --id ID --volumes"
                .to_owned(),
        ),
        _ => None,
    }
}

fn shortened(text: &str) -> Cow<'_, str> {
    const LONGEST: usize = 200;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// Prints a usage error as JSON.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let text = error.to_string();
    let object = ErrorObject { error: usage_details(&text), errors: Vec::new() };
    if Context::print_json(&object).is_err() {
        print::complaint(format_args!("{text}"));
    }
    ExitCode::from(Kind::Usage.exit_status())
}

/// Splits clap's text at its empty lines into the message, an optional tip, and the usage.
fn usage_details(text: &str) -> ErrorDetails {
    let words = |part: &str| part.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut parts = text.split("\n\n");
    let message = words(parts.next().unwrap_or_default().trim_start_matches("error: "));
    let tip = parts.find_map(|part| part.trim_start().strip_prefix("tip: ")).map(words);
    ErrorDetails::new(
        Kind::Usage.as_str(),
        message,
        Some(tip.unwrap_or_else(|| "conductor help".to_owned())),
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::Arguments;

    #[test]
    fn a_panic_has_a_result() {
        let failure = super::caught::<()>(|| panic!("index 5")).unwrap_err();
        let object = failure.to_json();
        assert_eq!((failure.status(), object.error.kind), (1, "internal"));
        assert_eq!(object.error.message, "conductor itself failed: index 5");
        assert_eq!(object.error.hint.as_deref(), Some(caught::HINT));
    }

    #[test]
    fn bad_usage_says_what_is_wrong() {
        for (arguments, message, hint) in [
            (
                &["statsu"][..],
                "unrecognized subcommand 'statsu'",
                "a similar subcommand exists: 'status'",
            ),
            (
                &["deploy"],
                "the following required arguments were not provided: --id <ID> --revision <REVISION>",
                "conductor help",
            ),
            (&["remove", "web"], "unexpected argument 'web' found", "write --id web for a service"),
            (
                &["cron", "run-now", "web", "tidy"],
                "unexpected argument 'tidy' found",
                "write the id of the service after --id: conductor cron run-now --id ID NAME",
            ),
            (
                &["status", "web", "shop"],
                "unexpected argument 'shop' found",
                "name one service, or none for all",
            ),
            (
                &["remove"],
                "the following required arguments were not provided: --id <ID>",
                "--id ID removes one service, --all removes all",
            ),
            (
                &["remove", "--all", "--volumes"],
                "the argument '--all' cannot be used with '--volumes'",
                "data is removed only of a service that is named: conductor remove --id ID --volumes",
            ),
            (
                &["run", "--id", "web", "--memory", "lots", "true"],
                "invalid value 'lots' for '--memory <MEMORY>': \"lots\" is not a size",
                "write 512M, 1.5G or a number of bytes",
            ),
            (
                &["status", "--id", "../Web"],
                "invalid value '../Web' for '--id <ID>': \"../Web\" is not an id",
                "use lower-case letters, digits, _ and single -: for example web",
            ),
        ] {
            let arguments = ["conductor"].iter().chain(arguments);
            let error = with_hint(Arguments::try_parse_from(arguments).unwrap_err());
            let details = usage_details(&error.to_string());
            assert_eq!((details.message.as_str(), details.hint.as_deref()), (message, Some(hint)));
        }
    }
}
