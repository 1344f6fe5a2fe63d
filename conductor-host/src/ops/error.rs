//! Errors of the facade.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::host::HostError;
use crate::system::networks::{NETWORK_OTHERWISE, OTHERWISE};
use crate::system::pods;
use crate::system::programs::InstallError;
use crate::system::{EngineError, LockError, ProxyError, RunSocketError, SystemdError};
use conductor_core::caught;
use conductor_core::error::{Invalid, PathError, Problem, Problems, shown_path};
use conductor_core::name::{
    JobName, NetworkName, PodName, ReleaseName, Revision, ServiceId, UnitName,
};
use conductor_core::plan::{PortError, Taken};
use conductor_core::proxy::UpstreamError;
use conductor_core::release::{CompileError, target_unit};
use conductor_core::service::Service;
use conductor_core::unit::{Engine, EngineImage, TemplateError};

/// An error of the facade. The variants differ by what a caller would do about them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Definitions or settings are wrong.
    #[error(transparent)]
    Definition(#[from] Problems),
    /// Services have no revision, and none is on this host yet.
    #[error("{problems}", problems = .0)]
    NoRevision(Problems),
    /// A template has an error.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A directory of templates that the caller named has none.
    #[error(
        "{}: there are no templates in this directory",
        conductor_core::error::shown_path(directory)
    )]
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
    /// A file that does not belong to conductor is in the way.
    #[error("{} is {what}: foreign, or damaged", conductor_core::error::shown_path(path))]
    Foreign {
        /// Where it is.
        path: PathBuf,
        /// What is in the way.
        what: &'static str,
    },
    /// An upstream stays in the file of another service.
    #[error("{taken} ({})", conductor_core::error::shown_path(path))]
    UpstreamTaken {
        /// Who wants it, and who has it.
        taken: Taken,
        /// The file that has it.
        path: PathBuf,
    },
    /// The probe is not installed where units look for it.
    #[error(
        "{service} needs the probe, and there is no {}",
        conductor_core::error::shown_path(probe)
    )]
    NoProbe {
        /// The service.
        service: ServiceId,
        /// Where it has to be.
        probe: PathBuf,
    },
    /// The probe may not know what the units of this version tell it.
    #[error(
        "{} is version {version}, and {service} needs {} or newer",
        conductor_core::error::shown_path(probe),
        env!("CARGO_PKG_VERSION")
    )]
    OldProbe {
        /// The service.
        service: ServiceId,
        /// Where it is.
        probe: PathBuf,
        /// Its version.
        version: String,
    },
    /// Users other than root can change the probe, which runs as root.
    #[error("{service} needs the probe, and {}", told(problem))]
    UnsafeProbe {
        /// The service.
        service: ServiceId,
        /// Who can change what.
        problem: Box<Problem>,
    },
    /// The programs cannot be installed.
    #[error("{}", told(.0))]
    Install(Box<Problem>),
    /// No service of this id is on the host.
    #[error("there is no service {service} on this host")]
    UnknownService {
        /// The id.
        service: ServiceId,
    },
    /// A service on the host has no job of this name.
    #[error("{service} has no job {job} on this host")]
    UnknownJob {
        /// The service.
        service: ServiceId,
        /// The job.
        job: JobName,
        /// The jobs that it has.
        names: Vec<JobName>,
    },
    /// A job that should run is running already.
    #[error("{job} of {service} runs already")]
    JobRuns {
        /// The service.
        service: ServiceId,
        /// The job.
        job: JobName,
    },
    /// systemd refuses to start a job.
    #[error("systemd does not start it: {reason}")]
    JobRefused {
        /// What it says.
        reason: String,
    },
    /// An image cannot be pulled.
    #[error("cannot pull {image}")]
    Pull {
        /// The image, with its engine.
        image: EngineImage,
        /// Why.
        source: EngineError,
    },
    /// A network cannot be made.
    #[error("cannot make the network {network} of {}", engine.program())]
    Network {
        /// The engine.
        engine: Engine,
        /// Its name.
        network: NetworkName,
        /// Why.
        source: EngineError,
    },
    /// A pod cannot be made.
    #[error("cannot make the pod {pod}")]
    Pod {
        /// Its name.
        pod: PodName,
        /// Why.
        source: EngineError,
    },
    /// A command that should run once was not started.
    #[error("systemd did not run the command in {unit}")]
    NotBegun {
        /// Its unit.
        unit: UnitName,
        /// Its last lines in the journal.
        journal: Vec<String>,
    },
    /// A timer on the host has a calendar event or a time zone that is not known.
    #[error("{timer}: {reason}")]
    Timer {
        /// The timer.
        timer: UnitName,
        /// What is wrong.
        reason: String,
    },
    /// There is no systemd to connect to.
    #[error("this needs a running systemd")]
    Offline,
    /// No definition has this id.
    #[error(
        "no definition in {} has the id {service}",
        conductor_core::error::shown_path(directory)
    )]
    Undefined {
        /// The id.
        service: ServiceId,
        /// The directory of definitions.
        directory: PathBuf,
    },
    /// There is no release to roll back to.
    #[error("{}", no_rollback(service, wanted.as_deref(), current))]
    NoRollback {
        /// The service.
        service: ServiceId,
        /// What was asked for.
        wanted: Option<String>,
        /// The releases that are kept.
        kept: Vec<ReleaseName>,
        /// The current release.
        current: ReleaseName,
    },
    /// A command that needs one service got an application of several.
    #[error("{application} is an application of several processes")]
    IsApplication {
        /// The application.
        application: ServiceId,
        /// The ids of its processes.
        processes: Vec<ServiceId>,
    },
    /// One process of an application would run another revision than the others.
    #[error(
        "{service} is a process of {application}, and all processes of an application run the same revision"
    )]
    OneProcess {
        /// The process.
        service: ServiceId,
        /// The application.
        application: ServiceId,
    },
    /// A release of one process was named for a whole application.
    #[error("{release} is a release of one process, and not of all processes of {application}")]
    ReleaseOfOne {
        /// The application.
        application: ServiceId,
        /// The release.
        release: ReleaseName,
    },
    /// The releases to which the processes of an application would go back are not of one revision.
    #[error("the processes of {application} would go back to different revisions: {}", pairs(to))]
    Revisions {
        /// The application.
        application: ServiceId,
        /// The revision to which each process would go back.
        to: Vec<(ServiceId, Revision)>,
    },
    /// The definition of a service describes another release than the current one.
    #[error("the definition of {service} has other settings than its current release, {current}")]
    Redefined {
        /// The service.
        service: ServiceId,
        /// The current release.
        current: ReleaseName,
    },
    /// Another process is changing the host.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A watcher makes a change, or asks a fake host, while it is told of a change.
    #[error("a watcher cannot change a host, or ask a fake one, while it is told of a change")]
    Watching,
    /// A proxy cannot be observed, or its file cannot be written.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The text of a proxy's file cannot be rendered.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// An operation of the file system failed.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A call of systemd failed.
    #[error(transparent)]
    Systemd(#[from] SystemdError),
}

impl From<HostError> for Error {
    fn from(error: HostError) -> Self {
        match error {
            HostError::Path(error) => Self::Path(error),
            HostError::Systemd(error) => Self::Systemd(error),
        }
    }
}

impl From<InstallError> for Error {
    fn from(error: InstallError) -> Self {
        match error {
            InstallError::Path(error) => Self::Path(error),
            InstallError::Unsuitable(problem) => Self::Install(problem.into()),
        }
    }
}

/// Returns what is wrong, without what to do about it.
fn told(problem: &Problem) -> String {
    format!("{}: {}", shown_path(&problem.file), problem.message)
}

impl From<RunSocketError> for Error {
    fn from(error: RunSocketError) -> Self {
        match error {
            RunSocketError::Path(error) => Self::Path(error),
            RunSocketError::Systemd(error) => Self::Systemd(error),
        }
    }
}

impl Error {
    /// Returns what to do about the error, where that is known. The text names no option of the command line.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Compile(
                CompileError::Image { source: Invalid { hint, .. }, .. }
                | CompileError::Volume { source: Invalid { hint, .. }, .. },
            ) => {
                return hint.clone();
            }
            Self::Compile(CompileError::Panicked { .. }) => caught::HINT,
            Self::Compile(CompileError::UserScope { .. }) => {
                "remove user: everything that a user's systemd starts runs as that user"
            }
            Self::Compile(CompileError::Capabilities { .. }) => {
                "remove cap_add: a program of a user has no capabilities"
            }
            Self::Compile(CompileError::OfTheHost { .. }) => {
                "remove the key: a user's systemd has no privileges for it"
            }
            Self::Ports(_) => "widen ports in the host settings",
            Self::Foreign { .. } => "move it away if nothing needs it; nothing was changed",
            Self::UpstreamTaken { taken: Taken { service, holder, .. }, .. } => {
                return Some(format!(
                    "apply the definitions of {service} and {holder} together: then one reload moves it"
                ));
            }
            Self::Network { source, .. } if source.said.contains("aardvark-dns") => {
                "install it: apt install aardvark-dns"
            }
            Self::Network { source, .. } if source.said == OTHERWISE => NETWORK_OTHERWISE,
            Self::Pod { source, .. } => return pods::hint(source).map(str::to_owned),
            Self::OldProbe { .. } => {
                "install the conductor-probe of this version there; nothing was changed"
            }
            Self::UnsafeProbe { problem, .. } | Self::Install(problem) => {
                return problem.hint.clone();
            }
            Self::NoProbe { .. } => "install conductor-probe there; it comes with conductor",
            Self::UnknownService { .. } => "conductor status lists the services",
            Self::UnknownJob { names, .. } if names.is_empty() => {
                "its definition has no cron, or was not applied yet"
            }
            Self::UnknownJob { names, .. } => {
                let names: Vec<_> = names.iter().map(JobName::as_str).collect();
                return Some(format!("its jobs are {}", names.join(", ")));
            }
            Self::JobRuns { .. } => {
                "conductor status shows since when; it does not run twice at once"
            }
            Self::NotBegun { journal, .. } => {
                let lines = journal.iter().map(|line| format!("\n  | {line}"));
                return Some(format!("the journal says:{}", lines.collect::<String>()));
            }
            Self::Timer { .. } => "time zones come with the package tzdata",
            Self::Proxy(error) => return error.hint(),
            Self::Undefined { .. } => "conductor check lists the definitions",
            Self::NoRollback { kept, .. } if kept.is_empty() => {
                "no other release is kept; deploy.keep says how many"
            }
            Self::NoRollback { kept, .. } => {
                let kept: Vec<_> = kept.iter().map(ReleaseName::as_str).collect();
                return Some(format!("these releases are kept: {}", kept.join(", ")));
            }
            Self::IsApplication { processes, .. } => {
                let processes: Vec<_> = processes.iter().map(ServiceId::as_str).collect();
                return Some(format!("name one of them: {}", processes.join(", ")));
            }
            Self::OneProcess { application, .. } => {
                return Some(format!("name {application}, for all of them"));
            }
            Self::ReleaseOfOne { .. } => "name a revision; or the release, and its process",
            Self::Revisions { .. } => "name the revision; or roll back one process",
            Self::Redefined { service, .. } => {
                return Some(format!(
                    "conductor apply replaces the instances by what is defined; systemctl restart \
                     {} restarts them as they are, all at once",
                    target_unit(service)
                ));
            }
            Self::Lock(LockError::Held { .. }) => "wait for it to end, then run this again",
            Self::Watching => "do it when the change has ended",
            Self::Systemd(SystemdError::Connect { .. }) => "is systemd running, and dbus?",
            Self::Systemd(SystemdError::TooOld { .. }) => {
                "upgrade the host; conductor render shows units without it"
            }
            Self::NoTemplates { .. } => "put NAME.hbs into it",
            Self::Path(error) | Self::Lock(LockError::Path(error))
                if error.source.kind() == ErrorKind::PermissionDenied =>
            {
                "run it as root"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }

    /// Returns file, line and column of an error in a template, or of the definition that could not be compiled.
    pub fn place(&self) -> Option<(&Path, (usize, usize))> {
        match self {
            Self::Template(error) | Self::Compile(CompileError::Template(error)) => match error {
                TemplateError::Syntax { file, line, column, .. }
                | TemplateError::Render { file, line, column, .. } => {
                    Some((file, (*line, *column)))
                }
                _ => None,
            },
            Self::Compile(CompileError::Panicked { file, position, .. }) => Some((file, *position)),
            _ => None,
        }
    }

    /// Returns the problems with their places, if the error has some.
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Definition(problems) | Self::NoRevision(problems) => &problems.0,
            _ => &[],
        }
    }

    pub(super) fn image_revision(service: &Service, own: &Revision, wanted: &Revision) -> Self {
        Self::Definition(Problems(vec![Problem {
            file: service.origin.file.clone(),
            position: Some(service.origin.position),
            path: "image".to_owned(),
            message: format!("the image of {} is fixed to {own}, not {wanted}", service.id),
            hint: Some("leave the tag out of image: the revision is the tag".to_owned()),
        }]))
    }

    pub(super) fn no_revision(services: &[&Service]) -> Self {
        let problem = |service: &&Service| Problem {
            file: service.origin.file.clone(),
            position: Some(service.origin.position),
            path: "revision".to_owned(),
            message: format!("{} has no revision, and none is on this host yet", service.id),
            hint: Some("add revision: TAG".to_owned()),
        };
        Self::NoRevision(Problems(services.iter().map(problem).collect()))
    }
}

fn no_rollback(service: &ServiceId, wanted: Option<&str>, current: &ReleaseName) -> String {
    match wanted {
        Some(wanted) => format!("no release {wanted} of {service} is kept on this host"),
        None => format!("the release that {current} of {service} replaced is not kept"),
    }
}

fn pairs(to: &[(ServiceId, Revision)]) -> String {
    let pairs: Vec<_> = to.iter().map(|(service, to)| format!("{service} to {to}")).collect();
    pairs.join(", ")
}
