//! Which revision a service is to run.

use super::Conductor;
use super::error::Error;
use conductor_core::name::{Revision, ServiceId};
use conductor_core::plan::{self, Observed};
use conductor_core::release::Release;
use conductor_core::service::Service;

impl Conductor {
    /// Returns a service at the revision that the caller names, or that is deployed, or that its definition names.
    pub(super) fn at_revision(
        &self,
        service: &Service,
        wanted: Option<&Revision>,
    ) -> Result<Service, Error> {
        if let Some(revision) = wanted {
            return at(service, revision);
        }
        let deployed = match service.image_revision() {
            Some(fixed) => Some(fixed),
            None => deployed_revision(&service.id, &self.observe_files(None)?),
        };
        let revision =
            deployed.or_else(|| service.own_revision()).or_else(|| service.default_revision());
        let revision = revision.ok_or_else(|| Error::no_revision(&[service]))?;
        at(service, &revision)
    }
}

impl Conductor {
    /// Returns services, each at the revision that its definition names, or that is deployed. One with neither stays
    /// without.
    ///
    /// # Errors
    /// A definition names no revision, and the units of the host cannot be read.
    pub fn at_revisions(&self, services: Vec<Service>) -> Result<Vec<Service>, Error> {
        if services.iter().all(|service| service.own_revision().is_some()) {
            return Ok(services);
        }
        let observed = self.observe_files(None)?;
        let at_revision = |service: Service| {
            let own = service.own_revision();
            let revision = own.or_else(|| deployed_revision(&service.id, &observed));
            match revision.map(|revision| service.at_revision(&revision)) {
                Some(Ok(service)) => service,
                Some(Err(_)) | None => service,
            }
        };
        Ok(services.into_iter().map(at_revision).collect())
    }

    /// Returns a service at the revision of its current release.
    ///
    /// # Errors
    /// It is not on the host, or its definition describes another release.
    pub(super) fn as_running(
        &self,
        service: &Service,
        observed: &Observed,
    ) -> Result<Service, Error> {
        let releases = plan::releases(&service.id, observed);
        let Some(current) = releases.first() else {
            return Err(Error::UnknownService { service: service.id.clone() });
        };
        let (id, revision) = (service.id.clone(), current.revision.clone());
        let redefined = Error::Redefined { service: id, current: current.name.clone() };
        let Ok(service) = at(service, &revision) else { return Err(redefined) };
        let release = Release::new(&service, revision, &self.templates);
        let release = plan::as_deployed(release, observed, &self.templates);
        if release.name() == current.name { Ok(service) } else { Err(redefined) }
    }
}

/// Returns a service at a revision.
pub(super) fn at(service: &Service, revision: &Revision) -> Result<Service, Error> {
    let at = service.at_revision(revision);
    at.map_err(|own| Error::image_revision(service, &own, revision))
}

/// Returns the revision at which a service runs that names none: that of its current release. All processes of an
/// application run at one revision, which is that of the newest deploy: it may have been killed before it came to all.
pub(super) fn revision_on_host(service: &Service, observed: &Observed) -> Option<Revision> {
    let Some(application) = &service.application else {
        return deployed_revision(&service.id, observed);
    };
    let processes = observed.processes_of(application).into_iter();
    let current = processes.filter_map(|id| plan::releases(&id, observed).into_iter().next());
    current.max_by(|a, b| a.record.cmp(&b.record)).map(|current| current.revision)
}

/// Returns the revision of the current release.
pub(super) fn deployed_revision(service: &ServiceId, observed: &Observed) -> Option<Revision> {
    let releases = plan::releases(service, observed);
    releases.first().map(|release| release.revision.clone())
}
