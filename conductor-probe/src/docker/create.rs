//! Creates the container, which includes the pull of its image.

use std::ffi::OsString;
use std::io::{self, Read as _};
use std::process::{Command, ExitStatus, Stdio};

use probe_protocol::Docker;

use crate::notify::VARIABLES;
use crate::prepare::{Prepared, await_end};

/// Why the container was not created.
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

/// Creates the container, and returns its ID.
pub(crate) fn create(
    options: &Docker,
    arguments: &[OsString],
    prepared: &Prepared,
) -> Result<String, CreateError> {
    let program = || options.engine.display().to_string();
    let failed = |source| CreateError::Run { program: program(), source };
    let mut command = Command::new(&options.engine);
    command.arg("create").arg("--name").arg(&options.name).args(arguments);
    // The same socket as for the API, whatever context the client has.
    command.env("DOCKER_HOST", format!("unix://{}", options.socket.display()));
    for name in VARIABLES {
        command.env_remove(name);
    }
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(failed)?;
    // The output fits into the pipe.
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
