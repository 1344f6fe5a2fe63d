//! Converges a host to definitions, and takes services off it.

use std::collections::BTreeSet;
use std::path::Path;

use super::Conductor;
use super::error::Error;
use super::event::Watcher;
use super::execute::Executor;
use super::report::Report;
use crate::error::Problems;
use crate::host::{Lock, Systemd, listening_ports};
use crate::name::ServiceId;
use crate::plan::{self, Desired, Foreign, Observed, Plan};
use crate::release::Release;
use crate::runtime::{PROBE, is_probed};
use crate::service::Service;

impl Conductor {
    /// Plans what [`apply`](Self::apply) would do, and does nothing. The observation that the plan
    /// is made from comes with it.
    ///
    /// # Errors
    /// A service that asks for what this version does not do, or does not compile; something
    /// foreign in the way; systemd or the unit directory cannot be read.
    pub fn plan(&self, services: &[Service], prune: Prune) -> Result<(Plan, Observed), Error> {
        let systemd = self.systemd()?;
        self.plan_with(services, prune, systemd.as_ref())
    }

    fn plan_with(
        &self,
        services: &[Service],
        prune: Prune,
        systemd: Option<&Systemd>,
    ) -> Result<(Plan, Observed), Error> {
        let not_yet: Vec<_> =
            services.iter().flat_map(|service| service.not_yet.iter().cloned()).collect();
        if !not_yet.is_empty() {
            return Err(Error::NotYet(Problems(not_yet)));
        }
        self.check_probe(services)?;
        let settings = self.settings()?;
        let observed = self.observe(systemd)?;
        // What listens on an image that is being built is not what will listen where it runs.
        let listening = || {
            if self.online { Ok(listening_ports()?) } else { Ok([].into()) }
        };
        let converge = |release: Release<'_>, units| {
            let desired = Desired {
                service: release.service.id.clone(),
                revision: release.revision,
                units,
                order: release.service.deploy.order,
            };
            plan::converge(&desired, &observed).map_err(|foreign| self.foreign(foreign))
        };
        let plans = self.compile(services, &observed, &settings, &listening, converge)?;
        let mut plan = Plan { services: plans, orphans: Vec::new() };
        if prune != Prune::Ignore {
            let defined: BTreeSet<_> = services.iter().map(|service| &service.id).collect();
            let orphans = observed.services().filter(|id| !defined.contains(id));
            if prune == Prune::Remove {
                plan.services.extend(orphans.map(|id| plan::remove(id, &observed)));
            } else {
                plan.orphans = orphans.cloned().collect();
            }
        }
        Ok((plan, observed))
    }

    /// Without the probe no instance that needs it would start; an image that is being built may
    /// get it later.
    fn check_probe(&self, services: &[Service]) -> Result<(), Error> {
        let probe = Path::new(PROBE);
        let probed = services.iter().find(|service| service.instances > 0 && is_probed(service));
        match probed {
            Some(service) if self.online && !probe.exists() => {
                Err(Error::NoProbe { service: service.id.clone(), probe: probe.to_owned() })
            }
            _ => Ok(()),
        }
    }

    fn foreign(&self, foreign: Foreign) -> Error {
        Error::Foreign { directory: self.paths.units.clone(), foreign }
    }

    /// Makes the host run exactly these services, and tells of each step as it is taken.
    ///
    /// Running it again changes nothing. Killed anywhere, running it again finishes the work.
    ///
    /// # Errors
    /// As for [`plan`](Self::plan); or the lock is held, or a file cannot be written. A service that
    /// does not start is put back as it was, and is a failure in the report.
    pub fn apply(
        &self,
        services: &[Service],
        prune: Prune,
        watcher: &mut dyn Watcher,
    ) -> Result<Report, Error> {
        let lock = Lock::take(&self.paths.runtime)?;
        let systemd = self.systemd()?;
        self.finish_reload(&lock, systemd.as_ref(), watcher)?;
        let (plan, _) = self.plan_with(services, prune, systemd.as_ref())?;
        self.execute(plan, &lock, systemd.as_ref(), watcher)
    }

    /// Stops a service and removes its units.
    ///
    /// # Errors
    /// No such service is on the host; the lock is held; files or systemd fail.
    pub fn remove(&self, service: &ServiceId, watcher: &mut dyn Watcher) -> Result<Report, Error> {
        let lock = Lock::take(&self.paths.runtime)?;
        let systemd = self.systemd()?;
        self.finish_reload(&lock, systemd.as_ref(), watcher)?;
        let observed = self.observe(systemd.as_ref())?;
        let plan = plan::remove(service, &observed);
        if plan.steps.is_empty() {
            return Err(Error::UnknownService { service: service.clone() });
        }
        let plan = Plan { services: vec![plan], orphans: Vec::new() };
        self.execute(plan, &lock, systemd.as_ref(), watcher)
    }

    /// Tells systemd what a process that was killed before could not tell it any more.
    fn finish_reload(
        &self,
        lock: &Lock,
        systemd: Option<&Systemd>,
        watcher: &mut dyn Watcher,
    ) -> Result<(), Error> {
        match systemd {
            Some(systemd) if lock.was_stale() => {
                self.executor(lock, Some(systemd), watcher).reload(systemd, None)
            }
            _ => Ok(()),
        }
    }

    fn execute(
        &self,
        plan: Plan,
        lock: &Lock,
        systemd: Option<&Systemd>,
        watcher: &mut dyn Watcher,
    ) -> Result<Report, Error> {
        let services = self.executor(lock, systemd, watcher).run(plan.services)?;
        Ok(Report {
            changed: services.iter().any(|service| service.changed),
            healthy: systemd.is_some() && services.iter().all(|service| service.failure.is_none()),
            services,
            orphans: plan.orphans,
        })
    }

    fn executor<'c>(
        &self,
        lock: &'c Lock,
        systemd: Option<&'c Systemd>,
        watcher: &'c mut dyn Watcher,
    ) -> Executor<'c> {
        let scope = self.paths.scope;
        Executor { directory: self.directory(), systemd, lock, scope, watcher }
    }
}

/// What happens to services on the host that no definition names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prune {
    /// They are nobody's business: only some of the definitions were given.
    Ignore,
    /// They stay, and are named in the report.
    Report,
    /// They are stopped and removed.
    Remove,
}
