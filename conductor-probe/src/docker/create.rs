//! Makes the container, which may take as long as its image takes to come.

use std::ffi::OsString;
use std::io::{self, Read as _};
use std::process::{Command, ExitStatus, Stdio};

use probe_protocol::Docker;

use crate::notify::VARIABLES;
use crate::prepare::{Prepared, await_end};

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
pub(crate) fn create(
    options: &Docker,
    arguments: &[OsString],
    prepared: &Prepared,
) -> Result<String, CreateError> {
    let program = || options.engine.display().to_string();
    let failed = |source| CreateError::Run { program: program(), source };
    let mut command = Command::new(&options.engine);
    command.arg("create").arg("--name").arg(&options.name).args(arguments);
    // The one socket for everything, whatever context is set up.
    command.env("DOCKER_HOST", format!("unix://{}", options.socket.display()));
    for name in VARIABLES {
        command.env_remove(name);
    }
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(failed)?;
    // What is printed fits into the pipe.
    await_end(&child, prepared.notifier.as_ref(), prepared.budget).map_err(failed)?;
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
