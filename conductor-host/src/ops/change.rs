//! What can be changed on a host, as values: one for each verb, with what it needs to know.

use std::fmt;

use super::error::Error;
use super::revision::at;
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
pub enum Pull {
    /// Those that the engine does not have.
    #[default]
    Missing,
    /// All. If a tag means another image than the one that runs, the instances are replaced.
    Always,
}

/// What happens to services on the host that no definition names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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
    /// The service, at the revision that is deployed.
    pub(super) service: Service,
    /// The revision that its definition names.
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
        Ok(Self {
            service: at(service, revision)?,
            defined: service.revision.clone(),
            pull: Pull::Missing,
        })
    }
}

/// Makes a service run a release that is kept on the host, as it was.
#[derive(Debug, Clone)]
pub struct Rollback {
    /// The service, as it is defined: its jobs are those of the definition.
    pub service: Service,
    /// The release, or the revision of one; `None` for the one that the current release replaced.
    pub to: Option<RollbackTarget>,
}

/// Starts the instances of a service anew, at the same revision and with the same configuration, by the steps of
/// a deploy: the old ones serve until the new ones are healthy.
///
/// Unlike the other changes, it starts them again each time. If it was killed, an apply finishes it, too.
#[derive(Debug, Clone)]
pub struct Restart {
    /// The service, as it is defined.
    pub service: Service,
}

/// Stops a service and removes its units.
#[derive(Debug, Clone)]
pub struct Remove {
    /// The service.
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
            Self::Deploy(deploy) => std::slice::from_ref(&deploy.service),
            Self::Rollback(rollback) => std::slice::from_ref(&rollback.service),
            Self::Restart(restart) => std::slice::from_ref(&restart.service),
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
            _ => Pull::Missing,
        }
    }

    /// Returns the same change of one of its services.
    pub(super) fn only(&self, service: &ServiceId) -> Self {
        match self {
            Self::Apply(apply) => {
                let own = apply.services.iter().filter(|own| own.id == *service);
                let services = own.cloned().collect();
                Self::Apply(Apply { services, prune: Prune::Ignore, ..*apply })
            }
            other => other.clone(),
        }
    }

    /// Returns the service and the revision that its definition names, if the change is about another one.
    pub(super) fn defined(&self) -> Option<(&ServiceId, &Revision)> {
        let (service, revision) = match self {
            Self::Deploy(Deploy { service, defined, .. }) => (service, defined),
            Self::Rollback(Rollback { service, .. }) => (service, &service.revision),
            Self::Apply(_)
            | Self::Restart(_)
            | Self::Remove(_)
            | Self::RemoveAll
            | Self::Pause(_)
            | Self::Resume(_) => return None,
        };
        Some((&service.id, revision.as_ref()?))
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Apply(_) => f.write_str("apply"),
            Self::Deploy(Deploy { service, .. }) => match &service.revision {
                Some(revision) => write!(f, "deploy {} {revision}", service.id),
                None => write!(f, "deploy {}", service.id),
            },
            Self::Rollback(Rollback { service, .. }) => write!(f, "rollback {}", service.id),
            Self::Restart(Restart { service }) => write!(f, "restart {}", service.id),
            Self::Remove(Remove { service, .. }) => write!(f, "remove {service}"),
            Self::RemoveAll => f.write_str("remove all"),
            Self::Pause(Pause { service, job }) => write!(f, "pause {service} {job}"),
            Self::Resume(Resume { service, job }) => write!(f, "resume {service} {job}"),
        }
    }
}
