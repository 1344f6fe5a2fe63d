//! `exec`: leaves a prober in the background and becomes the service.

use std::convert::Infallible;
use std::env;
use std::ffi::{CString, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use nix::unistd::execvpe;

use crate::args::Exec;
use crate::background::{self, BackgroundError};
use crate::notify::{VARIABLES, WATCHDOG};
use crate::prepare::{PrepareError, prepare};

/// Why the service was not started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ExecError {
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    #[error(transparent)]
    Background(#[from] BackgroundError),
    #[error("cannot run {program}: {}", .errno.desc())]
    Run { program: String, errno: nix::Error },
}

/// Becomes the command; comes back only if that fails.
pub(crate) fn run(arguments: Exec) -> ExecError {
    match prepare_and_become(arguments) {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

fn prepare_and_become(arguments: Exec) -> Result<Infallible, ExecError> {
    let Exec { check, share, detached, program: words } = arguments;
    let program = words[0].display().to_string();
    let prepared = prepare(&check, &program)?;
    let after = detached.then(std::process::id);
    let line = prepared.checked.then(|| background::start(&check, &share, after)).transpose()?;
    // Without a check, it is for the service itself to notify.
    let withheld = match (prepared.checked, detached) {
        (false, _) => &[][..],
        (true, false) => &VARIABLES[..],
        (true, true) => &WATCHDOG[..],
    };
    let errno = match become_command(words, withheld) {
        Ok(never) => match never {},
        Err(error) => error,
    };
    if let Some(line) = line {
        line.cancel();
    }
    Err(ExecError::Run { program, errno })
}

/// Executes the command.
///
/// The standard library's way would set SIGPIPE back to its default; systemd starts services with
/// SIGPIPE ignored, and so does this.
fn become_command(words: Vec<OsString>, withheld: &[&str]) -> nix::Result<Infallible> {
    let kept = |name: &OsString| !withheld.iter().any(|withheld| name == withheld);
    let assignment =
        |(name, value): (OsString, OsString)| [name.as_bytes(), b"=", value.as_bytes()].concat();
    let variables = env::vars_os().filter(|(name, _)| kept(name)).map(assignment);
    let variables: Vec<_> = variables.map(c_string).collect::<Result<_, _>>()?;
    let words: Vec<_> =
        words.into_iter().map(|word| c_string(word.into_vec())).collect::<Result<_, _>>()?;
    execvpe(&words[0], &words, &variables)
}

fn c_string(bytes: Vec<u8>) -> nix::Result<CString> {
    CString::new(bytes).map_err(|_| nix::Error::EINVAL)
}
