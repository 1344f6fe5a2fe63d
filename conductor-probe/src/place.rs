//! The directories of services' sockets.
//!
//! All of them are in one small file system, which is mounted twice. At [`KEPT`] only root can enter it, and
//! each service gets its own directory from there, which may be writable for all users: an image decides as
//! which user it runs. At [`SHOWN`] it is read-only for all users, and symbolic links are not followed: a
//! proxy that connects there reaches a socket that the service created, or fails.

use std::ffi::CStr;
use std::fs;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use probe_protocol::places::{
    PRIVATE as CLOSED, PRIVATE_SOCKETS as KEPT, RUN as OURS, SOCKETS as SHOWN,
};
use probe_protocol::{Socket, SocketAction};
use rustix::fs::{
    AtFlags, FlockOperation, Gid, Mode, OFlags, StatVfsMountFlags, StatxAttributes, StatxFlags,
    Uid, fchmod, fchown, flock, fstat, mkdir, mkdirat, open, openat, statvfs, statx,
};
use rustix::io::Errno;
use rustix::mount::{MountFlags, mount, mount_bind, mount_remount};
use rustix::process::geteuid;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// The options of the file system. Its size is limited, so that a service cannot fill another one.
const OPTIONS: &CStr = c"mode=0755,size=16m,nr_inodes=16k";

/// The mount namespace of the host, which is that of process 1.
const HOST: &str = "/proc/1/ns/mnt";

/// Why a directory for a socket cannot be created or removed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlaceError {
    #[error("{}: not of the form {SHOWN}/NAME/FILE", .0.display())]
    Form(PathBuf),
    #[error("{path} belongs to user {owner}, not to root: remove it")]
    Foreign { path: PathBuf, owner: u32 },
    #[error("cannot {action} {path}")]
    Io { action: &'static str, path: PathBuf, source: io::Error },
}

/// Creates or removes the directory of a socket.
///
/// It does not read the environment, which is the service's.
pub(crate) fn run(Socket { action, path }: &Socket) -> Result<(), PlaceError> {
    let name = name(path).ok_or_else(|| PlaceError::Form(path.clone()))?;
    // With DynamicUser=, the unit sees another owner of the directory than the host does.
    let owner = match action {
        SocketAction::OwnerOf(directory) => Some(owner(directory)?),
        SocketAction::Open | SocketAction::Remove => None,
    };
    // This command runs in the unit's own mount namespace: a mount there would end with the command.
    enter_host().map_err(error("enter", Path::new(HOST)))?;
    let kept = Path::new(KEPT);
    if *action == SocketAction::Remove {
        return self::remove(kept, name);
    }
    mount_both()?;
    make(kept, name, owner)
}

/// Returns the name of a socket's directory.
fn name(path: &Path) -> Option<&Path> {
    let mut rest = path.strip_prefix(SHOWN).ok()?.components();
    match (rest.next(), rest.next(), rest.next()) {
        (Some(Component::Normal(name)), Some(Component::Normal(_)), None) => Some(Path::new(name)),
        _ => None,
    }
}

/// Returns the owner of a directory, which systemd creates for the service's user.
///
/// The path may be a link, because it is in a directory of root.
fn owner(directory: &Path) -> Result<(u32, u32), PlaceError> {
    let metadata = fs::metadata(directory).map_err(error("examine", directory))?;
    Ok((metadata.uid(), metadata.gid()))
}

fn enter_host() -> io::Result<()> {
    let host = open(HOST, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    Ok(move_into_link_name_space(host.as_fd(), Some(LinkNameSpaceType::Mount))?)
}

/// Mounts the file system in both places, unless it is mounted.
fn mount_both() -> Result<(), PlaceError> {
    let (shown, closed, kept) = (Path::new(SHOWN), Path::new(CLOSED), Path::new(KEPT));
    directory(Path::new(OURS), 0o755)?;
    // Several services may start at the same time. Only root can open this lock.
    let lock = directory(closed, 0o700)?;
    flock(&lock, FlockOperation::LockExclusive).map_err(error("lock", closed))?;
    directory(kept, 0o755)?;
    directory(shown, 0o755)?;
    let flags =
        MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | MountFlags::NOSYMFOLLOW;
    if mounted(kept)?.is_none() {
        mount("conductor", kept, "tmpfs", flags, OPTIONS).map_err(error("mount", kept))?;
    }
    // Also if one of the two was unmounted.
    if mounted(shown)? != mounted(kept)? {
        mount_bind(kept, shown).map_err(error("mount", shown))?;
    }
    // Also if the process that mounted it was killed before this. Not if it is read-only already: systemd reads
    // all mounts when one changes.
    let seen = statvfs(shown).map_err(error("examine", shown))?;
    if seen.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return Ok(());
    }
    let flags = flags | MountFlags::BIND | MountFlags::RDONLY;
    mount_remount(shown, flags, c"").map_err(error("make read-only", shown))
}

/// Creates a directory with a mode, whatever the umask is; one that exists has to be root's.
fn directory(path: &Path, mode: u32) -> Result<OwnedFd, PlaceError> {
    match mkdir(path, Mode::from_raw_mode(mode)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(source) => return Err(error("create", path)(source)),
    }
    let opened = open_directory(path)?;
    let seen = fstat(&opened).map_err(error("examine", path))?;
    if seen.st_uid != geteuid().as_raw() {
        return Err(PlaceError::Foreign { path: path.to_owned(), owner: seen.st_uid });
    }
    if seen.st_mode & 0o7777 != mode {
        fchmod(&opened, Mode::from_raw_mode(mode)).map_err(error("change the mode of", path))?;
    }
    Ok(opened)
}

/// Returns the device of the file system that is mounted at a path, if there is one.
fn mounted(path: &Path) -> Result<Option<(u32, u32)>, PlaceError> {
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    let seen = statx(rustix::fs::CWD, path, flags, StatxFlags::TYPE);
    let seen = seen.map_err(error("examine", path))?;
    let root = seen.stx_attributes.contains(StatxAttributes::MOUNT_ROOT);
    Ok(root.then_some((seen.stx_dev_major, seen.stx_dev_minor)))
}

/// Creates an empty directory, for its owner, or for all users who can enter its parent.
fn make(kept: &Path, name: &Path, owner: Option<(u32, u32)>) -> Result<(), PlaceError> {
    remove(kept, name)?;
    let path = kept.join(name);
    let all = open_directory(kept)?;
    mkdirat(&all, name, Mode::RWXU).map_err(error("create", &path))?;
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = openat(&all, name, flags, Mode::empty()).map_err(error("open", &path))?;
    if let Some((user, group)) = owner {
        fchown(&opened, Some(Uid::from_raw(user)), Some(Gid::from_raw(group)))
            .map_err(error("change the owner of", &path))?;
    }
    let mode = if owner.is_some() { 0o755 } else { 0o1777 };
    fchmod(&opened, Mode::from_raw_mode(mode)).map_err(error("change the mode of", &path))
}

fn remove(kept: &Path, name: &Path) -> Result<(), PlaceError> {
    let path = kept.join(name);
    // It follows no links.
    match fs::remove_dir_all(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(error("remove", &path)(Errno::from_io_error(&source).unwrap_or(Errno::IO)))
        }
        _ => Ok(()),
    }
}

fn open_directory(path: &Path) -> Result<OwnedFd, PlaceError> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    open(path, flags, Mode::empty()).map_err(error("open", path))
}

fn error<E: Into<io::Error>>(
    action: &'static str,
    path: &Path,
) -> impl FnOnce(E) -> PlaceError + use<E> {
    let path = path.to_owned();
    move |source| PlaceError::Io { action, path, source: source.into() }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn only_the_directory_of_one_socket_is_named() {
        let name = |path| name(Path::new(path)).map(Path::to_owned);
        assert_eq!(name("/run/conductor/sockets/a.1-1/socket"), Some("a.1-1".into()));
        for other in [
            "/run/conductor/sockets/socket",
            "/run/conductor/sockets/../socket",
            "/run/conductor/sockets/a/../../socket",
            "/run/conductor/sockets/a/b/socket",
            "/run/conductor/sockets",
            "/run/conductor/a/socket",
            "/run/app/socket",
            "socket",
        ] {
            assert_eq!(name(other), None, "{other}");
        }
    }

    #[test]
    fn what_shields_the_others_is_root_s_and_closed() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("private");
        for there in [false, true] {
            if there {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
            }
            directory(&path, 0o700).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o700);
        }
        let link = parent.path().join("link");
        symlink(&path, &link).unwrap();
        directory(&link, 0o700).unwrap_err();
        if geteuid().is_root() {
            std::os::unix::fs::chown(&path, Some(1000), None).unwrap();
            assert!(matches!(directory(&path, 0o700), Err(PlaceError::Foreign { .. })));
        }
    }

    #[test]
    fn a_directory_is_made_without_what_was_in_the_way() {
        let directory = tempfile::tempdir().unwrap();
        let (kept, name) = (directory.path(), Path::new("a"));
        let elsewhere = tempfile::tempdir().unwrap();
        fs::write(elsewhere.path().join("file"), "").unwrap();
        let own = fs::metadata(kept).unwrap();
        for (owner, mode) in [(Some((own.uid(), own.gid())), 0o755), (None, 0o1777)] {
            make(kept, name, owner).unwrap();
            let made = kept.join(name);
            assert_eq!(fs::metadata(&made).unwrap().mode() & 0o7777, mode);
            drop(UnixListener::bind(made.join("socket")).unwrap());
            symlink(elsewhere.path(), made.join("link")).unwrap();
        }
        remove(kept, name).unwrap();
        remove(kept, name).unwrap();
        // A link in its place is removed, not its target.
        symlink(elsewhere.path(), kept.join(name)).unwrap();
        make(kept, name, None).unwrap();
        assert!(kept.join(name).symlink_metadata().unwrap().is_dir());
        assert!(elsewhere.path().join("file").exists());
    }
}
