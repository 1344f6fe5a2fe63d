//! What to do about an error of the library, where that is an option of the command line.

use std::io::ErrorKind;

use conductor_core::release::CompileError;
use conductor_host::Error;
use conductor_host::system::{LockError, SystemdError};

/// Returns what to do about an error: the library's hint, with the options that there are.
pub(crate) fn hint(error: &Error) -> Option<String> {
    let hint = error.hint();
    let or = |option: &str| match &hint {
        Some(hint) => format!("{hint}, or {option}"),
        None => option.to_owned(),
    };
    Some(match error {
        Error::Compile(CompileError::UserScope { .. }) => {
            "remove user, or run without --user".to_owned()
        }
        Error::Offline => "leave --root out".to_owned(),
        Error::NoRollback { kept, .. } if !kept.is_empty() => {
            let kept: Vec<_> = kept.iter().map(ToString::to_string).collect();
            format!("--to RELEASE names one that is kept: {}", kept.join(", "))
        }
        Error::Systemd(SystemdError::Connect { .. }) => {
            "is systemd running, and dbus? --root DIR writes units without them".to_owned()
        }
        Error::NoTemplates { .. } => or("leave --templates out"),
        Error::Path(error) | Error::Lock(LockError::Path(error))
            if error.source.kind() == ErrorKind::PermissionDenied =>
        {
            or("with --user for services of your own")
        }
        _ => return hint,
    })
}

/// Adds to an error of a command that has `--revision` that it says which one, where a service has none.
pub(crate) fn with_revision(error: Error) -> Error {
    match error {
        Error::NoRevision(mut problems) => {
            for problem in &mut problems.0 {
                problem.hint =
                    Some("say which one with --revision, or add revision: TAG".to_owned());
            }
            Error::NoRevision(problems)
        }
        error => error,
    }
}
