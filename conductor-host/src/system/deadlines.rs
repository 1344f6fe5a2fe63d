//! How long systemd's jobs may take.

use std::time::Duration;

use conductor_core::name::UnitName;
use futures_util::lock::Mutex;
use probe_protocol::FETCH;
use zbus::OwnedObjectPath;

use super::clock::sleep;
use super::systemd::{SERVICE, Systemd, SystemdError};
use super::systemd_jobs::JobType;

/// What a job may take beyond the time of its unit, on a busy host.
const SLACK: Duration = Duration::from_secs(15);

/// What counts for a unit without a time of its own, such as a target: systemd's default for services.
const DEFAULT: Duration = Duration::from_secs(90);

const SIGKILL: i32 = 9;

impl Systemd {
    /// Waits until a job has taken longer than it may, and returns how long that is; for ever if its operator
    /// set no time (systemd.service(5)). `asking` is held meanwhile by whoever asks systemd.
    ///
    /// # Errors
    /// systemd does not answer.
    pub(super) async fn overdue(
        &self,
        job: JobType,
        unit: &UnitName,
        asking: &Mutex<()>,
    ) -> Result<Duration, SystemdError> {
        // No job may take less; most take much less, and nobody asks for their limits.
        sleep(SLACK).await;
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

    /// Returns how long a job of a unit may take, without the slack.
    async fn limit(
        &self,
        job: JobType,
        path: &OwnedObjectPath,
    ) -> Result<Option<Duration>, SystemdError> {
        let start = self.time(path, "TimeoutStartUSec").await?.map(|time| time + FETCH);
        // What does not end in time is killed, and then has that time once more.
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

    /// Kills all processes of a unit. One that has none any more cannot be killed.
    pub(super) async fn kill(&self, unit: &UnitName) {
        let _ = self.manager.kill_unit(unit.as_str(), "all", SIGKILL).await;
    }
}
