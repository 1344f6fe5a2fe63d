//! What to do about an error of the library, where that is an option of the command line.

use std::io::ErrorKind;
use std::path::Path;

use conductor_core::plan::Taken;
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
        Error::Compile(CompileError::Capabilities { .. }) => {
            "remove cap_add, or run without --user".to_owned()
        }
        Error::Compile(CompileError::OfTheHost { .. }) => {
            "remove the key, or run without --user".to_owned()
        }
        Error::Offline => "leave --root out".to_owned(),
        Error::NoRollback { kept, .. } if !kept.is_empty() => {
            let kept: Vec<_> = kept.iter().map(ToString::to_string).collect();
            format!("--to RELEASE names one that is kept: {}", kept.join(", "))
        }
        Error::Revisions { to, .. } => {
            let first = to.first().map(|(service, _)| service.as_str()).unwrap_or_default();
            format!("--to REVISION names one for all; --id {first} rolls back one process")
        }
        Error::Systemd(SystemdError::Connect { .. }) => {
            "is systemd running, and dbus? --root DIR writes units without them".to_owned()
        }
        Error::UpstreamTaken { taken: Taken { holder, .. }, .. } => format!(
            "conductor apply moves it without a failed request if the definition of {holder} has another \
             upstream now, and conductor apply --prune if {holder} has no definition any more; conductor \
             remove --id {holder} takes it away first"
        ),
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

/// Adds to an error of `apply --prune` without any definition what removes all services: an empty directory may also
/// be one that is not mounted.
pub(crate) fn with_remove_all(error: Error, definitions: &Path) -> Error {
    let Error::Definition(mut problems) = error else { return error };
    if let [problem] = problems.0.as_mut_slice()
        && problem.file == definitions
        && problem.position.is_none()
    {
        let all = "conductor remove --all removes all services";
        let hint = problem.hint.take();
        problem.hint = Some(hint.map_or(all.to_owned(), |hint| format!("{hint}; {all}")));
    }
    Error::Definition(problems)
}

#[cfg(test)]
mod tests {
    use conductor_core::error::{PathError, Problem, Problems};

    use super::*;

    #[test]
    fn options_are_named_here_and_not_by_the_library() {
        let denied = PathError {
            action: "open",
            path: "/run/conductor/lock".into(),
            source: ErrorKind::PermissionDenied.into(),
        };
        let no_rollback = Error::NoRollback {
            service: "web".parse().unwrap(),
            wanted: None,
            kept: vec!["v1.012345".parse().unwrap()],
            current: "v2.012345".parse().unwrap(),
        };
        for (error, option) in [
            (Error::Offline, "--root"),
            (no_rollback, "--to RELEASE"),
            (Error::NoTemplates { directory: "/t".into() }, "--templates"),
            (Error::Path(denied), "--user"),
        ] {
            assert!(error.hint().is_none_or(|hint| !hint.contains("--")), "{error}");
            assert!(hint(&error).is_some_and(|hint| hint.contains(option)), "{error}");
        }
    }

    #[test]
    fn without_definitions_prune_names_what_removes_all() {
        let hint = |file: &str| {
            let problem = Problem::of_file(file, "there are no definitions in this directory");
            let error = Error::Definition(Problems(vec![problem.hint("put one there")]));
            with_remove_all(error, Path::new("/d")).problems()[0].hint.clone().unwrap_or_default()
        };
        assert_eq!(hint("/d"), "put one there; conductor remove --all removes all services");
        assert_eq!(hint("/d/web.yaml"), "put one there");
    }

    #[test]
    fn a_command_with_a_revision_says_so() {
        let problem = Problem::of_file("web.yaml", "web has no revision").hint("add revision: TAG");
        let error = with_revision(Error::NoRevision(Problems(vec![problem])));
        assert!(error.problems()[0].to_string().contains("hint: say which one with --revision"));
    }
}
