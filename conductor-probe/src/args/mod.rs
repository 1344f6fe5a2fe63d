//! What can be typed.

mod check;

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr as _;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use nix::sys::signal::Signal;

use crate::value;

pub(crate) use self::check::{CheckArguments, Method, RequestArguments, Timing};

/// Makes a service's health systemd's own readiness and watchdog.
#[derive(Debug, Parser)]
#[command(
    name = "conductor-probe",
    version,
    after_help = "Exit status: 0 healthy, 1 failed or unhealthy, 2 bad usage, 203 COMMAND cannot be run.\n\
                  Times are a whole number with ms, s, min or h."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run COMMAND, and check it for as long as it runs
    ///
    /// It passes signals on and ends as COMMAND ends. COMMAND cannot speak to systemd for its unit.
    #[command(
        after_help = "Example, in a unit with Type=notify, NotifyAccess=main and WatchdogSec=10s:\n  \
        ExecStart=conductor-probe exec --http http://127.0.0.1:8080/health -- /usr/bin/app --port 8080"
    )]
    Exec(Exec),
    /// Run a container of Docker's in the foreground, and check it
    ///
    /// It stands in for `docker run`: it makes the container, starts it, passes signals on and ends with
    /// its exit status, in a fraction of the memory. Output is left to the container's log driver.
    #[command(after_help = "Example, in a unit with Type=notify and NotifyAccess=main:\n  \
        ExecStart=conductor-probe docker --name web --http http://127.0.0.1:8080/ -- \\\n      \
        --rm --init --log-driver=journald --publish 127.0.0.1:8080:80 nginx:1.27")]
    Docker(Docker),
    /// Check once, print the result, and exit with 0 or 1
    #[command(after_help = "Example:\n  \
        conductor-probe check --http http://localhost/ping --unix /run/app.sock --status 200")]
    Check(CheckArguments),
    /// Tell exec or docker that a command is about to stop the service
    ///
    /// Else it would take a service for unhealthy that closes its port and finishes what it is at, and
    /// systemd would cut that short. A stop by a signal needs no such word.
    #[command(
        after_help = "Example, in a unit with exec, an ExecStop= of its own and a RuntimeDirectory=:\n  \
        ExecStop=conductor-probe stop"
    )]
    Stop,
    /// Make the directory in which a service is to listen on a socket
    ///
    /// Everybody gets to the socket there. Only the service, for which
    /// /run/conductor/private/sockets/NAME is to be mounted on /run/conductor/sockets/NAME, may make
    /// files in it. What an earlier start left there is removed.
    #[command(after_help = "Example, in a unit with RuntimeDirectory=app:\n  \
        ExecStartPre=+conductor-probe socket --owner-of %t/app /run/conductor/sockets/app/socket\n  \
        BindPaths=-/run/conductor/private/sockets/app:/run/conductor/sockets/app\n  \
        ExecStopPost=-+conductor-probe socket --remove /run/conductor/sockets/app/socket")]
    Socket(Socket),
    /// Run COMMAND with what conductor run sends over a socket
    #[command(hide = true)]
    Run(Run),
    /// Tell conductor run how its unit ended
    #[command(hide = true)]
    Ended(Ended),
    /// Run COMMAND, and kill it with all that it started when its time is over
    #[command(hide = true)]
    Limit(Limit),
}

/// Who gets to the socket of a service.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub(crate) struct Share {
    /// Let every user of the host connect to this socket, from when the check succeeds
    #[arg(long, value_name = "PATH")]
    pub(crate) share_socket: Option<PathBuf>,
}

/// Make the directory of a socket.
#[derive(Debug, Args)]
#[group(id = "what", required = true, args = ["owner_of", "open", "remove"])]
pub(crate) struct Socket {
    /// Give it to whoever owns this directory, which is in one of root's
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) owner_of: Option<PathBuf>,
    /// Let every user of the container that sees it make files in it
    #[arg(long)]
    pub(crate) open: bool,
    /// Remove it with all that is in it
    #[arg(long)]
    pub(crate) remove: bool,
    /// Where the service will listen: /run/conductor/sockets/NAME/FILE
    #[arg(value_name = "PATH")]
    pub(crate) path: PathBuf,
}

/// Run a service.
#[derive(Debug, Args)]
pub(crate) struct Exec {
    #[command(flatten)]
    pub(crate) check: CheckArguments,
    #[command(flatten)]
    pub(crate) share: Share,
    /// The signal that systemd stops the unit with (KillSignal=): from then on the checks have no say
    #[arg(long, value_name = "SIGNAL", default_value = "SIGTERM", value_parser = Signal::from_str)]
    pub(crate) stop_signal: Signal,
    /// COMMAND starts the service and ends, as podman run --detach does, and leaves the number of the
    /// service's process in this file; the start period begins when it has ended
    #[arg(long, value_name = "PATH")]
    pub(crate) pid_file: Option<PathBuf>,
    /// The program to run, and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) program: Vec<OsString>,
}

/// Run a container.
#[derive(Debug, Args)]
pub(crate) struct Docker {
    #[command(flatten)]
    pub(crate) check: CheckArguments,
    #[command(flatten)]
    pub(crate) share: Share,
    /// The container's name
    #[arg(long)]
    pub(crate) name: OsString,
    /// The program that makes the container
    #[arg(long, value_name = "PATH", default_value = "/usr/bin/docker")]
    pub(crate) engine: PathBuf,
    /// Where the engine listens
    #[arg(long, value_name = "PATH", default_value = "/run/docker.sock")]
    pub(crate) socket: PathBuf,
    /// What follows the name on the command line of `docker create`
    #[arg(last = true, required = true, value_name = "ARGUMENT")]
    pub(crate) arguments: Vec<OsString>,
}

/// Run a command for whoever is at the other end of a socket.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Where input and output come from
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: PathBuf,
    /// How long the command may take to end when nobody waits for it any more
    #[arg(long, value_name = "TIME", value_parser = value::time)]
    pub(crate) stop_timeout: Duration,
    /// COMMAND is Docker's client, and runs the container of this name: that is what signals are for
    #[arg(long, value_name = "NAME")]
    pub(crate) container: Option<String>,
    /// Where the engine listens
    #[arg(long, value_name = "PATH", default_value = "/run/docker.sock")]
    pub(crate) engine_socket: PathBuf,
    /// COMMAND is podman's client, and writes here which process the container's first is: before that one has
    /// started another, signals wait
    #[arg(long, value_name = "FILE", conflicts_with = "container")]
    pub(crate) pid_file: Option<PathBuf>,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) program: Vec<OsString>,
}

/// Tell how a unit ended.
#[derive(Debug, Args)]
pub(crate) struct Ended {
    /// Where somebody waits, if anybody does
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    /// The file of the unit, which is removed
    #[arg(long, value_name = "PATH")]
    pub(crate) unit_file: PathBuf,
    /// A container of Docker's, which is removed
    #[arg(long, value_name = "NAME")]
    pub(crate) container: Option<String>,
    /// Where the engine listens
    #[arg(long, value_name = "PATH", default_value = "/run/docker.sock")]
    pub(crate) engine_socket: PathBuf,
}

/// Run a command for a limited time.
#[derive(Debug, Args)]
pub(crate) struct Limit {
    /// How long it may take
    #[arg(long, value_name = "TIME", value_parser = value::time_above_zero)]
    pub(crate) timeout: Duration,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) program: Vec<OsString>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn arguments_of_the_command_are_left_alone() {
        let words =
            ["p", "exec", "--tcp=127.0.0.1:1", "--", "/bin/x", "--http", "--", "-c", "", "--help"];
        let Command::Exec(exec) = Arguments::try_parse_from(words).unwrap().command else {
            panic!("not exec");
        };
        assert_eq!(exec.program, words[4..]);
    }
}
