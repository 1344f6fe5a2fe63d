//! `ended`: tells the process that waits that the unit has ended. That process asks systemd for the result,
//! because a service's environment can override the variables with the result that systemd sets here.

use std::fs;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use probe_protocol::{Call, Ended};

use crate::docker::Engine;
use crate::print::{Whole, complain};

/// How long the process that waits may take to ask systemd.
const PATIENCE: Duration = Duration::from_mins(1);

/// Removes the unit's file and what its container left, and reports that the unit has
/// ended.
pub(crate) fn report(arguments: &Ended) -> io::Result<()> {
    remove(&arguments.unit_file)?;
    if let Some(container) = &arguments.container
        // The container is already removed, unless its client was killed.
        && let Err(error) = Engine::new(&arguments.engine_socket).remove(container)
    {
        complain(format_args!("cannot remove {container}: {}", Whole(&error)));
    }
    let Some(socket) = &arguments.socket else { return Ok(()) };
    match UnixStream::connect(socket) {
        Ok(mut stream) => {
            say(&stream, Call::Ended)?;
            // systemd keeps the result as long as this process runs.
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.read_to_end(&mut Vec::new()).map(drop)
        }
        // The process that waited was killed, and left the socket.
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => remove(socket),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Sends the first line of a connection.
pub(super) fn say(mut stream: &UnixStream, call: Call) -> io::Result<()> {
    stream.write_all(format!("{}\n", call.line()).as_bytes())
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
