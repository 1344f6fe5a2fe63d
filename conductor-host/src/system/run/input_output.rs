//! What is sent over the connection to a run's command: its input and output, and signals.

use std::io::{self, IoSlice, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};

use probe_protocol::Announcement;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

/// The input and output of a command.
#[derive(Debug)]
pub enum InputOutput {
    /// Standard input, output and error. Missing ones are systemd's defaults: no input, and the journal.
    Streams([Option<OwnedFd>; 3]),
    /// A terminal, which becomes the command's controlling terminal.
    Terminal(OwnedFd),
}

impl InputOutput {
    /// Returns the first message on the connection.
    fn announcement(&self) -> Announcement {
        match self {
            Self::Streams(streams) => {
                Announcement::Streams(streams.each_ref().map(Option::is_some))
            }
            Self::Terminal(_) => Announcement::Terminal,
        }
    }

    pub(super) fn send(&self, stream: &UnixStream) -> io::Result<()> {
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
        let announcement = [self.announcement().byte()];
        let parts = [IoSlice::new(&announcement)];
        sendmsg(stream, &parts, &mut ancillary, SendFlags::NOSIGNAL)?;
        Ok(())
    }
}

/// Sends signals to a running command.
#[derive(Debug, Clone, Default)]
pub struct Controller(Arc<Mutex<ControlLine>>);

/// The connection to the command.
#[derive(Debug, Default)]
enum ControlLine {
    /// The command has not connected yet; these signals wait for it.
    #[default]
    Expected,
    Waiting(Vec<u8>),
    There(UnixStream),
    Gone,
}

impl Controller {
    /// Sends a signal. Signals before the start of the command are kept until then.
    pub fn signal(&self, number: i32) {
        let Ok(number) = u8::try_from(number) else { return };
        let mut line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *line {
            ControlLine::Expected => *line = ControlLine::Waiting(vec![number]),
            ControlLine::Waiting(signals) => signals.push(number),
            // A command that has ended needs no signal.
            ControlLine::There(stream) => drop(stream.write_all(&[number])),
            ControlLine::Gone => {}
        }
    }

    /// Closes the connection: the command gets SIGTERM, and is killed after the stop timeout of its
    /// definition.
    pub fn let_go(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = ControlLine::Gone;
    }

    /// Stores the connection, and sends the signals that have waited for it.
    pub(super) fn attach(&self, mut stream: UnixStream) -> io::Result<()> {
        let mut line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*line {
            ControlLine::Expected => {}
            ControlLine::Waiting(signals) => stream.write_all(signals)?,
            ControlLine::There(_) | ControlLine::Gone => return Ok(()),
        }
        *line = ControlLine::There(stream);
        Ok(())
    }
}
