//! Messages to systemd (`sd_notify(3)`).

use std::env;
use std::fmt::{self, Write as _};
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use probe_protocol::StatusText;

use crate::print::clean;

/// The variables with which systemd requests messages; they are not for the service.
pub(crate) const VARIABLES: [&str; 3] = ["NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"];

/// The longest status text, in bytes.
const STATUS: usize = 400;

/// Why systemd cannot be notified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum NotifyError {
    #[error(
        "NOTIFY_SOCKET is not set, so systemd would never learn that the service is ready: \
         its unit needs Type=notify and NotifyAccess=main"
    )]
    Missing,
    #[error("NOTIFY_SOCKET is {value:?}, which is not a unix socket")]
    Address { value: String, source: io::Error },
    #[error("cannot make a socket")]
    Socket(#[source] io::Error),
}

/// The connection to the service manager.
#[derive(Debug)]
pub(crate) struct Notifier {
    socket: UnixDatagram,
    address: SocketAddr,
}

impl Notifier {
    /// Reads the socket of systemd from the environment; `None` if systemd requests no messages.
    pub(crate) fn from_environment() -> Result<Option<Self>, NotifyError> {
        let Some(value) = env::var_os("NOTIFY_SOCKET").filter(|value| !value.is_empty()) else {
            return Ok(None);
        };
        let address = match value.as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name),
            None if value.as_bytes().starts_with(b"/") => SocketAddr::from_pathname(&value),
            None => Err(io::ErrorKind::InvalidInput.into()),
        };
        let address = address.map_err(|source| {
            let value = value.display().to_string();
            NotifyError::Address { value, source }
        })?;
        let socket = UnixDatagram::unbound().map_err(NotifyError::Socket)?;
        Ok(Some(Self { socket, address }))
    }

    /// Sends a message; systemd reads all of it or none.
    pub(crate) fn send(&self, message: &Message) -> io::Result<()> {
        self.socket.send_to_addr(message.0.as_bytes(), &self.address).map(drop)
    }
}

/// Lines for systemd.
#[derive(Debug, Default)]
pub(crate) struct Message(String);

impl Message {
    /// Removes all lines, and keeps the allocation.
    pub(crate) fn clear(&mut self) -> &mut Self {
        self.0.clear();
        self
    }

    /// Adds a line.
    pub(crate) fn line(&mut self, line: &str) -> &mut Self {
        self.0.push_str(line);
        self.0.push('\n');
        self
    }

    /// Adds the status text, always as one line.
    pub(crate) fn status(&mut self, status: StatusText<'_>) -> &mut Self {
        self.0.push_str("STATUS=");
        let start = self.0.len();
        // Writing to a String cannot fail.
        let _ = write!(self.0, "{status}");
        if self.0.len() > start + STATUS {
            self.0.truncate(self.0.floor_char_boundary(start + STATUS));
            self.0.push('…');
        }
        clean(&mut self.0, start);
        self.0.push('\n');
        self
    }

    /// Removes all lines except the status.
    pub(crate) fn only_status(&mut self) -> &mut Self {
        let start = self.0.find("STATUS=").unwrap_or(self.0.len());
        let length = self.0[start..].find('\n').map_or(0, |end| end + 1);
        self.0.truncate(start + length);
        self.0.drain(..start);
        self
    }

    /// Asks for more time to start.
    pub(crate) fn extend(&mut self, by: Duration) -> &mut Self {
        let _ = writeln!(self.0, "EXTEND_TIMEOUT_USEC={}", by.as_micros());
        self
    }

    /// Returns the text of the status.
    pub(crate) fn said(&self) -> &str {
        self.0.lines().find_map(|line| line.strip_prefix("STATUS=")).unwrap_or_default()
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_one_line_of_bounded_length() {
        let mut message = Message::default();
        let found = "a\nREADY=1\x1b[m\u{85}\u{202e}é";
        message.line("READY=1").status(StatusText::Checked { healthy: true, found: &found });
        assert_eq!(message.0, "READY=1\nSTATUS=healthy: a READY=1 [m  é\n");
        // The text is cut between two characters, at 400 bytes or before.
        let found = "é".repeat(300);
        let status = StatusText::Checked { healthy: true, found: &found };
        message.clear().status(status).line("WATCHDOG=1");
        let said = format!("healthy: {}…", "é".repeat(195));
        assert_eq!(message.0, format!("STATUS={said}\nWATCHDOG=1\n"));
        assert_eq!(message.said(), said);
        message.clear().line("READY=1").status(StatusText::Running).line("WATCHDOG=1");
        assert_eq!(message.only_status().0, "STATUS=running\n");
        assert_eq!(message.only_status().0, "STATUS=running\n");
        assert_eq!(message.clear().only_status().0, "");
        message.clear().extend(Duration::from_millis(1500));
        assert_eq!(message.0, "EXTEND_TIMEOUT_USEC=1500000\n");
    }
}
