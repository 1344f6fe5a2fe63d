//! Makes the socket of a service accessible to all users.
//!
//! Most programs create a socket for their own user only, and a proxy runs as another user. So all users may
//! connect, as to a port of 127.0.0.1.

use std::fs::{self, Permissions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags, fstat, open};

use crate::check::Unhealthy;

/// The mode with which all users can connect.
const EVERYBODY: u32 = 0o666;

/// Lets all users connect to a socket, if there is one.
pub(crate) fn share_if_any(path: Option<&Path>) -> Result<(), Unhealthy> {
    let Some(path) = path else { return Ok(()) };
    share(path).map_err(|source| Unhealthy::Unshared { path: path.to_owned(), source })
}

/// Does not follow a link: a process in a container may have put it in place of the socket.
fn share(path: &Path) -> io::Result<()> {
    let socket = open(path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    let mode = fstat(&socket)?.st_mode;
    if FileType::from_raw_mode(mode) != FileType::Socket {
        return Err(io::Error::other("not a socket"));
    }
    if mode & EVERYBODY == EVERYBODY {
        return Ok(());
    }
    // fchmod does not work with a descriptor of O_PATH.
    let itself = format!("/proc/self/fd/{}", socket.as_raw_fd());
    fs::set_permissions(itself, Permissions::from_mode(EVERYBODY))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, symlink};
    use std::os::unix::net::UnixListener;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn a_socket_is_opened_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let [socket, file, link] = ["socket", "file", "link"].map(|it| directory.path().join(it));
        let _listener = UnixListener::bind(&socket).unwrap();
        fs::set_permissions(&socket, Permissions::from_mode(0o700)).unwrap();
        share(&socket).unwrap();
        share(&socket).unwrap();
        assert_eq!(mode(&socket), 0o666);
        fs::write(&file, "").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        symlink(&file, &link).unwrap();
        for path in [&file, &link, &directory.path().join("none")] {
            share(path).unwrap_err();
        }
        assert_eq!(mode(&file), 0o600);
    }
}
