//! The state of scheduled jobs in systemd: their timers and their services.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use futures_util::try_join;
use serde::{Deserialize, Serialize};
use zbus::{OwnedObjectPath, OwnedVariant};

use super::block::block_on;
use super::clock::monotonic;
use super::systemd::manager::ListedUnit;
use super::systemd::{CALLS_AT_A_TIME, SERVICE, Systemd, SystemdError, UNIT, UNITS_AT_A_TIME};
use crate::words::UnitResult;
use conductor_core::name::UnitName;
use conductor_core::plan::ActiveState;

const TIMER: &str = "org.freedesktop.systemd1.Timer";

/// The state of a scheduled job. Times are in microseconds since 1970.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct JobDetails {
    /// Whether its timer is active.
    pub waits: bool,
    /// When it runs next, including its random delay.
    pub next_usec: Option<u64>,
    /// When it was last started since boot.
    pub started_usec: Option<u64>,
    /// When it last ended.
    pub ended_usec: Option<u64>,
    /// When its timer last started it. For a job that catches up on missed runs, systemd keeps this over a
    /// reboot.
    pub triggered_usec: Option<u64>,
    /// Whether it is running.
    pub running: bool,
    /// Whether it was started, and waits for other units: for its turn, if the number of jobs is limited.
    #[serde(default)]
    pub queued: bool,
    /// systemd's result of its last run: `success`, `exit-code`, `timeout`, ...
    pub result: Option<UnitResult>,
    /// How its main process ended.
    pub end: Option<CommandEnd>,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommandEnd {
    /// It exited with this status.
    Exited(i32),
    /// It was killed by this signal.
    Killed(i32),
}

impl CommandEnd {
    /// Returns the exit status as a shell reports it: for a signal, 128 plus its number.
    pub fn status(self) -> i32 {
        match self {
            Self::Exited(status) => status,
            Self::Killed(signal) => 128 + signal,
        }
    }
}

impl Systemd {
    /// Returns the states of scheduled jobs, each given as its service and its timer.
    ///
    /// # Errors
    /// systemd does not answer.
    pub fn job_details(
        &self,
        jobs: &[(UnitName, UnitName)],
    ) -> Result<Vec<JobDetails>, SystemdError> {
        block_on(async || {
            let units: Vec<_> = jobs.iter().flat_map(|(service, timer)| [service, timer]).collect();
            let held = self.list_some(&units).await?.into_iter();
            let held: HashMap<String, ListedUnit> =
                held.map(|unit| (unit.name.clone(), unit)).collect();
            let details = stream::iter(jobs).map(|(service, timer)| {
                self.job_of(held.get(service.as_str()), held.get(timer.as_str()))
            });
            details.buffered(UNITS_AT_A_TIME).try_collect().await
        })
    }

    /// Returns whether a unit was started, and waits for other units.
    ///
    /// # Errors
    /// systemd does not answer.
    pub(crate) async fn is_queued(&self, unit: &UnitName) -> Result<bool, SystemdError> {
        let held = self.list_some(&[unit]).await?;
        Ok(held.iter().any(|held| held.name == unit.as_str() && held.is_queued()))
    }

    /// Makes systemd forget when timers last ran their jobs. systemd stores that in a file for timers that
    /// catch up. For a timer without that file the call fails, which is ignored.
    pub fn forget_runs(&self, timers: &[&UnitName]) {
        block_on(async || {
            let calls = stream::iter(timers)
                .map(|timer| self.manager.clean_unit(timer.as_str(), &["state"]));
            calls.buffer_unordered(CALLS_AT_A_TIME).for_each(|_| async {}).await;
        });
    }

    /// Makes systemd forget all about timers that are stopped and not enabled, and about the last runs of their
    /// jobs. Returns whether it reloaded.
    ///
    /// A timer counts its times from the end of the job's last run, its last start, or what its file of the last
    /// run says. The first two are known as long as the units are loaded. They are unloaded once nothing refers
    /// to them; a target that was up when they were enabled does, until a reload.
    ///
    /// # Errors
    /// systemd does not answer.
    pub fn forget_timers(&self, timers: &[UnitName]) -> Result<bool, SystemdError> {
        let jobs: Vec<_> = timers.iter().map(UnitName::triggered).collect();
        // A failed unit stays loaded.
        self.reset_failed(&jobs);
        let timers: Vec<_> = timers.iter().collect();
        let held = block_on(|| self.list_some(&timers))?;
        let is_held =
            held.iter().any(|unit| timers.iter().any(|timer| timer.as_str() == unit.name));
        if is_held {
            let reload = block_on(|| self.manager.reload());
            reload.map_err(|source| SystemdError::Call { call: "Reload", source })?;
        }
        self.forget_runs(&timers);
        Ok(is_held)
    }

    async fn job_of(
        &self,
        service: Option<&ListedUnit>,
        timer: Option<&ListedUnit>,
    ) -> Result<JobDetails, SystemdError> {
        let mut details = JobDetails::default();
        if let Some(timer) = timer {
            let path = &timer.path;
            details.waits = ActiveState::from_property(&timer.active_state).is_up();
            let (next, after, triggered) = try_join!(
                self.get(path, TIMER, "NextElapseUSecRealtime"),
                self.get(path, TIMER, "NextElapseUSecMonotonic"),
                self.get(path, TIMER, "LastTriggerUSec"),
            )?;
            details.next_usec = time(next).or_else(|| time(after).and_then(from_monotonic));
            details.triggered_usec = time(triggered);
        }
        let Some(service) = service else { return Ok(details) };
        let path = &service.path;
        details.running = matches!(
            ActiveState::from_property(&service.active_state),
            ActiveState::Activating | ActiveState::Active | ActiveState::Deactivating
        );
        details.queued = service.is_queued();
        let (started, ended, result, end) = try_join!(
            self.get(path, UNIT, "InactiveExitTimestamp"),
            self.get(path, UNIT, "InactiveEnterTimestamp"),
            self.result(path),
            self.end(path),
        )?;
        (details.started_usec, details.ended_usec) = (time(started), time(ended));
        (details.result, details.end) = (result, end);
        Ok(details)
    }

    /// Returns systemd's result of the last run of a service.
    pub(super) async fn result(
        &self,
        path: &OwnedObjectPath,
    ) -> Result<Option<UnitResult>, SystemdError> {
        let result = self.get(path, SERVICE, "Result").await?;
        let result = result.and_then(|value| String::try_from(value).ok());
        Ok(result.filter(|word| !word.is_empty()).map(|word| UnitResult::from(&*word)))
    }

    /// Returns how the main process of a service ended (`siginfo_t`, `si_code` and `si_status`).
    pub(super) async fn end(
        &self,
        path: &OwnedObjectPath,
    ) -> Result<Option<CommandEnd>, SystemdError> {
        const EXITED: i32 = 1;
        let (code, status) = try_join!(
            self.get(path, SERVICE, "ExecMainCode"),
            self.get(path, SERVICE, "ExecMainStatus"),
        )?;
        Ok(match (number(code), number(status)) {
            (None | Some(0), _) | (_, None) => None,
            (Some(EXITED), Some(status)) => Some(CommandEnd::Exited(status)),
            (Some(_), Some(signal)) => Some(CommandEnd::Killed(signal)),
        })
    }
}

/// Returns the time since 1970 of a time of the monotonic clock; `None` if it has passed. That of a job that runs
/// stays in the timer until the run has ended.
fn from_monotonic(usec: u64) -> Option<u64> {
    let wait = Duration::from_micros(usec).checked_sub(monotonic())?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    u64::try_from((now + wait).as_micros()).ok()
}

fn number(value: Option<OwnedVariant>) -> Option<i32> {
    value.and_then(|value| i32::try_from(value).ok())
}

/// Reads a time; 0 and the largest number mean "never".
fn time(value: Option<OwnedVariant>) -> Option<u64> {
    let time = value.and_then(|value| u64::try_from(value).ok());
    time.filter(|time| *time > 0 && *time != u64::MAX)
}
