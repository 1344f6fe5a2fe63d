//! `ended`: tells whoever waits how the unit ended, which only systemd knows.

use std::env;
use std::fs;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::args::Ended;
use crate::docker::Engine;
use crate::print::{Whole, complain};

/// How long whoever waits may take to hear the report.
const PATIENCE: Duration = Duration::from_mins(1);

/// Removes what is needed no more, the file of the unit and what its container left, and reports how the
/// unit ended.
pub(crate) fn report(arguments: &Ended) -> io::Result<()> {
    remove(&arguments.unit_file)?;
    if let Some(container) = &arguments.container
        // It removes itself, unless its client was killed.
        && let Err(error) = Engine::new(&arguments.engine_socket).remove(container)
    {
        complain(format_args!("cannot remove {container}: {}", Whole(&error)));
    }
    let Some(socket) = &arguments.socket else { return Ok(()) };
    match UnixStream::connect(socket) {
        Ok(mut stream) => {
            // What systemd tells the commands of ExecStopPost= (systemd.exec(5)).
            let [result, code, status] = ["SERVICE_RESULT", "EXIT_CODE", "EXIT_STATUS"]
                .map(|name| env::var(name).unwrap_or_default());
            say(&stream, &line(&result, &code, &status))?;
            // This process has to be there for as long as it is looked at who reports.
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.read_to_end(&mut Vec::new()).map(drop)
        }
        // Whoever waited was killed and left it.
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => remove(socket),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Writes a report: the result, and how the main process ended, with a number. Nothing but the result
/// stands in it if there was no main process.
fn line(result: &str, code: &str, status: &str) -> String {
    let number = match code {
        "" => return result.to_owned(),
        "exited" => status.parse().ok(),
        _ => format!("SIG{status}").parse().ok().map(|signal: Signal| signal as i32),
    };
    number.map_or_else(|| result.to_owned(), |number| format!("{result} {code} {number}"))
}

/// Says a line on a connection.
pub(super) fn say(mut stream: &UnixStream, line: &str) -> io::Result<()> {
    stream.write_all(format!("{line}\n").as_bytes())
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_numbers() {
        for (told, report) in [
            (["success", "exited", "0"], "success exited 0"),
            (["exit-code", "exited", "42"], "exit-code exited 42"),
            (["oom-kill", "killed", "KILL"], "oom-kill killed 9"),
            (["core-dump", "dumped", "SEGV"], "core-dump dumped 11"),
            (["resources", "", ""], "resources"),
        ] {
            let [result, code, status] = told;
            assert_eq!(line(result, code, status), report);
        }
    }
}
