//! How long systemd's jobs may take, and what becomes of those that take longer.
//!
//! A unit has its own deadlines, which systemd keeps. But a unit can put them off (`EXTEND_TIMEOUT_USEC=`,
//! `sd_notify(3)`), an operator can leave them out, and the lock of the host is held meanwhile. So whoever waits for a
//! job has a deadline, too.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use super::jobs::{Job, JobError};
use super::systemd::{SERVICE, Systemd, SystemdError};
use conductor_core::name::UnitName;

/// What a job may take beyond the time of its unit, on a busy host.
const SLACK: Duration = Duration::from_secs(15);

/// For how long the probe may ask for more time while an engine fetches an image; see `conductor-probe`.
const FETCH: Duration = Duration::from_mins(30);

/// What counts for a unit without a time of its own, such as a target: systemd's default for services.
const DEFAULT: Duration = Duration::from_secs(90);

/// How often to look, and when for the first time: no job may take less.
const PAUSE: Duration = Duration::from_secs(1);

/// How long a unit may take to be gone when it was killed, before nobody waits for it any more.
const DEATH: Duration = Duration::from_secs(10);

const SIGKILL: i32 = 9;

/// The deadlines of jobs that run.
pub(super) struct Deadlines<'s> {
    systemd: &'s Systemd,
    job: Job,
    units: &'s [UnitName],
    began: Instant,
    looked: Instant,
    /// How long each may take, as far as it was asked for; `None` if for ever.
    limits: HashMap<UnitName, Option<Duration>>,
    /// Those that were killed, and when.
    killed: HashMap<UnitName, Instant>,
}

impl<'s> Deadlines<'s> {
    pub(super) fn new(systemd: &'s Systemd, job: Job, units: &'s [UnitName]) -> Self {
        let now = Instant::now();
        let (limits, killed) = (HashMap::new(), HashMap::new());
        Self { systemd, job, units, began: now, looked: now, limits, killed }
    }

    /// Kills the units whose jobs take too long, and cancels the jobs of those that do not even die.
    ///
    /// # Errors
    /// systemd does not answer.
    pub(super) fn enforce(&mut self) -> Result<(), SystemdError> {
        let now = Instant::now();
        if now.duration_since(self.began) < SLACK || now.duration_since(self.looked) < PAUSE {
            return Ok(());
        }
        self.looked = now;
        let listed = zbus::block_on(self.systemd.list())?;
        for held in listed.into_iter().filter(|held| held.job_id != 0) {
            let Some(unit) = self.units.iter().find(|unit| unit.as_str() == held.name) else {
                continue;
            };
            if let Some(killed) = self.killed.get(unit) {
                if now.duration_since(*killed) > DEATH {
                    // It may have ended by now.
                    let _ = zbus::block_on(self.systemd.manager.cancel_job(held.job_id));
                }
                continue;
            }
            if !self.limits.contains_key(unit) {
                let limit = zbus::block_on(self.limit(&held.path))?;
                self.limits.insert(unit.clone(), limit);
            }
            let limit = self.limits.get(unit).copied().flatten();
            if limit.is_some_and(|limit| now.duration_since(self.began) > limit) {
                self.killed.insert(unit.clone(), now);
                let kill = self.systemd.manager.kill_unit(unit.as_str(), "all", SIGKILL);
                // One that has no process any more cannot be killed.
                let _ = zbus::block_on(kill);
            }
        }
        Ok(())
    }

    /// Returns how long a job of a unit may take; `None` if its operator set no time (systemd.service(5)).
    async fn limit(&self, path: &zbus::OwnedObjectPath) -> Result<Option<Duration>, SystemdError> {
        let start = self.time(path, "TimeoutStartUSec").await?.map(|time| time + FETCH);
        // What does not end in time is killed, and then has that time once more.
        let stop = self.time(path, "TimeoutStopUSec").await?.map(|time| time * 2);
        let limit = match self.job {
            Job::Start | Job::Run | Job::Reload => start,
            Job::Stop => stop,
            Job::Restart => start.zip(stop).map(|(start, stop)| start.saturating_add(stop)),
        };
        Ok(limit.map(|limit| limit.saturating_add(SLACK)))
    }

    async fn time(
        &self,
        path: &zbus::OwnedObjectPath,
        property: &'static str,
    ) -> Result<Option<Duration>, SystemdError> {
        let value = self.systemd.get(path, SERVICE, property).await?;
        let Some(usec) = value.and_then(|value| u64::try_from(value).ok()) else {
            return Ok(Some(DEFAULT));
        };
        Ok((usec != u64::MAX).then(|| Duration::from_micros(usec)))
    }

    /// Returns how each unit fared; what had to be killed did not do what its job was for.
    pub(super) fn judge(
        &self,
        mut results: BTreeMap<UnitName, Result<(), JobError>>,
    ) -> BTreeMap<UnitName, Result<(), JobError>> {
        for unit in self.killed.keys() {
            let limit = self.limits.get(unit).copied().flatten().unwrap_or_default();
            results.insert(unit.clone(), Err(JobError::Overdue { job: self.job, limit }));
        }
        results
    }
}
