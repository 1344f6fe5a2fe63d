//! Errors of command lines.

use crate::request::Subcommand;

/// Why a value is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// It is not a time.
    #[error("not a time: write a whole number with ms, s, min or h, as in 500ms, 5s, 2min")]
    Time,
    /// It is a time of zero.
    #[error("a time above 0 is needed")]
    Zero,
    /// It is not a number of at least one.
    #[error("not a whole number of at least 1")]
    Count,
    /// It is not a list of status codes.
    #[error(
        "not a list of status codes: write codes from 100 to 599 and ranges, as in 200-299,304"
    )]
    Statuses,
    /// It is not a header.
    #[error("not a header: write 'Name: value'")]
    Header,
    /// It is not a method.
    #[error("not a method: write GET or HEAD")]
    Method,
    /// It is not an address with a port.
    #[error("not HOST:PORT, as in 127.0.0.1:8080 or [::1]:8080")]
    Address,
    /// It is the name of a host.
    #[error("\"{0}\" is a host name, and the probe resolves none: write its address, or localhost")]
    Name(String),
    /// It is not a signal that stops a service.
    #[error(
        "not a signal that stops a service: write SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2 or SIGWINCH"
    )]
    Signal,
    /// It is not the place of a job.
    #[error("not LIMIT:SERVICE:JOB, as in 2:shop:orders")]
    JobPlace,
    /// It is not a moment of a unit.
    #[error("not healthy, up, held, ended or failed")]
    Moment,
    /// It is not UTF-8.
    #[error("not text in UTF-8")]
    Text,
}

/// Why the arguments of `conductor-probe` are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArgumentError {
    /// There are none.
    #[error("a command is needed: exec, docker, check, stop or socket; see conductor-probe --help")]
    NoSubcommand,
    /// The first is not a command.
    #[error("{0:?} is not a command; see conductor-probe --help")]
    Subcommand(String),
    /// An argument is unknown.
    #[error("unknown argument {word:?}; see conductor-probe {subcommand} --help")]
    Unknown {
        /// The argument.
        word: String,
        /// The command.
        subcommand: Subcommand,
    },
    /// An option is given more than once.
    #[error("{0} is given more than once")]
    Repeated(&'static str),
    /// An option has no value.
    #[error("{0} needs a value; one that begins with a dash is written {0}=VALUE")]
    NoValue(&'static str),
    /// An option has a value but takes none.
    #[error("{0} takes no value")]
    NeedlessValue(&'static str),
    /// The value of an option is refused.
    #[error("{option} {value:?}: {reason}")]
    Value {
        /// The option.
        option: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it.
        reason: ValueError,
    },
    /// A required option or argument is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// Two options exclude each other.
    #[error("{0} and {1} exclude each other")]
    Conflict(&'static str, &'static str),
    /// An option has no effect without another.
    #[error("{0} needs {1}")]
    Alone(&'static str, &'static str),
}
