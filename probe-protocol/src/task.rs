//! Commands that run once: `run` and `ended` for `conductor run`, and `limit` for the checks in containers.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::ArgumentError;
use crate::given::Given;
use crate::option;
use crate::places;
use crate::request::Subcommand;
use crate::time;
use crate::word::{CommandLine, PathWord, Word};

/// Runs a command for the process that waits at the other end of a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run<P = PathBuf> {
    /// The socket from which input and output are received.
    pub socket: PathBuf,
    /// How long the command may take to stop when no process waits for it any more.
    pub stop_timeout: Duration,
    /// The engine's client that the command is, if it is one.
    pub client: Option<Client<P>>,
    /// Docker's socket.
    pub engine_socket: PathBuf,
}

/// The client of an engine, which runs a command in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Client<P = PathBuf> {
    /// Docker's, for the container of this name, which gets the signals.
    Docker(String),
    /// podman's, which writes the PID of the container's first process to this file.
    Podman(P),
}

impl<P: PathWord> Run<P> {
    /// Returns the arguments before the command.
    pub fn words(&self) -> Vec<Word> {
        let Self { socket, stop_timeout, client, engine_socket } = self;
        let mut line = CommandLine::new(Subcommand::Run);
        line.path(option::SOCKET, socket);
        line.option(option::STOP_TIMEOUT, time::write_millis(*stop_timeout));
        match client {
            Some(Client::Docker(name)) => line.option(option::CONTAINER, name),
            Some(Client::Podman(file)) => line.path(option::PID_FILE, file),
            None => {}
        }
        write_engine_socket(&mut line, engine_socket);
        line.before_command()
    }
}

impl Run {
    pub(crate) fn read(given: &Given) -> Result<Self, ArgumentError> {
        let container = given.text(option::CONTAINER)?;
        let client = match (container, given.path(option::PID_FILE)) {
            (None, None) => None,
            (Some(name), None) => Some(Client::Docker(name)),
            (None, Some(file)) => Some(Client::Podman(file)),
            (Some(_), Some(_)) => {
                return Err(ArgumentError::Conflict(option::CONTAINER, option::PID_FILE));
            }
        };
        let missing = ArgumentError::Missing;
        let stop_timeout = given.read_value(option::STOP_TIMEOUT, time::read)?;
        Ok(Self {
            socket: given.path(option::SOCKET).ok_or(missing(option::SOCKET))?,
            stop_timeout: stop_timeout.ok_or(missing(option::STOP_TIMEOUT))?,
            client,
            engine_socket: read_engine_socket(given),
        })
    }
}

/// The command at the end of a run: it notifies the process that waits, and removes the unit's file and container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The unit file to remove.
    pub unit_file: PathBuf,
    /// The socket of the process that waits, if one does.
    pub socket: Option<PathBuf>,
    /// A Docker container to remove.
    pub container: Option<String>,
    /// Docker's socket.
    pub engine_socket: PathBuf,
}

impl Ended {
    /// Returns the arguments.
    pub fn words(&self) -> Vec<Word> {
        let Self { unit_file, socket, container, engine_socket } = self;
        let mut line = CommandLine::new(Subcommand::Ended);
        line.path(option::UNIT_FILE, unit_file);
        if let Some(socket) = socket {
            line.path(option::SOCKET, socket);
        }
        if let Some(container) = container {
            line.option(option::CONTAINER, container);
        }
        write_engine_socket(&mut line, engine_socket);
        line.finish()
    }

    pub(crate) fn read(given: &Given) -> Result<Self, ArgumentError> {
        let unit_file = given.path(option::UNIT_FILE);
        Ok(Self {
            unit_file: unit_file.ok_or(ArgumentError::Missing(option::UNIT_FILE))?,
            socket: given.path(option::SOCKET),
            container: given.text(option::CONTAINER)?,
            engine_socket: read_engine_socket(given),
        })
    }
}

fn write_engine_socket(line: &mut CommandLine, socket: &PathBuf) {
    if socket.as_os_str() != places::DOCKER_SOCKET {
        line.path(option::ENGINE_SOCKET, socket);
    }
}

fn read_engine_socket(given: &Given) -> PathBuf {
    given.path(option::ENGINE_SOCKET).unwrap_or_else(|| places::DOCKER_SOCKET.into())
}

/// Runs a command, and kills it and all that it started at a timeout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The timeout.
    pub timeout: Duration,
}

impl Limit {
    /// Returns the arguments before the command, as strings.
    pub fn arguments(&self) -> [OsString; 3] {
        let Self { timeout } = self;
        let timeout = format!("{}={}", option::TIMEOUT, time::write_millis(*timeout));
        [Subcommand::Limit.name().into(), timeout.into(), "--".into()]
    }

    /// Returns the arguments before the command.
    pub fn words(&self) -> Vec<Word> {
        self.arguments().map(Word::Plain).into()
    }

    pub(crate) fn read(given: &Given) -> Result<Self, ArgumentError> {
        let timeout = given.read_value(option::TIMEOUT, time::read_above_zero)?;
        Ok(Self { timeout: timeout.ok_or(ArgumentError::Missing(option::TIMEOUT))? })
    }
}
