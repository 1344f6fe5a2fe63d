//! The processes that connect to the socket: those of the unit, and others.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind, Read as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerPidfd;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt;
use rustix::process::geteuid;

use crate::system::systemd::Systemd;
use conductor_core::name::UnitName;

/// How long a process may take to send its message; both expected processes send it at once.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest valid message.
const LONGEST: usize = 256;

/// Decides which processes belong to a unit: those in the control group that systemd created for it, or in a
/// descendant. A path with the unit's name is not enough, because users can create groups with any name below
/// their own.
pub(super) struct Members<'a> {
    unit: &'a UnitName,
    group: Option<String>,
    asked: Option<String>,
    systemd: Arc<Systemd>,
}

impl<'a> Members<'a> {
    /// `group` is the control group in which systemd places the unit by default.
    pub(super) fn new(unit: &'a UnitName, group: Option<String>, systemd: Arc<Systemd>) -> Self {
        Self { unit, group, asked: None, systemd }
    }

    /// Accepts a process of the unit.
    pub(super) fn admit(&mut self, stream: UnixStream) -> Result<Member, Peer> {
        let Ok(peer) = Peer::of(&stream) else { return Err(Peer::default()) };
        let silent = stream.set_nonblocking(true).is_ok();
        match silent && self.have(&peer.group) {
            true => {
                Ok(Member { stream, peer, said: Vec::new(), deadline: Instant::now() + PATIENCE })
            }
            false => Err(peer),
        }
    }

    fn have(&mut self, group: &str) -> bool {
        // Do not ask systemd about a group that cannot match.
        if !group.split('/').any(|part| part == self.unit.as_str()) {
            return false;
        }
        if self.group.as_deref().is_some_and(|own| is_in(group, own)) {
            return true;
        }
        if self.asked.is_none() {
            self.asked = self.systemd.group(self.unit).ok().flatten();
        }
        self.asked.as_deref().is_some_and(|own| is_in(group, own))
    }
}

/// Returns whether a control group is `other`, or a descendant of it.
fn is_in(group: &str, other: &str) -> bool {
    let rest = group.strip_prefix(other).filter(|_| other.len() > 1);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A process at the other end of a connection.
#[derive(Debug, Default)]
pub(super) struct Peer {
    id: i32,
    user: u32,
    group: String,
}

impl Peer {
    /// Reads the peer's credentials from the kernel.
    fn of(stream: &UnixStream) -> io::Result<Self> {
        let peer = sockopt::socket_peercred(stream)?;
        // This needs Linux 6.5. Without it, the PID may have been reused; only root and the unit can connect.
        let process: Option<OwnedFd> = match getsockopt(stream, PeerPidfd) {
            Err(Errno::ENOPROTOOPT) => None,
            process => Some(process?),
        };
        let id = peer.pid.as_raw_nonzero().get();
        let groups = fs::read_to_string(format!("/proc/{id}/cgroup"))?;
        if let Some(process) = process {
            // The pidfd is readable if the process has ended. Then the group may be that of another process.
            let mut ended = [PollFd::new(&process, PollFlags::IN)];
            if poll(&mut ended, Some(&Timespec::default()))? > 0 {
                return Err(ErrorKind::NotFound.into());
            }
        }
        let group = group_of(&groups).unwrap_or_default().to_owned();
        Ok(Self { id, user: peer.uid.as_raw(), group })
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, user, group } = self;
        match id {
            0 => f.write_str("a process that has ended since"),
            _ => write!(f, "process {id} of user {user} (control group {group:?})"),
        }
    }
}

/// Finds the control group of a process that systemd uses: that of the unified hierarchy, unless every
/// process is in its root because the host does not use it (`cgroups(7)`).
fn group_of(groups: &str) -> Option<&str> {
    let lines = || groups.lines();
    let unified = lines().find_map(|line| line.strip_prefix("0::")).filter(|group| *group != "/");
    let named = || lines().find_map(|line| line.split_once(":name=systemd:"));
    unified.or_else(|| named().map(|(_, group)| group))
}

/// What was read from a process of the unit.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    Nothing,
    Line(String),
    /// It closed the connection, or took too long.
    Left,
}

/// A process of the unit.
#[derive(Debug)]
pub(super) struct Member {
    stream: UnixStream,
    peer: Peer,
    said: Vec<u8>,
    deadline: Instant,
}

impl Member {
    /// Returns the deadline for its message.
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Returns the process.
    pub(super) fn who(&self) -> &Peer {
        &self.peer
    }

    /// Returns whether it runs as the user of this process, as the commands do that systemd runs around the
    /// unit's main command.
    pub(super) fn is_own(&self) -> bool {
        self.peer.user == geteuid().as_raw()
    }

    /// Reads what it has sent so far.
    pub(super) fn hear(&mut self) -> Heard {
        let mut piece = [0; LONGEST];
        match self.stream.read(&mut piece) {
            Ok(0) => return Heard::Left,
            Ok(length) => self.said.extend_from_slice(&piece[..length]),
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => return Heard::Left,
        }
        if let Some(end) = self.said.iter().position(|byte| *byte == b'\n') {
            return Heard::Line(String::from_utf8_lossy(&self.said[..end]).into_owned());
        }
        match self.said.len() >= LONGEST || Instant::now() >= self.deadline {
            true => Heard::Left,
            false => Heard::Nothing,
        }
    }

    /// Returns the connection, for the messages that follow.
    pub(super) fn into_stream(self) -> io::Result<UnixStream> {
        self.stream.set_nonblocking(false)?;
        Ok(self.stream)
    }
}

impl AsFd for Member {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_group_and_what_is_below_it_is_the_units() {
        let unit = "/conductor.slice/conductor-a.slice/conductor-a-run-x.service";
        for group in ["", "/.control", "/supervisor", "/libpod-payload-1/init"] {
            assert!(is_in(&format!("{unit}{group}"), unit), "{group}");
        }
        let users = "/user.slice/user-1000.slice/user@1000.service/app.slice";
        for group in [
            "",
            "/",
            "/conductor-a-run-x.service",
            "/conductor.slice/conductor-a.slice",
            "/conductor.slice/conductor-a.slice/conductor-a-run-x.service (deleted)",
            "/conductor.slice/conductor-a.slice/conductor-a-run-x.service.d",
            "/conductor.slice/conductor-b.slice/conductor-a-run-x.service",
            &format!("{users}/conductor-a-run-x.service"),
            &format!("{users}{unit}"),
        ] {
            assert!(!is_in(group, unit), "{group}");
        }
        // An empty group, as that of a unit without processes, matches nothing.
        assert!(!is_in("/a", "") && !is_in("/a", "/") && !is_in("", ""));
    }

    #[test]
    fn the_group_is_found_on_every_hierarchy() {
        assert_eq!(group_of("0::/a.slice/b.service\n"), Some("/a.slice/b.service"));
        assert_eq!(group_of("1:name=systemd:/a.slice/b\n0::/\n"), Some("/a.slice/b"));
        assert_eq!(group_of("1:name=systemd:/host\n0::/a.slice/b\n"), Some("/a.slice/b"));
        assert_eq!(group_of("4:memory:/docker/x\n"), None);
        assert_eq!(group_of("0::/a:name\n"), Some("/a:name"));
    }

    #[test]
    fn a_peer_is_known_by_its_group_and_its_user() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let peer = Peer::of(&ours).unwrap();
        let own = fs::read_to_string("/proc/self/cgroup").unwrap();
        assert_eq!(Some(&*peer.group), group_of(&own));
        assert_eq!(peer.id.cast_unsigned(), std::process::id());
    }

    #[test]
    fn a_line_may_come_in_pieces_and_not_for_ever() {
        use std::io::Write as _;
        let member = || {
            let (ours, theirs) = UnixStream::pair().unwrap();
            ours.set_nonblocking(true).unwrap();
            let deadline = Instant::now() + PATIENCE;
            (Member { stream: ours, peer: Peer::default(), said: Vec::new(), deadline }, theirs)
        };
        let (mut one, mut other) = member();
        assert_eq!(one.hear(), Heard::Nothing);
        other.write_all(b"ru").unwrap();
        assert_eq!(one.hear(), Heard::Nothing);
        other.write_all(b"n\n").unwrap();
        assert_eq!(one.hear(), Heard::Line("run".to_owned()));
        let (mut one, other) = member();
        drop(other);
        assert_eq!(one.hear(), Heard::Left);
        let (mut one, mut other) = member();
        other.write_all(&[b'x'; LONGEST]).unwrap();
        assert_eq!(one.hear(), Heard::Left);
        let (mut one, _other) = member();
        one.deadline = Instant::now();
        assert_eq!(one.hear(), Heard::Left);
    }
}
