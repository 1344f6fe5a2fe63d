//! The socket itself, in a directory that nobody else enters.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::{Duration, SystemTime};

use tempfile::NamedTempFile;

use crate::system::open;
use conductor_core::error::{PathContext as _, PathError};
use conductor_core::runtime::{RUN_SOCKET, Scope};

/// How old a socket is that nobody listens on because its process was killed, and not because it is being
/// made.
const LEFT: Duration = Duration::from_mins(1);
/// How the socket's names begin.
const PREFIX: &str = "run-";
/// The directory of all sockets, in the runtime directory.
const DIRECTORY: &str = "runs";

/// A place to meet a unit at.
#[derive(Debug)]
pub(crate) struct RunSocket(NamedTempFile<UnixListener>);

impl RunSocket {
    /// Makes a place, in a runtime directory, and removes what others left there who were killed before
    /// their units were started; `units` is where those are.
    pub(crate) fn new(runtime: &Path, units: &Path, scope: Scope) -> Result<Self, PathError> {
        open::make_own_directory(runtime)?;
        let directory = runtime.join(DIRECTORY);
        open::make_private_directory(&directory)?;
        if scope == Scope::System {
            // Units have their sockets mounted on it, each in its own view of the host.
            let mount_point = Path::new(RUN_SOCKET);
            open::open_or_make(mount_point, open::OWN).at("make", mount_point)?;
        }
        remove_left(&directory, units)?;
        let mut builder = tempfile::Builder::new();
        let socket = builder
            .prefix(PREFIX)
            .rand_bytes(8)
            .make_in(&directory, |path| UnixListener::bind(path));
        let socket = socket.at("make a socket in", &directory)?;
        // The command may be another user's, who gets to it where it is mounted; nobody enters the directory.
        fs::set_permissions(socket.path(), Permissions::from_mode(0o666))
            .at("open", socket.path())?;
        Ok(Self(socket))
    }

    /// Returns the name of the place, which no other has.
    pub(crate) fn name(&self) -> &str {
        self.path().file_name().and_then(|name| name.to_str()).unwrap_or_default()
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn listener(&self) -> &UnixListener {
        self.0.as_file()
    }
}

/// Removes places that nobody is at any more, and the files of the units that were to come there.
fn remove_left(directory: &Path, units: &Path) -> Result<(), PathError> {
    for entry in directory.read_dir().at("read", directory)? {
        let path = entry.at("read", directory)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !name.starts_with(PREFIX) || !is_left(&path) {
            continue;
        }
        let end = format!("-{name}.service");
        for unit in units.read_dir().at("read", units)? {
            let unit = unit.at("read", units)?;
            if unit.file_name().to_string_lossy().ends_with(&end) {
                gone(fs::remove_file(unit.path())).at("remove", &unit.path())?;
            }
        }
        gone(fs::remove_file(&path)).at("remove", &path)?;
    }
    Ok(())
}

fn is_left(socket: &Path) -> bool {
    let made = socket.symlink_metadata().and_then(|metadata| metadata.modified());
    let age = made.ok().and_then(|made| SystemTime::now().duration_since(made).ok());
    let refused = |error: io::Error| error.kind() == ErrorKind::ConnectionRefused;
    age.is_some_and(|age| age > LEFT) && UnixStream::connect(socket).err().is_some_and(refused)
}

/// Takes what is gone already as removed: others look for the same.
fn gone(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
