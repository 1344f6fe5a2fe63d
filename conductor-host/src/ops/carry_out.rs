//! How each change is made: lock, observe, plan, carry out.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::change::Change;
use super::diff::diff;
use super::error::Error;
use super::host_checks::check_dependencies;
use super::port_checks::check_ports;
use super::site::{LockedSite, Site, SystemSite};
use super::volume_checks::check_volumes;
use super::watching::{self, Watched};
use super::{Conductor, Place, locked};
use crate::event::{Event, Watcher};
use crate::report::Report;
use crate::system::{Lock, Settings, Systemd};
use conductor_core::name::ServiceId;
use conductor_core::plan::{self, Observed, Plan};
use conductor_core::release::Images;
use conductor_core::unit::EngineImage;
use conductor_core::value::HostPath;

/// What a change would do.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Planned {
    /// The steps.
    pub plan: Plan,
    /// What is on the host, which they were planned from.
    pub observed: Observed,
}

impl Planned {
    /// Returns how files would change, as a unified diff; empty if none would.
    ///
    /// A new instance is compared with the old one of its number, so that a changed variable shows as one
    /// line although the unit has another name. When a release was deployed is no difference.
    pub fn diff(&self) -> String {
        diff(&self.plan, &self.observed)
    }
}

impl Conductor {
    /// Plans what [`carry_out`](Self::carry_out) would do, and changes nothing.
    ///
    /// # Errors
    /// A service that asks for what this version or this host does not do, or that does not compile;
    /// something foreign in the way; no such service, job or release; systemd or files cannot be read.
    pub fn plan(&self, change: &Change) -> Result<Planned, Error> {
        match &self.place {
            Place::Fake(host) => {
                let host = locked(host)?;
                self.plan_for(&*host, change, &self.settings()?)
            }
            Place::Systemd | Place::Files => {
                let site = SystemSite::new(self, self.connect_and_load()?);
                self.plan_for(&site, change, &self.settings()?)
            }
        }
    }

    /// Carries out a change, and reports each step to the watcher as it is taken.
    ///
    /// # Errors
    /// As for [`plan`](Self::plan); or another process holds the lock, or the watcher of another change calls this; or
    /// files or systemd fail. A service
    /// that does not become what it should is put back as it was where it can be, and is a failure in the
    /// report.
    pub fn carry_out(&self, change: &Change, watcher: &mut dyn Watcher) -> Result<Report, Error> {
        watching::refuse()?;
        let watcher = &mut Watched(watcher);
        if let Place::Fake(host) = &self.place {
            let host = locked(host)?;
            return self.carry_out_on(&*host, change, watcher);
        }
        let lock = self.lock(change, watcher)?;
        self.carry_out_on(
            &SystemSite::new(self, self.connect_and_load()?).locked(lock),
            change,
            watcher,
        )
    }

    /// Connects to systemd, if there is one to work with, and parses the templates meanwhile.
    fn connect_and_load(&self) -> Result<Option<Systemd>, Error> {
        rayon::join(|| self.connect(), || self.templates.load()).0
    }

    fn carry_out_on(
        &self,
        site: &impl LockedSite,
        change: &Change,
        watcher: &mut dyn Watcher,
    ) -> Result<Report, Error> {
        let settings = self.settings()?;
        site.finish_reload(&settings, watcher)?;
        let Planned { plan, mut observed } = self.plan_for(site, change, &settings)?;
        advise(change, &plan, watcher);
        site.note_ports(&plan)?;
        let orphans = plan.orphans.clone();
        observed.reserved.extend(plan.services.iter().flat_map(plan::given));
        let observed = RefCell::new(observed);
        let again = |service: &ServiceId, pulled: &[EngineImage], images: Images| {
            self.plan_again(site, (change, &settings), &observed, (service, pulled, images))
        };
        let services = site.carry_out(&settings, plan, &again, watcher)?;
        self.tell_failures(change, &observed.borrow(), &services);
        Ok(Report {
            changed: services.iter().any(|service| service.changed),
            healthy: site.has_systemd() && services.iter().all(|service| service.failure.is_none()),
            services,
            orphans,
        })
    }

    fn plan_for(
        &self,
        site: &impl Site,
        change: &Change,
        settings: &Settings,
    ) -> Result<Planned, Error> {
        self.check(change.services(), settings)?;
        let mut observed = site.observe(settings)?;
        check_dependencies(change.starting(), &observed, change.prunes())?;
        observed.contents = site.contents(&counted_files(change, &observed))?;
        observed.images.extend(site.images(self.asked_images(change, settings, &observed)));
        let listening = || site.listening_ports();
        let plan = self.plan_change(change, settings, &observed, &listening)?;
        if let Change::Rollback(rollback) = change {
            Self::check_rollback(rollback, &plan, &observed)?;
        }
        self.check_probe(change, &plan)?;
        self.check_programs(change, &plan)?;
        check_ports(change, &plan, &observed, site)?;
        check_volumes(change, &plan, site)?;
        Ok(Planned { plan, observed })
    }

    /// Locks the host. If another process holds the lock for a while, reports once which one.
    fn lock(&self, change: &Change, watcher: &mut dyn Watcher) -> Result<Lock, Error> {
        let mut told = false;
        let mut waiting = |holder: &str| {
            if !told {
                watcher.tell(Event::Waiting { holder: holder.to_owned() });
                told = true;
            }
            !watcher.is_interrupted()
        };
        let purpose = change.to_string();
        Ok(Lock::wait(&self.paths.runtime, &purpose, self.lock_timeout, &mut waiting)?)
    }
}

/// Returns the files whose contents a change has to know: those that the definitions name, and those that were
/// recorded.
fn counted_files(change: &Change, observed: &Observed) -> BTreeSet<HostPath> {
    let mut files = BTreeSet::new();
    for service in change.services() {
        files.extend(service.counted_files().cloned());
        let units = observed.units_of(&service.id).map(|(_, unit)| unit);
        let instances = units.filter_map(|unit| unit.metadata.kind.instance());
        files.extend(instances.flat_map(|instance| instance.contents.keys().cloned()));
    }
    files
}

/// Reports why instances are replaced, and that the definition names another revision than the one that will run.
fn advise(change: &Change, plan: &Plan, watcher: &mut dyn Watcher) {
    for plan in &plan.services {
        // What a pull brings decides what else is to be said.
        let own = plan.reasons.iter().chain(&plan.notes).filter(|_| !plan.pulls());
        for text in own.chain(&plan.dependencies.notes) {
            watcher.tell(Event::note(&plan.service, text));
        }
    }
    let Some((service, defined)) = change.defined() else { return };
    let is_asked_for = matches!(change, Change::Deploy(_));
    let differs = plan.services.iter().any(|plan| {
        (is_asked_for || plan.changes()) && plan.revision.as_ref().is_some_and(|to| to != defined)
    });
    if differs {
        let text = format!(
            "the definition names revision {defined}: the next apply goes back to it; change it, or leave \
             revision out"
        );
        watcher.tell(Event::note(service, text));
    }
}
