//! Plans the rollback to a release that is kept on the host.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::Conductor;
use super::change::Rollback;
use super::error::Error;
use crate::system::Settings;
use conductor_core::error::Problems;
use conductor_core::plan::{self, Desired, Observed, ServicePlan};
use conductor_core::release::{Release, link, start_link, units_shared_by};
use conductor_core::unit::{Kind, UnitSet};

impl Conductor {
    pub(super) fn plan_rollback(
        &self,
        Rollback { service, to }: &Rollback,
        settings: &Settings,
        observed: &Observed,
    ) -> Result<ServicePlan, Error> {
        let releases = plan::releases(&service.id, observed);
        let Some(current) = releases.first() else {
            return Err(Error::UnknownService { service: service.id.clone() });
        };
        let found = plan::rollback(&releases, to.as_ref(), Timestamp::now());
        let Some((target, record)) = found else {
            return Err(Error::NoRollback {
                service: service.id.clone(),
                wanted: to.as_ref().map(ToString::to_string),
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
        let scope = self.paths.scope;
        units.links.insert(start_link(&service.id, scope));
        let shared = units_shared_by(std::slice::from_ref(service), scope, &self.templates)?;
        // Jobs have units of one release only: those of the definition, at the revision of the release.
        let release = Release::new(service, target.revision.clone(), &self.templates);
        let release = plan::with_images_of(release, &target.name, observed);
        let jobs = release.compile_jobs(&target.name, record.as_ref(), scope, &self.templates)?;
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
        let plan = self.converge_one(&desired, observed)?;
        // The files that a release of another definition needs are not known.
        let missing = match unchanged {
            true => self.missing_for(&release, &desired, &plan, None),
            false => Vec::new(),
        };
        if missing.is_empty() { Ok(plan) } else { Err(Problems(missing).into()) }
    }
}
