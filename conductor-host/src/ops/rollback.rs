//! Plans the rollback to a release that is kept on the host.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::Conductor;
use super::change::Rollback;
use super::error::Error;
use super::images::never_pull;
use super::planning::present;
use crate::system::Settings;
use conductor_core::definition::PullPolicy;
use conductor_core::error::Problems;
use conductor_core::name::ServiceId;
use conductor_core::plan::{self, Desired, Observed, Plan, RollbackTarget, ServicePlan};
use conductor_core::release::{Release, link, start_link, units_shared_by};
use conductor_core::service::Service;
use conductor_core::unit::{Kind, UnitSet};

impl Conductor {
    /// Plans the rollback of a service, or of all processes of an application: to the same revision.
    pub(super) fn plan_rollbacks(
        &self,
        Rollback { services, to }: &Rollback,
        settings: &Settings,
        observed: &Observed,
    ) -> Result<Vec<ServicePlan>, Error> {
        let services = present(services, observed)?;
        if let ([_, _, ..], Some(RollbackTarget::Release(release))) = (services.as_slice(), to) {
            let release = release.clone();
            return Err(Error::ReleaseOfOne { application: application(services[0]), release });
        }
        let plan =
            |service: &&Service| self.plan_rollback(service, to.as_ref(), settings, observed);
        let plans = services.iter().map(plan).collect::<Result<Vec<_>, _>>()?;
        let revisions: BTreeSet<_> =
            plans.iter().filter_map(|plan| plan.revision.as_ref()).collect();
        if revisions.len() > 1 {
            let to = plans.iter().map(|plan| (plan.service.clone(), plan.revision.clone()));
            let to = to.filter_map(|(service, to)| Some((service, to?))).collect();
            return Err(Error::Revisions { application: application(services[0]), to });
        }
        Ok(plans)
    }

    /// Checks that a rollback of one process leaves the application at one revision.
    pub(super) fn check_rollback(
        Rollback { services, .. }: &Rollback,
        plan: &Plan,
        observed: &Observed,
    ) -> Result<(), Error> {
        let ([service], [plan]) = (services.as_slice(), plan.services.as_slice()) else {
            return Ok(());
        };
        let Some(application) = &service.application else { return Ok(()) };
        let current = plan::releases(&service.id, observed).into_iter().next();
        let moves =
            current.is_some_and(|current| plan.revision.as_ref() != Some(&current.revision));
        if moves && observed.processes_of(application).len() > 1 {
            let (service, application) = (service.id.clone(), application.clone());
            return Err(Error::OneProcess { service, application });
        }
        Ok(())
    }

    fn plan_rollback(
        &self,
        service: &Service,
        to: Option<&RollbackTarget>,
        settings: &Settings,
        observed: &Observed,
    ) -> Result<ServicePlan, Error> {
        let releases = plan::releases(&service.id, observed);
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
        // The units of the release as they were, and those that all releases share.
        let mut units = UnitSet::default();
        for (name, unit) in observed.units_of(&service.id) {
            match &unit.metadata.kind {
                Kind::Instance(instance) if instance.release() == target.name => {
                    // Its instances will read the files as they are now.
                    let hashes = instance.contents.iter().map(|(path, old)| {
                        let now = observed.contents.get(path).unwrap_or(old);
                        (path.clone(), now.clone())
                    });
                    let unit = unit.recorded(record.clone()).with_contents(hashes.collect());
                    units.units.insert(name.clone(), unit);
                    units.links.insert(link(&service.id, name));
                }
                Kind::Target => {
                    units.units.insert(name.clone(), unit.clone());
                }
                _ => {}
            }
        }
        let (scope, host_limit) = (self.paths.scope, settings.max_parallel);
        units.links.insert(start_link(&service.id, scope));
        let alone = std::slice::from_ref(service);
        let shared = units_shared_by(alone, host_limit, scope, &self.templates)?;
        // Jobs have units of one release only: those of the definition, at the revision of the release.
        let release = Release::new(service, target.revision.clone(), &self.templates);
        let release = plan::with_images_of(release, &target.name, observed);
        let (name, record) = (&target.name, record.as_ref());
        let jobs = release.compile_jobs(name, record, host_limit, scope, &self.templates)?;
        let renewed = release.renewed(target.renewed, &self.templates);
        let unchanged = renewed.name() == target.name;
        let desired = Desired {
            upstream: self.upstream(service, &units, &self.proxies(settings).templates()?)?,
            revision: target.revision.clone(),
            release: target.name.clone(),
            service,
            units,
            shared: &shared,
            jobs,
            before: None,
            twins: BTreeSet::new(),
        };
        let mut plan = self.converge_one(&desired, observed)?;
        if service.pull == PullPolicy::Never {
            never_pull(service, &mut plan, observed)?;
        }
        // The files that a release of another definition needs are not known.
        let missing = match unchanged {
            true => self.missing_for(&release, &desired, &plan, None),
            false => Vec::new(),
        };
        if missing.is_empty() { Ok(plan) } else { Err(Problems(missing).into()) }
    }
}

fn application(service: &Service) -> ServiceId {
    service.application.clone().unwrap_or_else(|| service.id.clone())
}
