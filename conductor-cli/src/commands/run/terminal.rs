//! A pseudo-terminal for the command, connected to the terminal of conductor.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::thread::{self, JoinHandle};

use conductor_host::system::InputOutput;
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::stdio::stdin;
use rustix::termios::{
    OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize,
};

use crate::failure::Failure;
use crate::print;

/// The size of the copy buffer.
const PIECE: usize = 64 * 1024;

/// The master side of a pseudo-terminal (pty(7)).
#[derive(Debug)]
pub(super) struct Terminal(OwnedFd);

/// A connected terminal. Dropping it prints the remaining output and restores the terminal.
#[derive(Debug)]
pub(super) struct Connected {
    before: Termios,
    output: Option<JoinHandle<()>>,
}

impl Terminal {
    /// Creates a pseudo-terminal with the size of this terminal.
    pub(super) fn open() -> Result<(Self, InputOutput), Failure> {
        if !isatty(stdin()) {
            return Err(Failure::NoTerminal);
        }
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let open = || {
            let ours = openpt(flags)?;
            grantpt(&ours)?;
            unlockpt(&ours)?;
            let theirs = ioctl_tiocgptpeer(&ours, flags)?;
            Ok((Self(ours), InputOutput::Terminal(theirs)))
        };
        let (terminal, ends) = open().map_err(failed)?;
        terminal.resize();
        Ok((terminal, ends))
    }

    /// Sets its size to that of this terminal.
    pub(super) fn resize(&self) {
        // A closed terminal needs no size.
        let _ = tcgetwinsize(stdin()).and_then(|size| tcsetwinsize(&self.0, size));
    }

    /// Copies input to the command, and its output to this terminal.
    pub(super) fn connect(&self) -> Result<Connected, Failure> {
        let copy = || self.0.try_clone().map(File::from).map_err(Failure::Terminal);
        let (keys, shown) = (copy()?, copy()?);
        let before = tcgetattr(stdin()).map_err(failed)?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(stdin(), OptionalActions::Now, &raw).map_err(failed)?;
        // This thread reads until the process ends.
        thread::spawn(move || copy_all(io::stdin(), keys));
        let output = Some(thread::spawn(move || copy_all(shown, io::stdout())));
        Ok(Connected { before, output })
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        if let Some(output) = self.output.take() {
            // The thread ends when the last process has closed the terminal. If it panicked, there is no more
            // output.
            let _ = output.join();
        }
        if let Err(errno) = tcsetattr(stdin(), OptionalActions::Drain, &self.before) {
            print::complaint(format_args!("cannot restore the terminal: {errno}"));
        }
    }
}

/// Copies until either side is closed.
fn copy_all(mut from: impl Read, mut to: impl Write) {
    let mut piece = vec![0; PIECE];
    loop {
        match from.read(&mut piece) {
            Ok(0) => return,
            Ok(length) => {
                if to.write_all(&piece[..length]).and_then(|()| to.flush()).is_err() {
                    return;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Linux returns EIO when the other side of a pseudo-terminal is closed.
            Err(_) => return,
        }
    }
}

fn failed(errno: Errno) -> Failure {
    Failure::Terminal(errno.into())
}
