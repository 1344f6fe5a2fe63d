//! Turns at starting containers: Docker fails when hundreds are started at a time.
//!
//! Its runc gives systemd 30 s to make a container's scope, and is told of all that systemd does
//! meanwhile. So if many wait, telling them takes all of systemd's time.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rustix::event::{PollFd, PollFlags};
use rustix::fs::OFlags;

use super::RunError;
use super::connection::{Connection, Message};
use crate::check::socket::wait_until;
use crate::docker::Engine;
use crate::signals::Signals;

/// How many are started at a time, for each processor.
const PER_PROCESSOR: usize = 4;
/// How often is looked whether it is one's turn, and whether it is over.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a turn lasts at most: there may be an image to pull.
const LONGEST: Duration = Duration::from_secs(30);

/// A turn; dropping it ends it.
#[derive(Debug)]
pub(super) struct Slot {
    /// It is locked.
    _place: File,
    began: Instant,
    look: Instant,
}

impl Slot {
    /// Waits for a turn, of which there are some in a directory, and gives the signal that came instead if
    /// one did.
    pub(super) fn wait(
        directory: &Path,
        signals: &Signals,
        connection: &Connection,
    ) -> Result<Result<Self, Signal>, RunError> {
        let failed = |source| RunError::Slot { directory: directory.to_owned(), source };
        let mut places = places(directory).map_err(failed)?;
        loop {
            if let Some(number) = lock_one(&places).map_err(failed)? {
                let began = Instant::now();
                let place = places.swap_remove(number);
                return Ok(Ok(Self { _place: place, began, look: began + PAUSE }));
            }
            let mut watched =
                [PollFd::new(signals, PollFlags::IN), PollFd::new(connection, PollFlags::IN)];
            let told = wait_until(&mut watched, Instant::now().checked_add(PAUSE));
            if !told.map_err(|errno| RunError::Wait(errno.into()))? {
                continue;
            }
            let mut signals = signals.pending()?;
            signals.extend(match connection.hear() {
                Message::Signal(signal) => Some(signal),
                Message::End => Some(Signal::SIGTERM),
                Message::Nothing => None,
            });
            // Nobody minds another size of the window.
            if let Some(signal) = signals.into_iter().find(|signal| *signal != Signal::SIGWINCH) {
                return Ok(Err(signal));
            }
        }
    }

    /// Gives when to look whether it is over.
    pub(super) fn look(&self) -> Instant {
        self.look
    }

    /// Tells whether it is over, because a container runs. If the engine cannot tell, time will.
    pub(super) fn is_over(&mut self, engine: &Engine, container: &str) -> bool {
        let now = Instant::now();
        if now < self.look {
            return false;
        }
        let over = now >= self.began + LONGEST || engine.runs(container).unwrap_or(false);
        self.look = Instant::now() + PAUSE;
        over
    }
}

/// Opens as many files as there are turns at a time.
fn places(directory: &Path) -> io::Result<Vec<File>> {
    let processors = available_parallelism().map_or(1, usize::from);
    let mut options = File::options();
    // Whoever can open it can lock it. What is in its place neither leads elsewhere nor keeps waiting.
    options.create(true).truncate(false).write(true).mode(0o600);
    options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    let open = |number| {
        let name = format!("start-{number}");
        let file = options.open(directory.join(&name));
        let is_file = |file: &File| file.metadata().is_ok_and(|metadata| metadata.is_file());
        match file {
            Ok(file) if is_file(&file) => Ok(file),
            Ok(_) => Err(io::Error::other(format!("{name} is not a regular file"))),
            Err(error) => Err(io::Error::new(error.kind(), format!("{name}: {error}"))),
        }
    };
    (0..PER_PROCESSOR * processors).map(open).collect()
}

/// Locks a file that nobody has locked, and gives its number.
fn lock_one(files: &[File]) -> io::Result<Option<usize>> {
    for (number, file) in files.iter().enumerate() {
        match file.try_lock() {
            Ok(()) => return Ok(Some(number)),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(None)
}
