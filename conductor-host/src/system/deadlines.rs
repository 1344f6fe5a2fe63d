//! The time limits of systemd jobs.

use std::time::Duration;

use conductor_core::name::UnitName;
use futures_util::lock::Mutex;
use probe_protocol::FETCH;
use zbus::OwnedObjectPath;

use super::clock::sleep;
use super::systemd::{SERVICE, Systemd, SystemdError};
use super::systemd_jobs::JobType;

/// How much longer than its unit's timeout a job may take on a busy host.
const SLACK: Duration = Duration::from_secs(15);

/// The timeout of a unit that has none, such as a target: systemd's default for services.
const DEFAULT: Duration = Duration::from_secs(90);

pub(super) const SIGKILL: i32 = 9;
pub(super) const SIGTERM: i32 = 15;

impl Systemd {
    /// Waits until a job has exceeded its time limit, and returns the limit; waits forever if the unit's
    /// timeout is `infinity` (systemd.service(5)). `asking` is locked during the calls to systemd.
    ///
    /// # Errors
    /// systemd does not answer.
    pub(super) async fn overdue(
        &self,
        job: JobType,
        unit: &UnitName,
        asking: &Mutex<()>,
    ) -> Result<Duration, SystemdError> {
        // No limit is shorter than this. Most jobs end sooner, so their limits are never read.
        sleep(SLACK).await;
        // systemd counts from the time at which the unit itself starts, and it may wait for others.
        while job == JobType::Run && self.is_queued(unit).await? {
            sleep(SLACK).await;
        }
        let turn = asking.lock().await;
        let limit = match self.path(unit).await? {
            Some(path) => self.limit(job, &path).await?,
            None => Some(DEFAULT),
        };
        drop(turn);
        match limit {
            Some(limit) => sleep(limit).await,
            None => std::future::pending().await,
        }
        Ok(limit.unwrap_or_default().saturating_add(SLACK))
    }

    /// Returns the time limit of a job, without the slack.
    async fn limit(
        &self,
        job: JobType,
        path: &OwnedObjectPath,
    ) -> Result<Option<Duration>, SystemdError> {
        let start = self.time(path, "TimeoutStartUSec").await?.map(|time| time + FETCH);
        // systemd kills a unit after this time, and then waits for the same time again.
        let stop = self.time(path, "TimeoutStopUSec").await?.map(|time| time * 2);
        Ok(match job {
            JobType::Start | JobType::Run | JobType::Reload => start,
            JobType::Stop => stop,
            JobType::Restart => start.zip(stop).map(|(start, stop)| start.saturating_add(stop)),
        })
    }

    async fn time(
        &self,
        path: &OwnedObjectPath,
        property: &'static str,
    ) -> Result<Option<Duration>, SystemdError> {
        let value = self.get(path, SERVICE, property).await?;
        let Some(usec) = value.and_then(|value| u64::try_from(value).ok()) else {
            return Ok(Some(DEFAULT));
        };
        Ok((usec != u64::MAX).then(|| Duration::from_micros(usec)))
    }

    /// Kills all processes of a unit. It is not an error if there are none.
    pub(super) async fn kill(&self, unit: &UnitName) {
        self.signal(unit, SIGKILL).await;
    }

    /// Sends a signal to all processes of a unit. It is not an error if there are none.
    pub(super) async fn signal(&self, unit: &UnitName, signal: i32) {
        let _ = self.manager.kill_unit(unit.as_str(), "all", signal).await;
    }
}
