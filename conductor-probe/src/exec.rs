//! `exec`: starts a service, checks it, and exits as it exits.

use std::convert::Infallible;
use std::env;
use std::ffi::{CString, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::process::{self, Command, ExitStatus};
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{execvpe, setsid};
use probe_protocol::{Exec, StopSignal, Watch};
use rustix::process::{Pid, getpid, set_child_subreaper};

use crate::container::Container;
use crate::itself::{ItselfError, itself};
use crate::notify::{Notifier, VARIABLES};
use crate::prepare::{PrepareError, Prepared, await_end, prepare};
use crate::print::complain;
use crate::signals::{SignalError, Signals};
use crate::supervise::{End, SIGNALS, SuperviseError, close_to_others, supervise};
use crate::watch::Prober;

/// The first word of the command line of a process that becomes a service. The rest is the command of the
/// service, and is not parsed.
pub(crate) const BECOME: &str = "become-service";

/// The exit status of systemd for a command that cannot be executed (systemd.exec(5)).
pub(crate) const CANNOT_EXECUTE: u8 = 203;

/// The variables with the PID of the process for which systemd sets them (`sd_listen_fds(3)`, systemd.exec(5)).
const PROCESS_IDS: [&str; 2] = ["LISTEN_PID", "SYSTEMD_EXEC_PID"];

/// Why the service was not started, or why its end is unknown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ExecError {
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    #[error(transparent)]
    Itself(#[from] ItselfError),
    #[error(transparent)]
    Signals(#[from] SignalError),
    #[error(transparent)]
    Supervise(#[from] SuperviseError),
    #[error("cannot run {program}: {}", .errno.desc())]
    Run { program: String, errno: nix::Error },
    #[error("cannot start {program}")]
    Start { program: String, source: io::Error },
    #[error("cannot start the health checks")]
    Check(#[source] io::Error),
    #[error("cannot find the process of the service in {}", file.display())]
    PidFile { file: PathBuf, source: io::Error },
}

/// Runs the service to its end. Without a check, this process becomes the service, and the call does not return.
pub(crate) fn run(options: Exec, words: Vec<OsString>) -> Result<End, ExecError> {
    let Exec { watch, share_socket, stop_signal, pid_file } = options;
    let program = words[0].display().to_string();
    let Prepared { check, notifier, budget } = prepare(watch.as_ref(), &program)?;
    let (Some(check), Some(Watch { timing, .. }), Some(notifier)) = (check, watch, notifier) else {
        let errno = match become_command(words) {
            Ok(never) => match never {},
            Err(errno) => errno,
        };
        return Err(ExecError::Run { program, errno });
    };
    close_to_others();
    let cannot_start = |source| ExecError::Start { program, source };
    let signals;
    let mut container = None;
    let process = match pid_file {
        None => {
            // Before the child is started, so that its end is not missed.
            signals = Signals::keep(&SIGNALS)?;
            start(itself()?, words).map_err(cannot_start)?
        }
        Some(file) => {
            let status = start_detached(&words, &notifier, budget).map_err(cannot_start)?;
            if !status.success() {
                return Ok(status.into());
            }
            signals = Signals::keep(&SIGNALS)?;
            let found = read_pid(&file);
            let monitor = found.map_err(|source| ExecError::PidFile { file, source })?;
            container = Container::of(monitor);
            monitor
        }
    };
    let prober = Prober::start(check, share_socket, timing, notifier).map_err(ExecError::Check)?;
    let stop = number(stop_signal.unwrap_or_default());
    Ok(supervise(process, container.as_ref(), &signals, stop, &prober)?)
}

/// Returns a signal as the kernel's number.
fn number(signal: StopSignal) -> Signal {
    match signal {
        StopSignal::Hup => Signal::SIGHUP,
        StopSignal::Int => Signal::SIGINT,
        StopSignal::Quit => Signal::SIGQUIT,
        StopSignal::Usr1 => Signal::SIGUSR1,
        StopSignal::Usr2 => Signal::SIGUSR2,
        StopSignal::Term => Signal::SIGTERM,
        StopSignal::Winch => Signal::SIGWINCH,
    }
}

/// Starts the service as a child in its own session: this process must not get signals that the service sends
/// to its process group.
fn start(itself: PathBuf, words: Vec<OsString>) -> io::Result<Pid> {
    let mut command = Command::new(itself);
    command.arg(BECOME).args(words);
    for name in VARIABLES {
        command.env_remove(name);
    }
    Ok(Pid::from_child(&command.spawn()?))
}

/// Runs a command that starts the service and exits, and returns how it ended. The processes that it leaves
/// running become children of this process.
fn start_detached(
    words: &[OsString],
    notifier: &Notifier,
    budget: Duration,
) -> io::Result<ExitStatus> {
    set_child_subreaper(Some(getpid()))?;
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    for name in VARIABLES {
        command.env_remove(name);
    }
    let mut child = command.spawn()?;
    await_end(&child, Some(notifier), budget)?;
    let status = child.wait()?;
    // Processes that are orphaned from now on, such as those of a check, become children of init.
    set_child_subreaper(None)?;
    Ok(status)
}

/// Reads the PID of the service. It has to be a child, so that this process gets its exit status.
fn read_pid(file: &Path) -> io::Result<Pid> {
    let text = fs::read_to_string(file)?;
    let pid = text.trim().parse().ok().and_then(Pid::from_raw);
    pid.ok_or_else(|| io::Error::other(format!("{:?} is not the number of a process", text.trim())))
}

/// Becomes the service. Returns only if that fails, with the exit status.
pub(crate) fn become_service(words: impl Iterator<Item = OsString>) -> u8 {
    let words: Vec<_> = words.collect();
    let Some(program) = words.first().map(|program| program.display().to_string()) else {
        return CANNOT_EXECUTE;
    };
    let become_it = || {
        setsid()?;
        // The service must not inherit the blocked signals.
        SigSet::all().thread_unblock()?;
        become_command(words)
    };
    let errno = match become_it() {
        Ok(never) => match never {},
        Err(errno) => errno,
    };
    complain(format_args!("cannot run {program}: {}", errno.desc()));
    CANNOT_EXECUTE
}

/// Executes the command.
///
/// The standard library would reset SIGPIPE to its default. systemd starts services with SIGPIPE ignored, and
/// so does this.
fn become_command(words: Vec<OsString>) -> nix::Result<Infallible> {
    let id = process::id().to_string();
    let variables = env::vars_os().map(|(name, value)| {
        let is_id = PROCESS_IDS.iter().any(|variable| name == *variable);
        let value = if is_id { OsString::from(&id) } else { value };
        [name.as_bytes(), b"=", value.as_bytes()].concat()
    });
    let variables: Vec<_> = variables.map(c_string).collect::<Result<_, _>>()?;
    let words: Vec<_> =
        words.into_iter().map(|word| c_string(word.into_vec())).collect::<Result<_, _>>()?;
    execvpe(&words[0], &words, &variables)
}

fn c_string(bytes: Vec<u8>) -> nix::Result<CString> {
    CString::new(bytes).map_err(|_| nix::Error::EINVAL)
}
