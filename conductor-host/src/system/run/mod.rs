//! The socket between `conductor run` and the unit of its command.
//!
//! The unit connects twice: the probe, to get input and output, and again through systemd's `ExecStopPost=`
//! when the unit has ended. Other processes cannot reach the socket: only the owner can enter its directory,
//! and in a unit of another user it is bind-mounted into the unit's mount namespace. Other peers are
//! rejected: the kernel returns the control group of a peer.

mod input_output;
mod member;
mod place;

use std::fmt;
use std::io::{self, Read as _};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use probe_protocol::Call;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

pub use self::input_output::{Controller, InputOutput};
use self::member::{Heard, Member, Members};
pub(crate) use self::place::RunSocket;
use super::outcome::Outcome;
use super::scheduled::CommandEnd;
use super::systemd::{Systemd, SystemdError};
use crate::words::UnitResult;
use conductor_core::error::{PathContext as _, PathError};
use conductor_core::name::UnitName;

/// The first pause between two checks that the unit still exists.
const PAUSE: Duration = Duration::from_secs(2);
/// The longest pause.
const LONG_PAUSE: Duration = Duration::from_mins(1);
/// How many of the unit's processes may be connected at a time; two send messages.
const MEMBERS: usize = 64;
/// How many rejected peers are reported.
const REFUSED: usize = 8;
/// How often systemd is asked how the unit ended; each call has a timeout of one minute.
const TRIES: u32 = 5;

/// How a unit ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnitEnd {
    /// systemd's result: `success`, `exit-code`, `signal`, `timeout`, `oom-kill`, ...
    pub result: UnitResult,
    /// How its main process ended, if it had one.
    pub end: Option<CommandEnd>,
    /// The processes that were rejected at the socket, with reasons.
    pub refused: Vec<String>,
}

/// Why the result of a unit is unknown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunSocketError {
    #[error(transparent)]
    Path(#[from] PathError),
    #[error(transparent)]
    Systemd(#[from] SystemdError),
}

/// The unit that is expected at the socket.
#[derive(Debug)]
pub(crate) struct Expected<'a> {
    /// The unit.
    pub(crate) unit: &'a UnitName,
    /// Its control group, if known.
    pub(crate) group: Option<String>,
    /// Its input and output.
    pub(crate) ends: InputOutput,
}

/// The state of a wait at a [`RunSocket`].
struct Waiting<'a> {
    unit: &'a UnitName,
    members: Members<'a>,
    systemd: Arc<Systemd>,
    controller: &'a Controller,
    ends: Option<InputOutput>,
    begun: bool,
    refused: Vec<String>,
}

/// The check of a report that the unit has ended.
enum Report {
    /// It is true; systemd may have unloaded the unit.
    Ended(Option<Outcome>),
    /// It is false, or came from a peer that may not report it.
    False,
}

impl RunSocket {
    /// Passes a started unit its input and output, and waits until it has ended. The inner error means that
    /// the unit never asked for them, or that its result is unknown; it has the rejected peers.
    pub(crate) fn wait(
        &self,
        expected: Expected<'_>,
        controller: &Controller,
        systemd: Systemd,
    ) -> Result<Result<UnitEnd, Vec<String>>, RunSocketError> {
        let Expected { unit, group, ends } = expected;
        let systemd = Arc::new(systemd);
        let watch = watch(Arc::clone(&systemd), unit.clone()).at("wait at", self.path())?;
        let members = Members::new(unit, group, Arc::clone(&systemd));
        let mut waiting = Waiting {
            unit,
            members,
            systemd,
            controller,
            ends: Some(ends),
            begun: false,
            refused: Vec::new(),
        };
        let listener = self.listener();
        listener.set_nonblocking(true).at("wait at", self.path())?;
        let mut present: Vec<Member> = Vec::new();
        loop {
            let [called, gone] = wait_for(&[listener.as_fd(), watch.as_fd()], &present)
                .at("wait at", self.path())?;
            // Read from connected peers before new ones are accepted, so that many connections cannot block a
            // peer that has sent its message.
            let mut silent = Vec::with_capacity(present.len());
            for mut member in present {
                match member.hear() {
                    Heard::Nothing => silent.push(member),
                    Heard::Left => {}
                    Heard::Line(line) => match Call::read(&line) {
                        Some(Call::Run) => waiting.begin(member),
                        Some(Call::Ended) => {
                            if let Report::Ended(outcome) = waiting.end(&member)? {
                                return Ok(waiting.outcome(outcome));
                            }
                        }
                        None => {
                            waiting.refuse(member.who(), "sent an unknown message to the socket");
                        }
                    },
                }
            }
            present = silent;
            if called {
                while let Some(stream) =
                    next(listener).at("listen for the command at", self.path())?
                {
                    match waiting.members.admit(stream) {
                        Ok(member) => present.push(member),
                        Err(stranger) => waiting.refuse(&stranger, "connected to the socket"),
                    }
                }
                let surplus = present.len().saturating_sub(MEMBERS);
                present.drain(..surplus);
            } else if gone {
                // systemd may still know how the unit ended, even if nothing reported it.
                let outcome = waiting.systemd.outcome(unit)?;
                return Ok(waiting.outcome(outcome.filter(|it| it.over && it.end.is_some())));
            }
        }
    }
}

impl Waiting<'_> {
    /// Passes the command its input and output, once. No copy stays open here, so that the command sees the
    /// end of its input.
    fn begin(&mut self, member: Member) {
        let Some(ends) = self.ends.take() else {
            return self.refuse(&member.who(), "asked a second time for the input and output");
        };
        let stream = member.into_stream();
        let sent = stream.and_then(|stream| ends.send(&stream).map(|()| stream));
        self.begun = sent.and_then(|stream| self.controller.attach(stream)).is_ok();
    }

    /// Asks systemd how the unit ended, because the report of a process of the unit is not trusted. The peer
    /// stays connected during that.
    fn end(&mut self, member: &Member) -> Result<Report, SystemdError> {
        if !member.is_own() {
            self.refuse(&member.who(), "reported the end");
            return Ok(Report::False);
        }
        let mut tries = 0;
        loop {
            tries += 1;
            match self.systemd.outcome(self.unit) {
                Ok(Some(outcome)) if !outcome.over => {
                    self.refuse(&member.who(), "reported the end");
                    return Ok(Report::False);
                }
                Ok(outcome) => return Ok(Report::Ended(outcome)),
                Err(error) if tries == TRIES => return Err(error),
                Err(_) => {}
            }
        }
    }

    /// Returns how the unit ended.
    fn outcome(self, outcome: Option<Outcome>) -> Result<UnitEnd, Vec<String>> {
        let Self { begun, refused, .. } = self;
        match outcome.filter(|_| begun) {
            Some(Outcome { over: _, result, end }) => Ok(UnitEnd { result, end, refused }),
            None => Err(refused),
        }
    }

    /// Records a rejected peer.
    fn refuse(&mut self, who: &dyn fmt::Display, why: &str) {
        if self.refused.len() < REFUSED {
            self.refused.push(format!("{who} {why} of {} and was rejected", self.unit));
        }
    }
}

/// Waits until a descriptor or a peer is ready, or until the deadline of a peer. Returns which descriptors
/// are ready.
fn wait_for<const N: usize>(
    descriptors: &[impl AsFd; N],
    present: &[Member],
) -> io::Result<[bool; N]> {
    let mut watched: Vec<_> = descriptors.iter().map(|it| PollFd::new(it, PollFlags::IN)).collect();
    watched.extend(present.iter().map(|member| PollFd::new(member, PollFlags::IN)));
    let deadline = present.iter().map(Member::deadline).min();
    let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    let left = left.and_then(|left| Timespec::try_from(left).ok());
    match poll(&mut watched, left.as_ref()) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(errno) => return Err(errno.into()),
    }
    Ok(std::array::from_fn(|number| !watched[number].revents().is_empty()))
}

/// Returns the next pending connection, if any.
fn next(listener: &UnixListener) -> io::Result<Option<UnixStream>> {
    match listener.accept() {
        Ok((stream, _)) => Ok(Some(stream)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        // The peer closed the connection before it was accepted.
        Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => Ok(None),
        Err(error) => Err(error),
    }
}

/// Watches a unit in case its end is never reported. Returns a connection that is closed when the unit is
/// gone; closing it ends the watch.
///
/// A busy systemd can take a minute to answer, and peers at the socket cannot wait that long. So a thread
/// asks systemd, and rarely, because hundreds may do so. A missing answer means nothing.
fn watch(systemd: Arc<Systemd>, unit: UnitName) -> io::Result<UnixStream> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut pause = PAUSE;
    let mut missing = false;
    let until_gone = move || {
        // Keep the unit loaded, so that its result can be read.
        systemd.hold(&unit);
        while is_open_for(&theirs, pause) {
            match systemd.is_held(&unit) {
                Ok(true) | Err(_) => {
                    missing = false;
                    pause = pause.mul_f32(1.25).min(LONG_PAUSE);
                }
                // The unit counts as gone if it is missing twice in a row: its report may be on the way.
                Ok(false) if missing => break,
                Ok(false) => (missing, pause) = (true, PAUSE),
            }
        }
    };
    thread::Builder::new().name("watch".to_owned()).spawn(until_gone)?;
    Ok(ours)
}

/// Waits for `pause`, and returns whether the other end of a connection stayed open. The other end never
/// sends anything.
fn is_open_for(mut stream: &UnixStream, pause: Duration) -> bool {
    let read = stream.set_read_timeout(Some(pause)).and_then(|()| stream.read(&mut [0]));
    // A signal may end the wait early, which does no harm.
    read.is_err()
}
