//! The socket of a service, which others than its own user are to get to.
//!
//! Most programs make a socket for their own user only, and a proxy is another one. Everybody may
//! connect, as to a port of 127.0.0.1.

use std::fs::{self, Permissions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, fstat, open};
use rustix::mount::{UnmountFlags, unmount};

use crate::args::{Share, Socket};
use crate::check::Unhealthy;
use crate::runtime;

/// What everybody needs to connect.
const EVERYBODY: u32 = 0o666;

/// Below what directories are removed.
const OURS: &str = "/run/conductor";

/// Why there is no place for a socket.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {path}")]
pub(crate) struct ShareError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl Share {
    /// Lets everybody connect, if that is wanted.
    pub(crate) fn share(&self) -> Result<(), Unhealthy> {
        let Some(path) = &self.share_socket else { return Ok(()) };
        share(path).map_err(|source| Unhealthy::Unshared { path: path.clone(), source })
    }

    /// Writes the argument again, for the process that does it.
    pub(crate) fn written(&self) -> Option<std::ffi::OsString> {
        let path = self.share_socket.as_ref()?;
        let mut word = std::ffi::OsString::from("--share-socket=");
        word.push(path);
        Some(word)
    }
}

/// Whoever is in a container may put a link to anything in place of the socket: it is not followed.
fn share(path: &Path) -> io::Result<()> {
    let socket = open(path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    let mode = fstat(&socket)?.st_mode;
    if FileType::from_raw_mode(mode) != FileType::Socket {
        return Err(io::Error::other("not a socket"));
    }
    if mode & EVERYBODY == EVERYBODY {
        return Ok(());
    }
    // The descriptor itself is of no use to fchmod.
    let itself = format!("/proc/self/fd/{}", socket.as_raw_fd());
    fs::set_permissions(itself, Permissions::from_mode(EVERYBODY))
}

/// Makes the directory of a socket, or removes it.
pub(crate) fn run(Socket { open, remove, path }: &Socket) -> Result<(), ShareError> {
    if *remove { self::remove(path) } else { make(path, *open) }
}

fn make(path: &Path, open: bool) -> Result<(), ShareError> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(directory).map_err(error("create", directory))?;
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            return Err(error("remove", path)(source));
        }
        _ => {}
    }
    if !open && let Some(runtime) = runtime::directory() {
        let owner = fs::metadata(&runtime).map_err(error("look at", &runtime))?;
        chown(directory, Some(owner.uid()), Some(owner.gid()))
            .map_err(error("give away", directory))?;
    }
    let mode = if open { 0o1777 } else { 0o755 };
    // Whatever the umask is.
    fs::set_permissions(directory, Permissions::from_mode(mode)).map_err(error("open", directory))
}

fn remove(path: &Path) -> Result<(), ShareError> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    // Whoever mistypes the path is not to lose anything.
    if directory.parent() != Some(Path::new(OURS)) || directory.file_name().is_none() {
        let source = io::Error::other(format!("not in a directory below {OURS}"));
        return Err(error("remove", path)(source));
    }
    // Where the unit sees it, it is mounted on itself, and would be busy.
    let _ = unmount(directory, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW);
    match fs::remove_dir_all(directory) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(error("remove", directory)(source))
        }
        _ => Ok(()),
    }
}

fn error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ShareError + use<> {
    let path = path.to_owned();
    move |source| ShareError { action, path, source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
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

    #[test]
    fn a_directory_is_made_without_what_was_in_the_way() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/socket");
        for (open, wanted) in [(false, 0o755), (true, 0o1777)] {
            make(&path, open).unwrap();
            assert_eq!(mode(path.parent().unwrap()), wanted);
            drop(UnixListener::bind(&path).unwrap());
        }
        for other in [&*path, Path::new("/socket"), Path::new("/run/conductor/../socket")] {
            remove(other).unwrap_err();
        }
    }
}
