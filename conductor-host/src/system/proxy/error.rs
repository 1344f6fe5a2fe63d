//! Errors of proxies.

use std::path::PathBuf;

use crate::system::{JobError, SystemdError};
use conductor_core::error::PathError;
use conductor_core::name::{ProxyName, UnitName};
use conductor_core::unit::TemplateError;
use conductor_core::value::HostPath;

/// Why a proxy was not switched to instances.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// The host settings do not have it.
    #[error("the host settings have no proxy {proxy}")]
    Unknown {
        /// The proxy.
        proxy: ProxyName,
    },
    /// The program that checks its configuration is not installed.
    #[error("the configuration of {proxy} cannot be checked: there is no {program}")]
    NoProgram {
        /// The proxy.
        proxy: ProxyName,
        /// The program.
        program: String,
    },
    /// Its configuration is broken without conductor's change.
    #[error("the configuration of {proxy} is broken: {said}")]
    Broken {
        /// The proxy.
        proxy: ProxyName,
        /// The proxy's message.
        said: String,
        /// An upstream of conductor's that is also in a file of others.
        elsewhere: Option<(String, PathBuf)>,
    },
    /// Its configuration is valid, but not with conductor's change.
    #[error("{proxy} refuses the change: {said}")]
    Refused {
        /// The proxy.
        proxy: ProxyName,
        /// The proxy's message.
        said: String,
        /// Whether the change is the removal of a file.
        removal: bool,
        /// An upstream of the change that is also in a file which does not change.
        elsewhere: Option<(String, PathBuf)>,
    },
    /// It does not include the directory that conductor writes to.
    #[error("{proxy} does not read what is in {directory}")]
    NotIncluded {
        /// The proxy.
        proxy: ProxyName,
        /// The directory.
        directory: HostPath,
        /// The line that its configuration lacks.
        include: String,
    },
    /// Its test accepts errors in the directory that conductor writes to.
    #[error(
        "the test of {proxy} does not read what is in {directory}: it accepts an invalid file there"
    )]
    NotTested {
        /// The proxy.
        proxy: ProxyName,
        /// The directory.
        directory: HostPath,
    },
    /// It runs without the directory that conductor writes to.
    #[error("{unit} was not started with {directory}, which its test reads")]
    NotTold {
        /// Its unit.
        unit: UnitName,
        /// The directory.
        directory: HostPath,
    },
    /// The check could not run.
    #[error("the configuration of {proxy} cannot be checked: {said}")]
    NotChecked {
        /// The proxy.
        proxy: ProxyName,
        /// What went wrong.
        said: String,
    },
    /// A file that is not conductor's is in the place of one of conductor's.
    #[error("{} is not conductor's", conductor_core::error::shown_path(path))]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// It was not reloaded.
    #[error("{unit} was not reloaded")]
    Reload {
        /// Its unit.
        unit: UnitName,
        /// Why.
        source: JobError,
    },
    /// It was reloaded but still uses the old configuration.
    #[error("{unit} was reloaded, and still works with the old configuration")]
    NotTakenOver {
        /// Its unit.
        unit: UnitName,
    },
    /// The host's template is invalid.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A file operation failed.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A call to systemd failed.
    #[error(transparent)]
    Systemd(#[from] SystemdError),
}

impl ProxyError {
    /// Returns what to do about it, if that is known.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unknown { proxy } => format!("add proxy.{proxy} to the host settings"),
            Self::NoProgram { proxy, .. } => {
                format!("install it, or set proxy.{proxy}.test in the host settings")
            }
            Self::Broken { proxy, elsewhere: Some((upstream, file)), .. }
            | Self::Refused { proxy, elsewhere: Some((upstream, file)), .. } => format!(
                "the upstream {upstream} is also in {}: remove it there, or set another proxy.{proxy}.upstream",
                conductor_core::error::shown_path(file)
            ),
            Self::Broken { .. } => "fix it; conductor did not change it".to_owned(),
            Self::Refused { removal: true, .. } => "remove what refers to it first".to_owned(),
            Self::NotIncluded { include, .. } => {
                format!("add {include} to the http section of its configuration")
            }
            Self::NotTested { proxy, directory } => format!(
                "let proxy.{proxy}.test in the host settings read it, as the proxy does, for example by -f {directory}"
            ),
            Self::NotTold { unit, directory } => format!(
                "add the directory to the arguments of {unit}, for example -f {directory}, and restart it"
            ),
            Self::Foreign { .. } => "move it away if nothing needs it".to_owned(),
            Self::NotTakenOver { .. } => {
                "its error log says why, for example that it cannot listen on a port".to_owned()
            }
            Self::Refused { removal: false, .. }
            | Self::NotChecked { .. }
            | Self::Reload { .. }
            | Self::Template(_)
            | Self::Path(_)
            | Self::Systemd(_) => return None,
        })
    }
}
