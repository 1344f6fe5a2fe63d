//! Where a command that runs once and whoever waits for it meet: a socket.
//!
//! The command's unit connects twice: the probe, to get input and output, and systemd, through the probe,
//! when the unit has ended. Anybody on the host can connect, so who does is looked at first.

use std::fs::{self, Permissions};
use std::io::{self, BufRead as _, BufReader, ErrorKind, IoSlice, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg, sockopt};
use tempfile::NamedTempFile;

use super::open::make_own_directory;
use super::scheduled::End;
use super::systemd::Systemd;
use crate::error::{PathContext as _, PathError};
use crate::name::UnitName;

/// How long a peer may take to say what it wants; both say it at once.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait at first before looking whether the unit is still there.
const PAUSE: Duration = Duration::from_secs(2);
/// How long to wait at last.
const LONG_PAUSE: Duration = Duration::from_mins(1);
/// How old a socket is that nobody listens on because its process was killed, and not because it is being
/// made.
const LEFT: Duration = Duration::from_mins(1);
/// How the socket's names begin.
const PREFIX: &str = "run-";

/// What a command is to run with.
#[derive(Debug)]
pub enum Ends {
    /// Standard input, output and error. What is missing is as systemd has it: no input, and the journal.
    Streams([Option<OwnedFd>; 3]),
    /// A terminal, which controls the command.
    Terminal(OwnedFd),
}

impl Ends {
    /// Gives the first byte on the connection: what comes with it.
    fn announcement(&self) -> u8 {
        match self {
            Self::Streams(streams) => streams
                .iter()
                .enumerate()
                .fold(0, |bits, (number, stream)| bits | u8::from(stream.is_some()) << number),
            Self::Terminal(_) => 1 << 3,
        }
    }

    fn send(&self, stream: &UnixStream) -> io::Result<()> {
        let files: Vec<_> = match self {
            Self::Streams(streams) => streams.iter().flatten().collect(),
            Self::Terminal(terminal) => vec![terminal],
        };
        let files: Vec<_> = files.into_iter().map(|file| file.as_fd()).collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !files.is_empty() {
            ancillary.push(SendAncillaryMessage::ScmRights(&files));
        }
        let announcement = [self.announcement()];
        let parts = [IoSlice::new(&announcement)];
        sendmsg(stream, &parts, &mut ancillary, SendFlags::NOSIGNAL)?;
        Ok(())
    }
}

/// How a unit ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitEnd {
    /// In systemd's word: `success`, `exit-code`, `signal`, `timeout`, `oom-kill`, ...
    pub result: String,
    /// How its main process ended, if there was one.
    pub end: Option<End>,
    /// Whether it came as far as to ask for input and output.
    pub(crate) begun: bool,
}

/// A way to the command while somebody waits for its end.
#[derive(Debug, Clone, Default)]
pub struct Controller(Arc<Mutex<Line>>);

/// The connection to the command.
#[derive(Debug, Default)]
enum Line {
    /// It is not there yet; these signals wait for it.
    #[default]
    Expected,
    Waiting(Vec<u8>),
    There(UnixStream),
    Gone,
}

impl Controller {
    /// Sends a signal, by its number; before the command runs it is kept.
    pub fn signal(&self, number: i32) {
        let Ok(number) = u8::try_from(number) else { return };
        let mut line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *line {
            Line::Expected => *line = Line::Waiting(vec![number]),
            Line::Waiting(signals) => signals.push(number),
            // One that has ended needs no signal.
            Line::There(stream) => drop(stream.write_all(&[number])),
            Line::Gone => {}
        }
    }

    /// Lets go of the command: it is told to end, and killed if it takes longer than its definition
    /// allows.
    pub fn let_go(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Line::Gone;
    }

    /// Takes the connection, and says what was to be said meanwhile.
    fn attach(&self, mut stream: UnixStream) -> io::Result<()> {
        let mut line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*line {
            Line::Expected => {}
            Line::Waiting(signals) => stream.write_all(signals)?,
            Line::There(_) | Line::Gone => return Ok(()),
        }
        *line = Line::There(stream);
        Ok(())
    }
}

/// A place to meet a unit at.
#[derive(Debug)]
pub(crate) struct Meeting(NamedTempFile<UnixListener>);

impl Meeting {
    /// Makes a place, in a runtime directory, and removes what others left there who were killed before
    /// their units were started; `units` is where those are.
    pub(crate) fn new(runtime: &Path, units: &Path) -> Result<Self, PathError> {
        make_own_directory(runtime)?;
        remove_left(runtime, units)?;
        let mut builder = tempfile::Builder::new();
        let socket =
            builder.prefix(PREFIX).rand_bytes(8).make_in(runtime, |path| UnixListener::bind(path));
        let socket = socket.at("make a socket in", runtime)?;
        // The command may be another user's.
        fs::set_permissions(socket.path(), Permissions::from_mode(0o666))
            .at("open", socket.path())?;
        Ok(Self(socket))
    }

    /// Gives the name of the place, which no other has.
    pub(crate) fn name(&self) -> &str {
        self.path().file_name().and_then(|name| name.to_str()).unwrap_or_default()
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Waits until a unit has ended that was started, and gives it what it is to run with meanwhile.
    /// `None` if it is gone and nobody says how it ended.
    pub(crate) fn wait(
        &self,
        unit: &UnitName,
        ends: Ends,
        controller: &Controller,
        systemd: Systemd,
    ) -> Result<Option<UnitEnd>, PathError> {
        let listener = self.0.as_file();
        let watch = watch(systemd, unit.clone()).at("wait at", self.path())?;
        let mut ends = Some(ends);
        let mut begun = false;
        loop {
            let mut watched =
                [PollFd::new(listener, PollFlags::IN), PollFd::new(&watch, PollFlags::IN)];
            match poll(&mut watched, None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(io::Error::from(errno)).at("wait at", self.path()),
            }
            let [called, gone] = watched.map(|fd| !fd.revents().is_empty());
            if called {
                let (stream, _) = listener.accept().at("meet the command at", self.path())?;
                let Some(word) = hear(&stream, unit) else { continue };
                if word != "run" {
                    return Ok(Some(UnitEnd::read(&word, begun)));
                }
                // Nobody else gets it; and the command has to see the end of its input, so that
                // nothing of it stays open here.
                if let Some(ends) = ends.take() {
                    begun = ends.send(&stream).and_then(|()| controller.attach(stream)).is_ok();
                }
            } else if gone {
                return Ok(None);
            }
        }
    }
}

/// Watches a unit in case that nobody says how it ended, and gives a connection that is closed when the
/// unit is gone; closing it ends the watch.
///
/// A busy systemd takes a minute to answer, and whoever comes to the meeting does not wait that long. So
/// it is asked by a thread of its own, and seldom: hundreds may be asking. That it does not answer
/// means nothing.
fn watch(systemd: Systemd, unit: UnitName) -> io::Result<UnixStream> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut pause = PAUSE;
    let mut missing = false;
    let until_gone = move || {
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

/// Waits, and tells whether the other end of a connection, which says nothing, is open all the while.
fn is_open_for(mut stream: &UnixStream, pause: Duration) -> bool {
    let read = stream.set_read_timeout(Some(pause)).and_then(|()| stream.read(&mut [0]));
    // A signal may end the wait early, which is as well.
    read.is_err()
}

impl UnitEnd {
    /// Reads a report: the result, and how the main process ended, with a number.
    fn read(report: &str, begun: bool) -> Self {
        let mut words = report.split(' ');
        let result = words.next().unwrap_or_default().to_owned();
        let end = words.next().zip(words.next().and_then(|number| number.parse().ok()));
        let end = end.map(|(code, number)| match code {
            "exited" => End::Exited(number),
            _ => End::Killed(number),
        });
        Self { result, end, begun }
    }
}

/// Hears what a peer wants, if it belongs to the unit.
fn hear(stream: &UnixStream, unit: &UnitName) -> Option<String> {
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let peer = sockopt::socket_peercred(stream).ok()?;
    let groups = fs::read_to_string(format!("/proc/{}/cgroup", peer.pid.as_raw_nonzero())).ok()?;
    let mut parts = groups.lines().flat_map(|line| line.split('/'));
    if !parts.any(|part| part == unit.as_str()) {
        return None;
    }
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).ok()?;
    Some(line.trim_end().to_owned())
}

/// Removes places that nobody is at any more, and the files of the units that were to come there.
fn remove_left(runtime: &Path, units: &Path) -> Result<(), PathError> {
    for entry in runtime.read_dir().at("read", runtime)? {
        let path = entry.at("read", runtime)?.path();
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
    let made = socket.metadata().and_then(|metadata| metadata.modified());
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
