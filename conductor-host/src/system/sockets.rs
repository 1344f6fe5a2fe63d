//! Fixed names for the sockets of instances: symbolic links that are switched to a new release with one
//! rename, so that the proxy needs no reload.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};

use super::open::{self, make_own_directory};
use super::systemd::{Systemd, SystemdError};
use conductor_core::error::{Invalid, PathContext as _, PathError};
use conductor_core::name::ServiceId;
use conductor_core::release::slice_unit;
use conductor_core::value::{Endpoint, HostPath};

/// The suffix of a name.
const SUFFIX: &str = ".sock";
/// The flag of a listening socket in `/proc/net/unix` (`__SO_ACCEPTCON`).
const LISTENS: u32 = 0x1_0000;

/// The targets of the services' socket names, by instance number.
pub type Sockets = BTreeMap<ServiceId, BTreeMap<u16, HostPath>>;

/// Returns the fixed name of an instance's socket.
pub fn name(directory: &Path, service: &ServiceId, instance: u16) -> PathBuf {
    directory.join(service.as_str()).join(format!("{instance}{SUFFIX}"))
}

/// Returns the fixed name as an endpoint in a proxy's configuration.
///
/// # Errors
/// The path of the directory is not valid in a configuration.
pub fn endpoint(
    directory: &Path,
    service: &ServiceId,
    instance: u16,
) -> Result<Endpoint, PathError> {
    let path = name(directory, service, instance);
    let checked = path.to_str().unwrap_or_default().parse();
    checked.map(Endpoint::Socket).map_err(|invalid: Invalid| PathError {
        action: "use",
        path,
        source: io::Error::other(invalid.message),
    })
}

/// Reads all fixed names.
///
/// # Errors
/// A directory cannot be read. Other files than conductor's links are skipped.
pub fn observe(directory: &Path) -> Result<Sockets, PathError> {
    let mut sockets = Sockets::new();
    for service in entries(directory)? {
        let Some(id) = service.file_name().and_then(|id| id.to_str()?.parse().ok()) else {
            continue;
        };
        let mut names = BTreeMap::new();
        for path in entries(&service)? {
            let number = path.file_name().and_then(|name| name.to_str()?.strip_suffix(SUFFIX));
            let target = fs::read_link(&path).ok().and_then(|to| to.to_str()?.parse().ok());
            if let (Some(number), Some(target)) = (number.and_then(|n| n.parse().ok()), target) {
                names.insert(number, target);
            }
        }
        sockets.insert(id, names);
    }
    Ok(sockets)
}

/// Switches a name to a socket, atomically and durably.
///
/// # Errors
/// A file operation fails.
pub fn switch(
    directory: &Path,
    service: &ServiceId,
    instance: u16,
    socket: &HostPath,
) -> Result<(), PathError> {
    let path = name(directory, service, instance);
    let parent = directory.join(service.as_str());
    make_own_directory(directory)?;
    make_own_directory(&parent)?;
    let temporary = path.with_extension("new");
    remove(&temporary)?;
    symlink(socket.as_path(), &temporary).at("create", &temporary)?;
    fs::rename(&temporary, &path).at("write", &path)?;
    sync(&parent)
}

/// Removes a fixed name.
///
/// # Errors
/// A file operation fails.
pub fn unswitch(directory: &Path, service: &ServiceId, instance: u16) -> Result<(), PathError> {
    remove(&name(directory, service, instance))?;
    let parent = directory.join(service.as_str());
    match fs::remove_dir(&parent) {
        // The directory has the names of other instances.
        Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => sync(&parent),
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error).at("remove", &parent),
        _ => Ok(()),
    }
}

/// Returns how many connections to these sockets are open in processes of the service.
///
/// # Errors
/// systemd does not answer.
pub fn count_connections(
    systemd: &Systemd,
    service: &ServiceId,
    sockets: &[HostPath],
) -> Result<usize, SystemdError> {
    let group = systemd.control_group(&slice_unit(service))?;
    Ok(group.map_or(0, |group| connections(&group, sockets)))
}

/// Counts the connections to these sockets that processes of a control group have accepted.
///
/// Each network namespace has its own table, and a container has its own namespace. A process that ends
/// during the count has no connections.
fn connections(group: &Path, sockets: &[HostPath]) -> usize {
    let mut networks = BTreeSet::new();
    let tables = processes(group).into_iter().filter_map(|pid| {
        let process = Path::new("/proc").join(pid);
        let network = fs::metadata(process.join("ns/net")).ok()?.ino();
        networks.insert(network).then(|| fs::read_to_string(process.join("net/unix")).ok())?
    });
    tables.map(|table| table.lines().filter(|line| is_connection(line, sockets)).count()).sum()
}

fn is_connection(line: &str, sockets: &[HostPath]) -> bool {
    let mut columns = line.split_whitespace();
    let flags = columns.nth(3).and_then(|flags| u32::from_str_radix(flags, 16).ok());
    let path = columns.nth(3);
    flags.is_some_and(|flags| flags & LISTENS == 0)
        && path.is_some_and(|path| sockets.iter().any(|socket| socket.as_str() == path))
}

/// Returns the processes in a control group and its descendants.
fn processes(group: &Path) -> Vec<String> {
    let own = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    let mut all: Vec<_> = own.lines().map(str::to_owned).collect();
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            all.extend(processes(&entry.path()));
        }
    }
    all
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, PathError> {
    match fs::read_dir(directory) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(Vec::new())
        }
        entries => entries
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
            .at("read", directory),
    }
}

fn remove(path: &Path) -> Result<(), PathError> {
    open::gone(fs::remove_file(path)).at("remove", path)
}

fn sync(directory: &Path) -> Result<(), PathError> {
    fs::File::open(directory)
        .and_then(|file: fs::File| -> io::Result<()> { file.sync_all() })
        .at("sync", directory)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;

    #[test]
    fn a_name_is_switched_and_seen() {
        let directory = tempfile::tempdir().unwrap();
        let web = "web".parse().unwrap();
        for socket in ["/run/a", "/run/b"] {
            switch(directory.path(), &web, 2, &socket.parse().unwrap()).unwrap();
            let observed = observe(directory.path()).unwrap();
            assert_eq!(observed[&web][&2].as_str(), socket);
            let mode = fs::metadata(directory.path().join("web")).unwrap().mode();
            assert_eq!(mode & 0o7777, 0o755);
        }
        unswitch(directory.path(), &web, 2).unwrap();
        unswitch(directory.path(), &web, 2).unwrap();
        assert!(observe(directory.path()).unwrap().is_empty());
    }

    #[test]
    fn a_connection_counts_and_a_listener_does_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let socket: HostPath = path.to_str().unwrap().parse().unwrap();
        let count = || {
            let table = fs::read_to_string("/proc/self/net/unix").unwrap();
            table.lines().filter(|line| is_connection(line, std::slice::from_ref(&socket))).count()
        };
        assert_eq!(count(), 0);
        let client = UnixStream::connect(&path).unwrap();
        let accepted = listener.accept().unwrap();
        assert_eq!(count(), 1);
        drop((client, accepted));
        assert_eq!(count(), 0);
    }
}
