//! Sockets to the checked service, with one deadline for all operations.

use std::fmt;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags, fstat, open};
use rustix::io::Errno;
use rustix::net::addr::SocketAddrArg as _;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect,
    getsockname, recv, send, socket_with, sockopt,
};
use rustix::process::geteuid;

/// The address of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// An address and a port.
    Tcp(SocketAddr),
    /// A path, or a name in the abstract namespace after an `@`.
    Unix(PathBuf),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

impl Endpoint {
    /// Connects before the deadline; the error is `TIMEDOUT` if it has passed.
    pub(crate) fn connect(&self, deadline: Option<Instant>) -> Result<Socket, Errno> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        match self {
            Self::Tcp(address) => {
                let family = match address {
                    SocketAddr::V4(_) => AddressFamily::INET,
                    SocketAddr::V6(_) => AddressFamily::INET6,
                };
                let socket = Socket(socket_with(family, SocketType::STREAM, flags, None)?);
                match connect(&socket.0, address) {
                    Err(Errno::INPROGRESS) => {
                        socket.wait(PollFlags::OUT, deadline)?;
                        sockopt::socket_error(&socket.0)??;
                    }
                    other => other?,
                }
                if is_itself(&socket.0, *address)? {
                    return Err(Errno::CONNREFUSED);
                }
                Ok(socket)
            }
            Self::Unix(path) => {
                let (address, _held) = unix_address(path)?;
                let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
                loop {
                    match connect(&socket, &address) {
                        // The backlog is full, and there is no event for a free place.
                        Err(Errno::AGAIN)
                            if deadline.is_none_or(|deadline| Instant::now() < deadline) =>
                        {
                            thread::sleep(Duration::from_millis(10));
                        }
                        Err(Errno::AGAIN) => return Err(Errno::TIMEDOUT),
                        other => return other.map(|()| Socket(socket)),
                    }
                }
            }
        }
    }
}

/// Returns whether a socket is connected to itself.
///
/// This happens if no process listens and the kernel chooses the same port as the local port. It would look
/// like a service that is up.
fn is_itself(socket: &OwnedFd, address: SocketAddr) -> Result<bool, Errno> {
    Ok(getsockname(socket)? == address.as_any())
}

/// Returns the address to connect to, and the descriptor that has to stay open meanwhile. The error is `LOOP`
/// if the path is that of a symbolic link.
///
/// A service may put a link in place of its socket, to one that this process can reach and the service cannot.
fn unix_address(path: &Path) -> Result<(SocketAddrUnix, Option<OwnedFd>), Errno> {
    if let Some(name) = path.as_os_str().as_bytes().strip_prefix(b"@") {
        return Ok((SocketAddrUnix::new_abstract_name(name)?, None));
    }
    let socket = open(path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    match FileType::from_raw_mode(fstat(&socket)?.st_mode) {
        FileType::Socket => {}
        FileType::Symlink => return Err(Errno::LOOP),
        // As connect(2) does.
        _ => return Err(Errno::CONNREFUSED),
    }
    let itself = format!("/proc/self/fd/{}", socket.as_raw_fd());
    // In a root directory without /proc, this process runs as the service's user, and reaches nothing more.
    if !geteuid().is_root() && !Path::new(&itself).is_symlink() {
        return Ok((SocketAddrUnix::new(path)?, None));
    }
    Ok((SocketAddrUnix::new(itself)?, Some(socket)))
}

/// A connected socket that never blocks.
#[derive(Debug)]
pub(crate) struct Socket(OwnedFd);

impl Socket {
    /// Sends all of the bytes.
    pub(crate) fn send_all(
        &self,
        mut bytes: &[u8],
        deadline: Option<Instant>,
    ) -> Result<(), Errno> {
        while !bytes.is_empty() {
            match send(&self.0, bytes, SendFlags::NOSIGNAL) {
                Ok(sent) => bytes = &bytes[sent..],
                Err(Errno::AGAIN) => self.wait(PollFlags::OUT, deadline)?,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Receives some bytes; 0 at the end.
    pub(crate) fn receive(
        &self,
        buffer: &mut [u8],
        deadline: Option<Instant>,
    ) -> Result<usize, Errno> {
        loop {
            // An answer never arrives immediately, so wait first.
            self.wait(PollFlags::IN, deadline)?;
            match recv(&self.0, &mut *buffer, RecvFlags::empty()) {
                Ok((received, _)) => return Ok(received),
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits for some time whether the server closes the connection, without sending or taking anything.
    ///
    /// The error is that of a reset, or `PIPE` if the server closed it. A server that sends something keeps it.
    pub(crate) fn stays_open(&self, time: Duration) -> Result<(), Errno> {
        let until = Instant::now().checked_add(time);
        loop {
            match self.wait(PollFlags::IN, until) {
                Err(Errno::TIMEDOUT) => return Ok(()),
                other => other?,
            }
            match recv(&self.0, &mut [0_u8; 1][..], RecvFlags::PEEK) {
                Ok((0, _)) => return Err(Errno::PIPE),
                Ok(_) => return Ok(()),
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn wait(&self, flags: PollFlags, deadline: Option<Instant>) -> Result<(), Errno> {
        match wait_until(&mut [PollFd::new(&self.0, flags)], deadline)? {
            true => Ok(()),
            false => Err(Errno::TIMEDOUT),
        }
    }
}

/// Waits until one of the descriptors is ready, and returns whether one is; without a deadline, forever.
///
/// After the deadline, it returns false even if one is ready: else a sender without end would never time out.
pub(crate) fn wait_until(
    descriptors: &mut [PollFd<'_>],
    deadline: Option<Instant>,
) -> Result<bool, Errno> {
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Ok(false);
        }
        let left = left.map(|left| Timespec::try_from(left).unwrap_or(FOREVER));
        match poll(descriptors, left.as_ref()) {
            Ok(ready) => return Ok(ready > 0),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Longer than any machine is up.
const FOREVER: Timespec = Timespec { tv_sec: 1 << 40, tv_nsec: 0 };

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::bind;

    #[test]
    fn a_socket_that_is_connected_to_itself_is_found_out() {
        let flags = SocketFlags::CLOEXEC;
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let new = || socket_with(AddressFamily::INET, SocketType::STREAM, flags, None).unwrap();
        let (this, that) = (new(), new());
        bind(&this, &any).unwrap();
        let address: SocketAddr = getsockname(&this).unwrap().try_into().unwrap();
        connect(&this, &address).unwrap();
        assert_eq!(is_itself(&this, address), Ok(true));
        bind(&that, &any).unwrap();
        assert_eq!(is_itself(&that, address), Ok(false));
    }
}
