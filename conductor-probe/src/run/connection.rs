//! The connection to the process that waits for the command.

use std::io::{self, ErrorKind, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use nix::sys::signal::Signal;
use probe_protocol::{Announcement, Call};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, recvmsg};

use super::ended::say;

/// The input and output of a command.
#[derive(Debug)]
pub(crate) enum InputOutput {
    /// Standard input, output and error; missing ones are those of the unit.
    Streams([Option<OwnedFd>; 3]),
    /// Its controlling terminal.
    Terminal(OwnedFd),
}

/// A message on the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Message {
    /// A signal for the command.
    Signal(Signal),
    /// The connection has ended.
    End,
    /// No message yet, or an unknown one.
    Nothing,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Connection(UnixStream);

impl Connection {
    /// Connects, and receives the input and output of the command.
    pub(crate) fn take(socket: &Path) -> io::Result<(Self, InputOutput)> {
        let stream = UnixStream::connect(socket)?;
        say(&stream, Call::Run)?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut kind = [0];
        let mut parts = [IoSliceMut::new(&mut kind)];
        let received = recvmsg(&stream, &mut parts, &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
        if received.bytes == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        if received.flags.contains(ReturnFlags::CTRUNC) {
            return Err(io::Error::other("too many descriptors were received"));
        }
        let mut files = ancillary.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(files) => Some(files),
            _ => None,
        });
        let mut files = files.next().into_iter().flatten();
        let missing = || io::Error::other("an announced descriptor was not received");
        let mut next = || files.next().ok_or_else(missing);
        let unknown = || io::Error::other("unknown announcement");
        let ends = match Announcement::read(kind[0]).ok_or_else(unknown)? {
            Announcement::Terminal => InputOutput::Terminal(next()?),
            Announcement::Streams(announced) => {
                let [input, output, error] = announced.map(|is| is.then(&mut next).transpose());
                InputOutput::Streams([input?, output?, error?])
            }
        };
        stream.set_nonblocking(true)?;
        Ok((Self(stream), ends))
    }

    /// Receives the next message.
    pub(crate) fn hear(&self) -> Message {
        let mut word = [0];
        match io::Read::read(&mut &self.0, &mut word) {
            Ok(0) => Message::End,
            Ok(_) => Signal::try_from(i32::from(word[0])).map_or(Message::Nothing, Message::Signal),
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                Message::Nothing
            }
            Err(_) => Message::End,
        }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
