//! Deploys a revision of one service, and rolls back.

use jiff::Timestamp;

use super::error::Error;
use super::{Conductor, Prune};
use crate::event::{Event, Watcher};
use crate::report::Report;
use crate::system::Systemd;
use conductor_core::name::Revision;
use conductor_core::plan::{self, Desired, Observed, Plan, RollbackTarget};
use conductor_core::release::Release;
use conductor_core::service::Service;
use conductor_core::unit::{Kind, UnitSet};

impl Conductor {
    /// Plans what [`deploy`](Self::deploy) would do, and does nothing.
    ///
    /// # Errors
    /// As for [`plan`](Self::plan); or the image of the service names another revision.
    pub fn plan_deploy(
        &self,
        service: &Service,
        revision: &Revision,
    ) -> Result<(Plan, Observed), Error> {
        self.plan(&[at(service, revision)?], Prune::Ignore)
    }

    /// Makes a service run a revision: starts its instances, waits until they are healthy, leads
    /// requests to them, and stops those that ran before.
    ///
    /// Killed anywhere, running it again finishes the work; until then what served goes on serving.
    ///
    /// # Errors
    /// As for [`plan_deploy`](Self::plan_deploy); or the lock is held, or a file cannot be written.
    /// What does not become healthy is taken away again, and is a failure in the report.
    pub fn deploy(
        &self,
        service: &Service,
        revision: &Revision,
        watcher: &mut dyn Watcher,
    ) -> Result<Report, Error> {
        let deployed = [at(service, revision)?];
        let purpose = format!("deploy {} {revision}", service.id);
        self.change(&purpose, watcher, |systemd, watcher| {
            let (plan, _) = self.plan_with(&deployed, Prune::Ignore, systemd)?;
            advise(service, revision, watcher);
            Ok(plan)
        })
    }

    /// Plans what [`rollback`](Self::rollback) would do, and does nothing.
    ///
    /// # Errors
    /// As for [`rollback`](Self::rollback).
    pub fn plan_rollback(
        &self,
        service: &Service,
        to: Option<&RollbackTarget>,
    ) -> Result<(Plan, Observed), Error> {
        self.rollback_with(service, to, self.systemd()?.as_ref())
    }

    /// Makes a service run a release that is kept on the host, as it was; without `to`, the one that the
    /// current release replaced.
    ///
    /// # Errors
    /// No such release is kept; else as for [`deploy`](Self::deploy).
    pub fn rollback(
        &self,
        service: &Service,
        to: Option<&RollbackTarget>,
        watcher: &mut dyn Watcher,
    ) -> Result<Report, Error> {
        self.change(&format!("rollback {}", service.id), watcher, |systemd, watcher| {
            let (plan, _) = self.rollback_with(service, to, systemd)?;
            for service_plan in plan.services.iter().filter(|plan| plan.changes()) {
                if let Some(revision) = &service_plan.revision {
                    advise(service, revision, watcher);
                }
            }
            Ok(plan)
        })
    }

    fn rollback_with(
        &self,
        service: &Service,
        to: Option<&RollbackTarget>,
        systemd: Option<&Systemd>,
    ) -> Result<(Plan, Observed), Error> {
        let settings = self.settings()?;
        self.check(std::slice::from_ref(service), &settings)?;
        let observed = self.observe(&settings, systemd)?;
        let releases = plan::releases(&service.id, &observed);
        let Some(current) = releases.first() else {
            return Err(Error::UnknownService { service: service.id.clone() });
        };
        let found = plan::rollback(&releases, to, Timestamp::now());
        let Some((target, record)) = found else {
            return Err(Error::NoRollback {
                service: service.id.clone(),
                wanted: to.map(ToString::to_string),
                kept: releases.iter().skip(1).map(|release| release.name.clone()).collect(),
                current: current.name.clone(),
            });
        };
        // Everything as it was: the units of the release, and those that all releases share.
        let mut units = UnitSet::default();
        for (name, unit) in observed.units_of(&service.id) {
            match &unit.metadata.kind {
                Kind::Instance(instance) if instance.release() == target.name => {
                    units.units.insert(name.clone(), unit.recorded(record.clone()));
                    units.links.insert(conductor_core::release::link(&service.id, name));
                }
                Kind::Instance(_) | Kind::Job(_) | Kind::Timer(_) => {}
                _ => {
                    units.units.insert(name.clone(), unit.clone());
                    units.links.extend(observed.links_to(&service.id, name).cloned());
                }
            }
        }
        // Jobs have units of one release only: those of the definition, at the revision of the release.
        let release = Release::new(service, target.revision.clone(), &self.templates);
        let scope = self.paths.scope;
        let jobs = release.compile_jobs(&target.name, record.as_ref(), scope, &self.templates)?;
        let desired = Desired {
            upstream: self.upstream(service, &units, &self.proxies(&settings).templates()?)?,
            revision: target.revision.clone(),
            release: target.name.clone(),
            service,
            units,
            jobs,
            before: None,
        };
        Self::refuse_foreign(desired.upstream.as_ref(), &observed)?;
        let plan = plan::converge(&desired, &observed).map_err(|foreign| self.foreign(foreign))?;
        Ok((Plan { services: vec![plan], orphans: Vec::new() }, observed))
    }
}

/// Gives a service at a revision.
pub(super) fn at(service: &Service, revision: &Revision) -> Result<Service, Error> {
    match service.image_revision() {
        Some(own) if own != *revision => Err(Error::image_revision(service, &own, revision)),
        _ => Ok(Service { revision: Some(revision.clone()), ..service.clone() }),
    }
}

/// Says that the definition goes its own way.
fn advise(service: &Service, revision: &Revision, watcher: &mut dyn Watcher) {
    if let Some(own) = service.revision.as_ref().filter(|own| *own != revision) {
        let text = format!(
            "the definition names revision {own}: the next apply goes back to it; change it, or leave \
             revision out"
        );
        watcher.tell(&Event::Note { service: &service.id, text: &text });
    }
}
