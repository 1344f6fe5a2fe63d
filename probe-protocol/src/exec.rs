//! The commands that start and check an instance: `exec`, and `docker` instead of Docker's client.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

use crate::check::Watch;
use crate::error::{ArgumentError, ValueError};
use crate::given::Given;
use crate::option;
use crate::places;
use crate::request::Subcommand;
use crate::word::{CommandLine, PathWord, Word};

/// Runs a program, and checks it for as long as it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exec<P = PathBuf> {
    /// The program starts the service and exits, and writes the PID of the service to this file.
    pub pid_file: Option<P>,
    /// The check; without one the probe becomes the program.
    pub watch: Option<Watch>,
    /// The socket to which every user of the host may connect once a check succeeded.
    pub share_socket: Option<PathBuf>,
    /// The signal with which systemd stops the unit (`KillSignal=`); `None` for SIGTERM.
    pub stop_signal: Option<StopSignal>,
}

impl<P> Default for Exec<P> {
    fn default() -> Self {
        Self { pid_file: None, watch: None, share_socket: None, stop_signal: None }
    }
}

impl<P: PathWord> Exec<P> {
    /// Returns the arguments before the program.
    pub fn words(&self) -> Vec<Word> {
        let Self { pid_file, watch, share_socket, stop_signal } = self;
        let mut line = CommandLine::new(Subcommand::Exec);
        if let Some(file) = pid_file {
            line.path(option::PID_FILE, file);
        }
        write_watch(&mut line, watch.as_ref(), share_socket.as_ref());
        if let Some(signal) = stop_signal {
            line.option(option::STOP_SIGNAL, signal.name());
        }
        line.before_command()
    }
}

impl Exec {
    pub(crate) fn read(given: &Given) -> Result<Self, ArgumentError> {
        Ok(Self {
            pid_file: given.path(option::PID_FILE),
            watch: Watch::read(given)?,
            share_socket: given.path(option::SHARE_SOCKET),
            stop_signal: given.read_value(option::STOP_SIGNAL, str::parse)?,
        })
    }
}

/// Runs a Docker container in the foreground, and checks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Docker {
    /// The container's name.
    pub name: OsString,
    /// Docker's client, which creates the container.
    pub engine: PathBuf,
    /// The socket of the engine.
    pub socket: PathBuf,
    /// The check, if there is one.
    pub watch: Option<Watch>,
    /// As [`Exec::share_socket`].
    pub share_socket: Option<PathBuf>,
}

impl Docker {
    /// Returns the arguments before those of `docker create`.
    pub fn words(&self) -> Vec<Word> {
        let Self { name, engine, socket, watch, share_socket } = self;
        let mut line = CommandLine::new(Subcommand::Docker);
        line.plain(option::NAME);
        line.plain(name);
        line.plain(option::ENGINE);
        line.plain(engine);
        if socket.as_os_str() != places::DOCKER_SOCKET {
            line.path(option::SOCKET, socket);
        }
        write_watch(&mut line, watch.as_ref(), share_socket.as_ref());
        line.before_command()
    }

    pub(crate) fn read(given: &Given) -> Result<Self, ArgumentError> {
        Ok(Self {
            name: given.value(option::NAME).ok_or(ArgumentError::Missing(option::NAME))?,
            engine: given.path(option::ENGINE).unwrap_or_else(|| places::DOCKER.into()),
            socket: given.path(option::SOCKET).unwrap_or_else(|| places::DOCKER_SOCKET.into()),
            watch: Watch::read(given)?,
            share_socket: given.path(option::SHARE_SOCKET),
        })
    }
}

fn write_watch(line: &mut CommandLine, watch: Option<&Watch>, share_socket: Option<&PathBuf>) {
    let Some(watch) = watch else { return };
    watch.write(line);
    if let Some(socket) = share_socket {
        line.path(option::SHARE_SOCKET, socket);
    }
}

/// A signal with which systemd can stop a unit, and which the probe recognizes as a stop.
///
/// Without real-time signals, which the probe does not pass on, and signals that mean a fault of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "signal(7) says what they are")]
pub enum StopSignal {
    Hup,
    Int,
    Quit,
    Usr1,
    Usr2,
    #[default]
    Term,
    Winch,
}

impl StopSignal {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Hup, Self::Int, Self::Quit, Self::Usr1, Self::Usr2, Self::Term, Self::Winch];

    /// Returns its name, with `SIG`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hup => "SIGHUP",
            Self::Int => "SIGINT",
            Self::Quit => "SIGQUIT",
            Self::Usr1 => "SIGUSR1",
            Self::Usr2 => "SIGUSR2",
            Self::Term => "SIGTERM",
            Self::Winch => "SIGWINCH",
        }
    }
}

/// Reads a name with or without `SIG`, as systemd does.
impl FromStr for StopSignal {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let bare = |name: &'static str| name.strip_prefix("SIG").unwrap_or(name);
        let wanted = text.strip_prefix("SIG").unwrap_or(text);
        let mut found = Self::ALL.into_iter().filter(|signal| bare(signal.name()) == wanted);
        found.next().ok_or(ValueError::Signal)
    }
}
