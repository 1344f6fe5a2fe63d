//! The socket's file, in a directory that only the owner can enter.

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

/// The age from which a socket without a listener is a leftover of a killed process. A younger one may be in
/// creation.
const LEFT: Duration = Duration::from_mins(1);
/// The prefix of the sockets' names.
const PREFIX: &str = "run-";
/// The directory of all sockets, in the runtime directory.
const DIRECTORY: &str = "runs";

/// A socket for one unit.
#[derive(Debug)]
pub(crate) struct RunSocket(NamedTempFile<UnixListener>);

impl RunSocket {
    /// Creates a socket in the runtime directory, and removes the leftovers of processes that were killed
    /// before their units were started: sockets, and unit files in `units`.
    pub(crate) fn new(runtime: &Path, units: &Path, scope: Scope) -> Result<Self, PathError> {
        open::make_own_directory(runtime)?;
        let directory = runtime.join(DIRECTORY);
        open::make_private_directory(&directory)?;
        if scope == Scope::System {
            // Each unit has its socket mounted here, in its own mount namespace.
            let mount_point = Path::new(RUN_SOCKET);
            open::open_or_make(mount_point, open::OWN).at("create", mount_point)?;
        }
        remove_left(&directory, units)?;
        let mut builder = tempfile::Builder::new();
        let socket = builder
            .prefix(PREFIX)
            .rand_bytes(8)
            .make_in(&directory, |path| UnixListener::bind(path));
        let socket = socket.at("create a socket in", &directory)?;
        // The command may run as another user, and reaches the socket at its mount point. Only the owner can
        // enter this directory.
        fs::set_permissions(socket.path(), Permissions::from_mode(0o666))
            .at("open", socket.path())?;
        Ok(Self(socket))
    }

    /// Returns the unique name of the socket.
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

/// Removes sockets without a listener, and the files of their units.
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
                open::gone(fs::remove_file(unit.path())).at("remove", &unit.path())?;
            }
        }
        open::gone(fs::remove_file(&path)).at("remove", &path)?;
    }
    Ok(())
}

fn is_left(socket: &Path) -> bool {
    let made = socket.symlink_metadata().and_then(|metadata| metadata.modified());
    let age = made.ok().and_then(|made| SystemTime::now().duration_since(made).ok());
    let refused = |error: io::Error| error.kind() == ErrorKind::ConnectionRefused;
    age.is_some_and(|age| age > LEFT) && UnixStream::connect(socket).err().is_some_and(refused)
}
