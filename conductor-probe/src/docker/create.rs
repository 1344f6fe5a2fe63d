//! Makes the container, which may take as long as its image takes to come.

use std::io::{self, Read as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::args::Docker;
use crate::check::socket::wait_until;
use crate::notify::{Message, VARIABLES};
use crate::prepare::Prepared;
use crate::spoken::Spoken;
use crate::watch::FETCH;

/// How often systemd is asked for more time.
const PAUSE: Duration = Duration::from_secs(2);

/// Why there is no container.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum CreateError {
    #[error("cannot run {program}")]
    Run { program: String, source: io::Error },
    #[error("{program} create failed: {status}")]
    Failed { program: String, status: ExitStatus },
    #[error("{program} create did not print a container's ID: {printed:?}")]
    Id { program: String, printed: String },
}

/// Makes the container and gives its ID.
pub(crate) fn create(arguments: &Docker, prepared: &Prepared) -> Result<String, CreateError> {
    let program = || arguments.engine.display().to_string();
    let failed = |source| CreateError::Run { program: program(), source };
    let mut command = Command::new(&arguments.engine);
    command.arg("create").arg("--name").arg(&arguments.name).args(&arguments.arguments);
    // The one socket for everything, whatever context is set up.
    command.env("DOCKER_HOST", format!("unix://{}", arguments.socket.display()));
    for name in VARIABLES {
        command.env_remove(name);
    }
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(failed)?;
    await_end(&child, prepared).map_err(failed)?;
    let mut printed = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut printed).map_err(failed)?;
    }
    let status = child.wait().map_err(failed)?;
    if !status.success() {
        return Err(CreateError::Failed { program: program(), status });
    }
    let id = printed.lines().last().unwrap_or_default().trim();
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(CreateError::Id { program: program(), printed });
    }
    Ok(id.to_owned())
}

/// Waits for the end, and asks systemd for time. What is printed fits into the pipe.
fn await_end(child: &Child, prepared: &Prepared) -> io::Result<()> {
    let ended = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    let start = Instant::now();
    let mut message = Message::default();
    loop {
        let deadline = Instant::now().checked_add(PAUSE);
        if wait_until(&mut [PollFd::new(&ended, PollFlags::IN)], deadline)? {
            return Ok(());
        }
        let Some(notifier) = prepared.notifier.as_ref().filter(|_| start.elapsed() < FETCH) else {
            continue;
        };
        let so_far = Spoken(start.elapsed());
        message.clear().status(format_args!("creating the container for {so_far}"));
        // Whoever does not hear this will end the start; there is nothing to do about it.
        let _ = notifier.send(message.extend(prepared.budget.saturating_add(10 * PAUSE)));
    }
}
