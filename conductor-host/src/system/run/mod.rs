//! Where a command that runs once and whoever waits for it meet: a socket.
//!
//! The command's unit connects twice: the probe, to get input and output, and systemd, through the probe,
//! when the unit has ended. Nobody else reaches the socket: its directory is entered by its owner alone,
//! and a unit of another user's has the socket mounted into its own view of the host. And nobody else is
//! spoken with: the kernel says in which control group a peer is.

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
use conductor_core::error::{PathContext as _, PathError};
use conductor_core::name::UnitName;

/// How long to wait at first before looking whether the unit is still there.
const PAUSE: Duration = Duration::from_secs(2);
/// How long to wait at last.
const LONG_PAUSE: Duration = Duration::from_mins(1);
/// How many of the unit's processes are heard at a time; two of them have something to say.
const MEMBERS: usize = 64;
/// How many of those that were turned away are told of.
const REFUSED: usize = 8;
/// How often systemd is asked how the unit ended; each time it has a minute.
const TRIES: u32 = 5;

/// How a unit ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitEnd {
    /// In systemd's word: `success`, `exit-code`, `signal`, `timeout`, `oom-kill`, ...
    pub result: String,
    /// How its main process ended, if there was one.
    pub end: Option<CommandEnd>,
    /// Who asked for the command's input and output, or said that it had ended, and was turned away.
    pub refused: Vec<String>,
}

/// Why it is not known how a unit ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunSocketError {
    #[error(transparent)]
    Path(#[from] PathError),
    #[error(transparent)]
    Systemd(#[from] SystemdError),
}

/// What a unit that was started is to meet.
#[derive(Debug)]
pub(crate) struct Expected<'a> {
    /// The unit.
    pub(crate) unit: &'a UnitName,
    /// Its control group, where that is known.
    pub(crate) group: Option<String>,
    /// What it is to run with.
    pub(crate) ends: InputOutput,
}

/// Somebody who waits at a [`RunSocket`].
struct Waiting<'a> {
    unit: &'a UnitName,
    members: Members<'a>,
    systemd: Arc<Systemd>,
    controller: &'a Controller,
    ends: Option<InputOutput>,
    begun: bool,
    refused: Vec<String>,
}

/// What there is to a report that the unit has ended.
enum Report {
    /// It has; systemd may not know of it any more.
    Ended(Option<Outcome>),
    /// It has not, or it was not for this peer to say.
    False,
}

impl RunSocket {
    /// Waits until a unit has ended that was started, and passes it meanwhile what it is to run with.
    /// The inner error is that it did not come as far as to ask for it, or that nobody knows how it ended;
    /// in it are those who were turned away.
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
            // Those that are here are heard before others come in, so that no number of others is in the
            // way of one that has spoken.
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
                            waiting.refuse(member.who(), "said what has no meaning at the socket");
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
                        Err(stranger) => waiting.refuse(&stranger, "came to the socket"),
                    }
                }
                let surplus = present.len().saturating_sub(MEMBERS);
                present.drain(..surplus);
            } else if gone {
                // systemd may still know how it ended, if nobody could say that it did.
                let outcome = waiting.systemd.outcome(unit)?;
                return Ok(waiting.outcome(outcome.filter(|it| it.over && it.end.is_some())));
            }
        }
    }
}

impl Waiting<'_> {
    /// Passes the command what it is to run with. Nobody gets it after the first; and the command has to see
    /// the end of its input, so that nothing of it stays open here.
    fn begin(&mut self, member: Member) {
        let Some(ends) = self.ends.take() else {
            return self.refuse(&member.who(), "asked for input and output a second time");
        };
        let stream = member.into_stream();
        let sent = stream.and_then(|stream| ends.send(&stream).map(|()| stream));
        self.begun = sent.and_then(|stream| self.controller.attach(stream)).is_ok();
    }

    /// Asks systemd how the unit ended, while whoever said so is there: what the unit's processes say is
    /// not taken for it.
    fn end(&mut self, member: &Member) -> Result<Report, SystemdError> {
        if !member.is_own() {
            self.refuse(&member.who(), "said that the command had ended");
            return Ok(Report::False);
        }
        let mut tries = 0;
        loop {
            tries += 1;
            match self.systemd.outcome(self.unit) {
                Ok(Some(outcome)) if !outcome.over => {
                    self.refuse(&member.who(), "said that the command had ended");
                    return Ok(Report::False);
                }
                Ok(outcome) => return Ok(Report::Ended(outcome)),
                Err(error) if tries == TRIES => return Err(error),
                Err(_) => {}
            }
        }
    }

    /// Says how the unit ended.
    fn outcome(self, outcome: Option<Outcome>) -> Result<UnitEnd, Vec<String>> {
        let Self { begun, refused, .. } = self;
        match outcome.filter(|_| begun) {
            Some(Outcome { over: _, result, end }) => Ok(UnitEnd { result, end, refused }),
            None => Err(refused),
        }
    }

    /// Notes that somebody was turned away.
    fn refuse(&mut self, who: &dyn fmt::Display, why: &str) {
        if self.refused.len() < REFUSED {
            self.refused.push(format!("{who} {why} of {}, and was turned away", self.unit));
        }
    }
}

/// Waits until one of the descriptors is ready, or one of those that are here, or one of them has been
/// silent for too long; tells which of the descriptors is.
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

/// Returns the next connection, if one waits.
fn next(listener: &UnixListener) -> io::Result<Option<UnixStream>> {
    match listener.accept() {
        Ok((stream, _)) => Ok(Some(stream)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        // It has gone before it was met.
        Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => Ok(None),
        Err(error) => Err(error),
    }
}

/// Watches a unit in case that nobody says that it ended, and returns a connection that is closed when the
/// unit is gone; closing it ends the watch.
///
/// A busy systemd takes a minute to answer, and whoever comes to the socket does not wait that long. So
/// it is asked by a thread of its own, and seldom: hundreds may be asking. That it does not answer
/// means nothing.
fn watch(systemd: Arc<Systemd>, unit: UnitName) -> io::Result<UnixStream> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut pause = PAUSE;
    let mut missing = false;
    let until_gone = move || {
        // How it ended can be asked for as long as this process wants to know.
        systemd.hold(&unit);
        while is_open_for(&theirs, pause) {
            match systemd.is_held(&unit) {
                Ok(true) | Err(_) => {
                    missing = false;
                    pause = pause.mul_f32(1.25).min(LONG_PAUSE);
                }
                // It is gone if it is not there twice in a row: its report may be on its way.
                Ok(false) if missing => break,
                Ok(false) => (missing, pause) = (true, PAUSE),
            }
        }
    };
    thread::Builder::new().name("watch".to_owned()).spawn(until_gone)?;
    Ok(ours)
}

/// Waits, and returns whether the other end of a connection, which says nothing, is open all the while.
fn is_open_for(mut stream: &UnixStream, pause: Duration) -> bool {
    let read = stream.set_read_timeout(Some(pause)).and_then(|()| stream.read(&mut [0]));
    // A signal may end the wait early, which is as well.
    read.is_err()
}
