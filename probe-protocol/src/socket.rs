//! The command `socket`, for the directory of an instance's socket.

use std::path::PathBuf;

use crate::error::ArgumentError;
use crate::given::Given;
use crate::option;
use crate::request::Subcommand;
use crate::word::{CommandLine, PathWord, Word};

/// Creates or removes the directory of a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Socket<P = PathBuf> {
    /// The action.
    pub action: SocketAction<P>,
    /// The path of the socket: `/run/conductor/sockets/NAME/FILE`.
    pub path: PathBuf,
}

/// An action on the directory of a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SocketAction<P = PathBuf> {
    /// Create it for the owner of this directory.
    OwnerOf(P),
    /// Create it for every user of the container that mounts it.
    Open,
    /// Remove it and all files in it.
    Remove,
}

impl<P: PathWord> Socket<P> {
    /// Returns the arguments.
    pub fn words(&self) -> Vec<Word> {
        let Self { action, path } = self;
        let mut line = CommandLine::new(Subcommand::Socket);
        match action {
            SocketAction::OwnerOf(directory) => line.path(option::OWNER_OF, directory),
            SocketAction::Open => line.plain(option::OPEN),
            SocketAction::Remove => line.plain(option::REMOVE),
        }
        line.plain(path);
        line.finish()
    }
}

impl Socket {
    pub(crate) fn read(given: &mut Given) -> Result<Self, ArgumentError> {
        const ACTIONS: [&str; 3] = [option::OWNER_OF, option::OPEN, option::REMOVE];
        let chosen: Vec<_> = ACTIONS.into_iter().filter(|action| given.has(action)).collect();
        let action = match chosen.as_slice() {
            [] => return Err(ArgumentError::Missing("--owner-of, --open or --remove")),
            [first, second, ..] => return Err(ArgumentError::Conflict(first, second)),
            [_] => match given.path(option::OWNER_OF) {
                Some(directory) => SocketAction::OwnerOf(directory),
                None if given.has(option::OPEN) => SocketAction::Open,
                None => SocketAction::Remove,
            },
        };
        let path = given.operand().ok_or(ArgumentError::Missing("PATH"))?;
        Ok(Self { action, path: path.into() })
    }
}
