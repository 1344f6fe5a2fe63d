//! Converges a host to definitions, and takes services off it.

use std::sync::Arc;

use super::Conductor;
use super::error::Error;
use super::planning::REMOVE_DRAIN;
use crate::event::{Event, Watcher};
use crate::executor::Executor;
use crate::report::Report;
use crate::system::{Lock, SystemHost, Systemd, last_port};
use conductor_core::name::ServiceId;
use conductor_core::plan::{self, Observed, Plan};
use conductor_core::service::Service;

impl Conductor {
    /// Plans what [`apply`](Self::apply) would do, and does nothing. The observation that the plan
    /// is made from comes with it.
    ///
    /// # Errors
    /// A service that asks for what this version does not do, or does not compile; something
    /// foreign in the way; systemd or the unit directory cannot be read.
    pub fn plan(&self, services: &[Service], prune: Prune) -> Result<(Plan, Observed), Error> {
        self.plan_with(services, prune, self.systemd()?.as_ref())
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
        self.change("apply", watcher, |systemd, _| Ok(self.plan_with(services, prune, systemd)?.0))
    }

    /// Plans what [`remove`](Self::remove) would do, and does nothing.
    ///
    /// # Errors
    /// No such service is on the host; systemd or the unit directory cannot be read.
    pub fn plan_remove(&self, service: &ServiceId) -> Result<(Plan, Observed), Error> {
        self.remove_with(service, self.systemd()?.as_ref())
    }

    /// Stops a service and removes its units.
    ///
    /// # Errors
    /// No such service is on the host; the lock is held; files or systemd fail.
    pub fn remove(&self, service: &ServiceId, watcher: &mut dyn Watcher) -> Result<Report, Error> {
        self.change(&format!("remove {service}"), watcher, |systemd, _| {
            Ok(self.remove_with(service, systemd)?.0)
        })
    }

    fn remove_with(
        &self,
        service: &ServiceId,
        systemd: Option<&Systemd>,
    ) -> Result<(Plan, Observed), Error> {
        let observed = self.observe(&self.settings()?, systemd)?;
        let plan = plan::remove(service, REMOVE_DRAIN, &observed);
        match plan.changes() {
            true => Ok((Plan { services: vec![plan], orphans: Vec::new() }, observed)),
            false => Err(Error::UnknownService { service: service.clone() }),
        }
    }

    /// Takes the lock, makes a plan and carries it out.
    pub(super) fn change(
        &self,
        purpose: &str,
        watcher: &mut dyn Watcher,
        plan: impl FnOnce(Option<&Systemd>, &mut dyn Watcher) -> Result<Plan, Error>,
    ) -> Result<Report, Error> {
        let mut told = false;
        let mut waiting = |holder: &str| {
            if !told {
                watcher.tell(&Event::Waiting { holder });
                told = true;
            }
            !watcher.is_interrupted()
        };
        let lock = Lock::wait(&self.paths.runtime, purpose, self.lock_timeout, &mut waiting)?;
        // The templates are needed a little later.
        let (systemd, ()) = rayon::join(|| self.systemd(), || self.templates.load());
        let systemd = systemd?.map(Arc::new);
        let proxies = self.proxies(&self.settings()?);
        if systemd.is_some() && lock.was_stale() {
            // What a process that was killed before could not tell systemd any more.
            SystemHost::with(
                &self.paths,
                &lock,
                proxies.clone(),
                systemd.as_ref(),
                async |host| Executor::new(&host, watcher).reload(None).await,
            )??;
        }
        let plan = plan(systemd.as_deref(), watcher)?;
        if systemd.is_some() {
            self.note_ports(&plan)?;
        }
        // To be told of the ends of jobs costs something, too.
        let connected = systemd.as_ref().filter(|_| plan.changes());
        let services = SystemHost::with(&self.paths, &lock, proxies, connected, async |host| {
            Executor::new(&host, watcher).run(plan.services).await
        })??;
        Ok(Report {
            changed: services.iter().any(|service| service.changed),
            healthy: systemd.is_some() && services.iter().all(|service| service.failure.is_none()),
            services,
            orphans: plan.orphans,
        })
    }

    /// Notes which ports are given, so that those of a deploy that fails do not come again at once.
    fn note_ports(&self, plan: &Plan) -> Result<(), Error> {
        let before = last_port::read(&self.paths.runtime)?;
        match plan::last_given(&plan.services, before) {
            Some(port) => Ok(last_port::write(&self.paths.runtime, port)?),
            None => Ok(()),
        }
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
