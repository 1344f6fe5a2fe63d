//! Which revision a service is to run.

use super::Conductor;
use super::error::Error;
use conductor_core::name::{Revision, ServiceId};
use conductor_core::plan::{self, Observed};
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

/// Returns a service at a revision.
pub(super) fn at(service: &Service, revision: &Revision) -> Result<Service, Error> {
    match service.image_revision() {
        Some(own) if own != *revision => Err(Error::image_revision(service, &own, revision)),
        _ => Ok(Service { revision: Some(revision.clone()), ..service.clone() }),
    }
}

/// Returns the revision of the current release.
pub(super) fn deployed_revision(service: &ServiceId, observed: &Observed) -> Option<Revision> {
    let releases = plan::releases(service, observed);
    releases.first().map(|release| release.revision.clone())
}
