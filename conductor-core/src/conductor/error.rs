//! Why something asked of the facade was not done.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::{Invalid, PathError, Problem, Problems};
use crate::host::{LockError, SystemdError};
use crate::name::ServiceId;
use crate::plan::{Foreign, PortError};
use crate::release::CompileError;
use crate::service::Service;
use crate::unit::TemplateError;

/// Everything that can go wrong, by what a caller would do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Definitions or settings are wrong.
    #[error(transparent)]
    Definition(#[from] Problems),
    /// Definitions are right, and ask for what this version does not do.
    #[error(transparent)]
    NotYet(Problems),
    /// A template is wrong.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// There are no templates where some were said to be.
    #[error("{}: there are no templates in this directory", directory.display())]
    NoTemplates {
        /// The directory.
        directory: PathBuf,
    },
    /// A service does not compile.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The range of ports is used up.
    #[error(transparent)]
    Ports(#[from] PortError),
    /// Something that is not conductor's is in the way.
    #[error("{}/{foreign}", directory.display())]
    Foreign {
        /// The unit directory.
        directory: PathBuf,
        /// What is in the way.
        foreign: Foreign,
    },
    /// The probe is not where units look for it.
    #[error("{service} needs the probe, and there is no {}", probe.display())]
    NoProbe {
        /// The service.
        service: ServiceId,
        /// Where it has to be.
        probe: PathBuf,
    },
    /// No service of this id is on the host.
    #[error("there is no service {service} on this host")]
    UnknownService {
        /// The id.
        service: ServiceId,
    },
    /// Another process is changing the host.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The file system refused.
    #[error(transparent)]
    Path(#[from] PathError),
    /// systemd could not be asked.
    #[error(transparent)]
    Systemd(#[from] SystemdError),
}

impl Error {
    /// Names the kind of error in one word, for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Definition(_) => "definition",
            Self::NotYet(_) => "not_supported",
            Self::Template(_) | Self::NoTemplates { .. } => "template",
            Self::Compile(_) => "compile",
            Self::Ports(_) => "ports",
            Self::Foreign { .. } => "foreign_file",
            Self::NoProbe { .. } => "no_probe",
            Self::UnknownService { .. } => "unknown_service",
            Self::Lock(LockError::Held { .. }) => "locked",
            Self::Lock(LockError::Path(_)) | Self::Path(_) => "file",
            Self::Systemd(_) => "systemd",
        }
    }

    /// Says what to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Compile(
                CompileError::Image { source: Invalid { hint, .. }, .. }
                | CompileError::Volume { source: Invalid { hint, .. }, .. },
            ) => {
                return hint.clone();
            }
            Self::Compile(CompileError::UserScope { .. }) => "remove user, or run without --user",
            Self::Ports(_) => "widen ports in the host settings",
            Self::Foreign { .. } => "move it away if nothing needs it; nothing was changed",
            Self::NoProbe { .. } => "install conductor-probe there; it comes with conductor",
            Self::UnknownService { .. } => "conductor status lists the services",
            Self::Lock(LockError::Held { .. }) => "wait for it to end, then run this again",
            Self::Systemd(SystemdError::Connect { .. }) => {
                "is systemd running, and dbus? --root DIR writes units without them"
            }
            Self::NoTemplates { .. } => "put NAME.hbs into it, or leave --templates out",
            Self::Path(error) | Self::Lock(LockError::Path(error))
                if error.source.kind() == ErrorKind::PermissionDenied =>
            {
                "run it as root, or with --user for services of your own"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }

    /// Gives file, line and column of an error in a template.
    pub fn place(&self) -> Option<(&Path, (usize, usize))> {
        match self {
            Self::Template(error) | Self::Compile(CompileError::Template(error)) => match error {
                TemplateError::Syntax { file, line, column, .. }
                | TemplateError::Render { file, line, column, .. } => {
                    Some((file, (*line, *column)))
                }
                TemplateError::Unknown { .. } | TemplateError::Output { .. } => None,
            },
            _ => None,
        }
    }

    /// Gives the problems with their places, if there are such.
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Definition(problems) | Self::NotYet(problems) => &problems.0,
            _ => &[],
        }
    }

    pub(super) fn no_revision(services: &[&Service]) -> Self {
        let problem = |service: &&Service| Problem {
            file: service.origin.file.clone(),
            position: Some(service.origin.position),
            path: "revision".to_owned(),
            message: format!("{} has no revision, and none is on this host yet", service.id),
            hint: Some("add revision: TAG".to_owned()),
        };
        Self::Definition(Problems(services.iter().map(problem).collect()))
    }
}
