//! Keeps jobs from being run by the clock, and lets them run again.

use jiff::Timestamp;

use super::Conductor;
use super::error::Error;
use super::scheduled_jobs::find;
use crate::event::Watcher;
use crate::report::Report;
use crate::system::Systemd;
use conductor_core::name::{JobName, ServiceId};
use conductor_core::plan::{self, Observed, Plan};

/// What is done to the timer of a job.
#[derive(Debug, Clone, Copy)]
enum Change {
    Pause(Timestamp),
    Resume,
}

impl Conductor {
    /// Plans what [`pause`](Self::pause) would do, and does nothing.
    ///
    /// # Errors
    /// There is no such job on this host; systemd or the unit directory cannot be read.
    pub fn plan_pause(
        &self,
        service: &ServiceId,
        job: &JobName,
    ) -> Result<(Plan, Observed), Error> {
        let change = Change::Pause(Timestamp::now());
        self.schedule_with(change, service, job, self.systemd()?.as_ref())
    }

    /// Keeps a job from being run by the clock, until it is resumed; a run that is under way goes on.
    /// `apply` and `deploy` keep it so.
    ///
    /// # Errors
    /// There is no such job on this host; the lock is held; files or systemd fail.
    pub fn pause(
        &self,
        service: &ServiceId,
        job: &JobName,
        watcher: &mut dyn Watcher,
    ) -> Result<Report, Error> {
        let change = Change::Pause(Timestamp::now());
        self.change(&format!("pause {service} {job}"), watcher, |systemd, _| {
            Ok(self.schedule_with(change, service, job, systemd)?.0)
        })
    }

    /// Plans what [`resume`](Self::resume) would do, and does nothing.
    ///
    /// # Errors
    /// As for [`plan_pause`](Self::plan_pause).
    pub fn plan_resume(
        &self,
        service: &ServiceId,
        job: &JobName,
    ) -> Result<(Plan, Observed), Error> {
        self.schedule_with(Change::Resume, service, job, self.systemd()?.as_ref())
    }

    /// Lets a job be run by the clock again.
    ///
    /// # Errors
    /// As for [`pause`](Self::pause).
    pub fn resume(
        &self,
        service: &ServiceId,
        job: &JobName,
        watcher: &mut dyn Watcher,
    ) -> Result<Report, Error> {
        self.change(&format!("resume {service} {job}"), watcher, |systemd, _| {
            Ok(self.schedule_with(Change::Resume, service, job, systemd)?.0)
        })
    }

    fn schedule_with(
        &self,
        change: Change,
        service: &ServiceId,
        job: &JobName,
        systemd: Option<&Systemd>,
    ) -> Result<(Plan, Observed), Error> {
        let observed = self.observe(&self.settings()?, systemd)?;
        let (_, timer) = find(service, job, &observed)?;
        let plan = match change {
            Change::Pause(since) => plan::pause(service, &timer, since, &observed),
            Change::Resume => plan::resume(service, &timer, &observed),
        };
        Ok((Plan { services: vec![plan], orphans: Vec::new() }, observed))
    }
}
