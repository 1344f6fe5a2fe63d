//! What can be changed on a host, as values: one for each verb, with what it needs to know.

use std::fmt;

use super::error::Error;
use super::revision::at;
use conductor_core::definition::PullPolicy;
use conductor_core::name::{JobName, Revision, ServiceId};
use conductor_core::plan::RollbackTarget;
use conductor_core::service::Service;

/// A change of a host. [`Conductor::plan`](super::Conductor::plan) says what it would do, and
/// [`Conductor::carry_out`](super::Conductor::carry_out) does it.
///
/// Each can be carried out again: if nothing is left to do, nothing is done. If the process is killed
/// anywhere, carrying out the same change again finishes the work; until then what served goes on serving.
///
/// Its text is shown by another process that waits for the lock meanwhile.
#[derive(Debug, Clone)]
pub enum Change {
    /// Makes the host run services as they are defined.
    Apply(Apply),
    /// Makes a service run a revision.
    Deploy(Deploy),
    /// Makes a service run a release that is kept on the host.
    Rollback(Rollback),
    /// Starts the instances of a service anew.
    Restart(Restart),
    /// Stops a service and removes its units.
    Remove(Remove),
    /// Stops all services and removes all units of conductor.
    RemoveAll,
    /// Keeps a job from being run by the clock.
    Pause(Pause),
    /// Lets a paused job be run by the clock again.
    Resume(Resume),
}

/// Makes the host run services as they are defined.
#[derive(Debug, Clone, Default)]
pub struct Apply {
    /// The services.
    pub services: Vec<Service>,
    /// What happens to the others.
    pub prune: Prune,
    /// Whether instances whose units another build of conductor rendered are replaced, as in a deploy.
    pub renew: bool,
    /// Which images are pulled.
    pub pull: Pull,
}

/// Which images are pulled from their registries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Pull {
    /// As the definition of each service says.
    #[default]
    Defined,
    /// Those that the engine does not have.
    Missing,
    /// All. If a tag means another image than the one that runs, the instances are replaced.
    Always,
    /// None. Without an image that is needed, nothing is changed.
    Never,
}

impl Pull {
    /// Returns when the image of a service is pulled.
    pub(super) fn of(self, service: &Service) -> PullPolicy {
        match self {
            Self::Defined => service.pull,
            Self::Missing => PullPolicy::Missing,
            Self::Always => PullPolicy::Always,
            Self::Never => PullPolicy::Never,
        }
    }
}

/// What happens to services on the host that no definition names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Prune {
    /// They are ignored: only some of the definitions were given.
    #[default]
    Ignore,
    /// They stay, and are named in the report.
    Report,
    /// They are stopped and removed.
    Remove,
}

/// Makes a service run a revision: starts its instances, waits until they are healthy, switches requests to
/// them, and stops those that ran before. What does not become healthy is removed.
#[derive(Debug, Clone)]
pub struct Deploy {
    /// The service, or the processes of an application, at the revision that is deployed.
    pub(super) services: Vec<Service>,
    /// The revision that the definition names.
    pub(super) defined: Option<Revision>,
    /// Which images are pulled.
    pub pull: Pull,
}

impl Deploy {
    /// Makes a change that deploys a revision of a service.
    ///
    /// # Errors
    /// The image of the service is fixed to another revision.
    pub fn new(service: &Service, revision: &Revision) -> Result<Self, Error> {
        Self::all(std::slice::from_ref(service), revision)
    }

    /// Makes a change that deploys a revision of all processes of an application: all of them, or none.
    ///
    /// # Errors
    /// The image of the application is fixed to another revision.
    pub fn all(services: &[Service], revision: &Revision) -> Result<Self, Error> {
        let at = services.iter().map(|service| at(service, revision));
        Ok(Self {
            services: at.collect::<Result<_, _>>()?,
            defined: services.first().and_then(|service| service.revision.clone()),
            pull: Pull::Defined,
        })
    }
}

/// Makes a service run a release that is kept on the host, as it was.
#[derive(Debug, Clone)]
pub struct Rollback {
    /// The service, or the processes of an application, as they are defined: their jobs are those of the definition.
    pub services: Vec<Service>,
    /// The release, or the revision of one; `None` for the one that the current release replaced. For an application
    /// it is a revision.
    pub to: Option<RollbackTarget>,
}

/// Starts the instances of a service anew, at the same revision and with the same configuration, by the steps of
/// a deploy: the old ones serve until the new ones are healthy.
///
/// Unlike the other changes, it starts them again each time. If it was killed, an apply finishes it, too.
#[derive(Debug, Clone)]
pub struct Restart {
    /// The service, or the processes of an application, as they are defined.
    pub services: Vec<Service>,
}

/// Stops a service and removes its units.
#[derive(Debug, Clone)]
pub struct Remove {
    /// The service, or an application with all its processes.
    pub service: ServiceId,
    /// Whether its named volumes are removed, with all data in them.
    pub volumes: bool,
}

/// Keeps a job from being run by the clock until it is resumed; a run that is under way goes on. Applies and
/// deploys keep it so.
#[derive(Debug, Clone)]
pub struct Pause {
    /// The service.
    pub service: ServiceId,
    /// Its job.
    pub job: JobName,
}

/// Lets a paused job be run by the clock again.
#[derive(Debug, Clone)]
pub struct Resume {
    /// The service.
    pub service: ServiceId,
    /// Its job.
    pub job: JobName,
}

impl Change {
    /// Returns the services whose definitions have to suit the host.
    pub(super) fn services(&self) -> &[Service] {
        match self {
            Self::Apply(apply) => &apply.services,
            Self::Deploy(deploy) => &deploy.services,
            Self::Rollback(rollback) => &rollback.services,
            Self::Restart(restart) => &restart.services,
            Self::Remove(_) | Self::RemoveAll | Self::Pause(_) | Self::Resume(_) => &[],
        }
    }

    /// Returns the services whose definitions are carried out, and have to suit the other services. A rollback must
    /// not fail because of them.
    pub(super) fn starting(&self) -> &[Service] {
        match self {
            Self::Rollback(_) => &[],
            other => other.services(),
        }
    }

    /// Returns whether services without a definition are removed.
    pub(super) fn prunes(&self) -> bool {
        matches!(self, Self::Apply(Apply { prune: Prune::Remove, .. }))
    }

    /// Returns which images are pulled.
    pub(super) fn pull(&self) -> Pull {
        match self {
            Self::Apply(apply) => apply.pull,
            Self::Deploy(deploy) => deploy.pull,
            _ => Pull::Defined,
        }
    }

    /// Returns the same change of one of its services.
    pub(super) fn only(&self, service: &ServiceId) -> Self {
        let own = self.services().iter().filter(|own| own.id == *service);
        let services = own.cloned().collect();
        match self {
            Self::Apply(apply) => Self::Apply(Apply { services, prune: Prune::Ignore, ..*apply }),
            Self::Deploy(deploy) => Self::Deploy(Deploy { services, ..deploy.clone() }),
            Self::Rollback(rollback) => Self::Rollback(Rollback { services, ..rollback.clone() }),
            Self::Restart(_) => Self::Restart(Restart { services }),
            other => other.clone(),
        }
    }

    /// Returns the service and the revision that its definition names, if the change is about another one.
    pub(super) fn defined(&self) -> Option<(&ServiceId, &Revision)> {
        let first = self.services().first();
        let revision = match self {
            Self::Deploy(deploy) => &deploy.defined,
            Self::Rollback(_) => &first?.revision,
            Self::Apply(_)
            | Self::Restart(_)
            | Self::Remove(_)
            | Self::RemoveAll
            | Self::Pause(_)
            | Self::Resume(_) => return None,
        };
        Some((&first?.id, revision.as_ref()?))
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Apply(_) => f.write_str("apply"),
            Self::Deploy(Deploy { services, .. }) => {
                write!(f, "deploy {}", named(services))?;
                let revision = services.first().and_then(|service| service.revision.as_ref());
                revision.map_or(Ok(()), |revision| write!(f, " {revision}"))
            }
            Self::Rollback(Rollback { services, .. }) => write!(f, "rollback {}", named(services)),
            Self::Restart(Restart { services }) => write!(f, "restart {}", named(services)),
            Self::Remove(Remove { service, .. }) => write!(f, "remove {service}"),
            Self::RemoveAll => f.write_str("remove all"),
            Self::Pause(Pause { service, job }) => write!(f, "pause {service} {job}"),
            Self::Resume(Resume { service, job }) => write!(f, "resume {service} {job}"),
        }
    }
}

/// Returns the id of a service, or that of the application if there are several.
fn named(services: &[Service]) -> String {
    match services {
        [first, _, ..] if let Some(application) = &first.application => application.to_string(),
        services => services.first().map(|service| service.id.to_string()).unwrap_or_default(),
    }
}
