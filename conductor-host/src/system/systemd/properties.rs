//! The properties of units: what runs, since when, and what it uses.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use futures_util::try_join;
use zbus::{OwnedObjectPath, OwnedVariant};

use conductor_core::name::UnitName;
use conductor_core::plan::ActiveState;

use super::super::block::block_on;
use super::manager::ListedUnit;
use super::{
    CALLS_AT_A_TIME, SERVICE, SLICE, States, Systemd, SystemdError, UNIT, UNITS_AT_A_TIME, states,
};
use crate::host::Condition;
use crate::words::UnitResult;

/// The properties of a running unit.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct UnitDetails {
    /// How often systemd restarted it automatically.
    pub restarts: Option<u32>,
    /// The memory it uses, in bytes; `None` without the memory controller.
    pub memory_bytes: Option<u64>,
    /// The CPU time it has used, in microseconds.
    pub cpu_usec: Option<u64>,
    /// When it was last started, in microseconds of the monotonic clock.
    pub active_enter_usec: Option<u64>,
    /// When its state last changed, in microseconds since 1970.
    pub since_usec: Option<u64>,
    /// Its own status text (`STATUS=`).
    pub status: Option<String>,
    /// Whether systemd kills it when its reports stop (`WatchdogSec=`).
    pub watched: bool,
    /// When it last reported, in microseconds since 1970.
    pub report_usec: Option<u64>,
    /// The process that systemd supervises.
    pub main_pid: Option<u32>,
    /// systemd's result of its last stop: `success`, `exit-code`, `signal`, ...
    pub result: Option<UnitResult>,
}

/// What a unit uses, and how it does.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct UnitUsage {
    /// How often systemd restarted it automatically.
    pub restarts: Option<u32>,
    /// The memory it uses, in bytes; `None` without the memory controller.
    pub memory_bytes: Option<u64>,
    /// The CPU time it has used, in nanoseconds.
    pub cpu_nsec: Option<u64>,
    /// Its own status text (`STATUS=`).
    pub status: Option<String>,
}

impl Systemd {
    /// Returns the properties of some units.
    ///
    /// # Errors
    /// systemd does not answer. A property that a unit does not have is `None`.
    pub fn details(&self, units: &[&UnitName]) -> Result<Vec<UnitDetails>, SystemdError> {
        Ok(self.states_and_details(units, &[])?.1)
    }

    /// Returns the states of some units and of `others`, and the [`details`](Self::details) of the former. It may
    /// return the states of more units.
    ///
    /// # Errors
    /// systemd does not answer.
    pub fn states_and_details(
        &self,
        units: &[&UnitName],
        others: &[&UnitName],
    ) -> Result<(States, Vec<UnitDetails>), SystemdError> {
        self.states_and(units, others, UNITS_AT_A_TIME, &async |path| self.details_of(path).await)
    }

    /// Returns the states of some units, and possibly of others, with what they use. It reads less than
    /// [`states_and_details`](Self::states_and_details), because monitoring asks every few seconds.
    ///
    /// # Errors
    /// systemd does not answer. A property that a unit does not have is `None`.
    pub fn states_and_usage(
        &self,
        units: &[&UnitName],
    ) -> Result<(States, Vec<UnitUsage>), SystemdError> {
        self.states_and(units, &[], CALLS_AT_A_TIME / 4, &async |path| self.usage_of(path).await)
    }

    /// Returns the states of some units and of `others`, and properties of the former, which are read for this many
    /// units at a time. A unit that is not loaded has none.
    fn states_and<T: Default + Send>(
        &self,
        units: &[&UnitName],
        others: &[&UnitName],
        at_a_time: usize,
        read: &(impl AsyncFn(&OwnedObjectPath) -> Result<T, SystemdError> + Sync),
    ) -> Result<(States, Vec<T>), SystemdError> {
        block_on(async || {
            let held = self.list_some(&[units, others].concat()).await?;
            let paths: HashMap<&str, &OwnedObjectPath> =
                held.iter().map(|unit| (unit.name.as_str(), &unit.path)).collect();
            let properties = stream::iter(units).map(|unit| async {
                match paths.get(unit.as_str()) {
                    Some(path) => read(path).await,
                    None => Ok(T::default()),
                }
            });
            let properties = properties.buffered(at_a_time).try_collect().await?;
            Ok((states(&held), properties))
        })
    }

    /// Returns the conditions of units, in the order of the argument.
    ///
    /// # Errors
    /// systemd does not answer.
    pub fn conditions(&self, units: &[UnitName]) -> Result<Vec<Condition>, SystemdError> {
        block_on(async || {
            let names: Vec<_> = units.iter().collect();
            let held: HashMap<String, ListedUnit> = self
                .list_some(&names)
                .await?
                .into_iter()
                .map(|unit| (unit.name.clone(), unit))
                .collect();
            let conditions = stream::iter(units).map(async |name| match held.get(name.as_str()) {
                Some(unit) => self.condition_of(unit).await,
                None => Ok(Condition::default()),
            });
            conditions.buffered(UNITS_AT_A_TIME).try_collect().await
        })
    }

    async fn condition_of(&self, unit: &ListedUnit) -> Result<Condition, SystemdError> {
        let (restarts, started, status, watchdog) = try_join!(
            self.get(&unit.path, SERVICE, "NRestarts"),
            self.get(&unit.path, UNIT, "ActiveEnterTimestampMonotonic"),
            self.get(&unit.path, SERVICE, "StatusText"),
            self.get(&unit.path, SERVICE, "WatchdogUSec"),
        )?;
        let number =
            |value: Option<OwnedVariant>| value.and_then(|value| u64::try_from(value).ok());
        let status = status.and_then(|value| String::try_from(value).ok());
        Ok(Condition {
            state: Some(ActiveState::from_property(&unit.active_state)),
            restarts: restarts.and_then(|value| u32::try_from(value).ok()).unwrap_or_default(),
            started: number(started).filter(|at| *at > 0).map(Duration::from_micros),
            status: status.filter(|status| !status.is_empty()),
            // The largest number means "not set".
            watched: number(watchdog).is_some_and(|usec| usec > 0 && usec != u64::MAX),
            is_done: unit.sub_state == "exited",
        })
    }

    /// Returns the directory of a unit's control group; `None` if nothing runs in it.
    ///
    /// # Errors
    /// systemd does not answer.
    pub fn control_group(&self, unit: &UnitName) -> Result<Option<PathBuf>, SystemdError> {
        block_on(async || {
            let held = self.list_some(&[unit]).await?;
            let Some(unit) = held.into_iter().find(|held| held.name == unit.as_str()) else {
                return Ok(None);
            };
            let group = self.get(&unit.path, SLICE, "ControlGroup").await?;
            let group = group.and_then(|value| String::try_from(value).ok());
            let group = group.filter(|group| !group.is_empty());
            Ok(group.map(|group| Path::new("/sys/fs/cgroup").join(group.trim_start_matches('/'))))
        })
    }

    async fn usage_of(&self, path: &OwnedObjectPath) -> Result<UnitUsage, SystemdError> {
        let service = |property| self.get(path, SERVICE, property);
        let (restarts, memory, cpu, status) = try_join!(
            service("NRestarts"),
            service("MemoryCurrent"),
            service("CPUUsageNSec"),
            service("StatusText"),
        )?;
        Ok(UnitUsage {
            restarts: restarts.and_then(|value| u32::try_from(value).ok()),
            memory_bytes: number(memory),
            cpu_nsec: number(cpu),
            status: text(status),
        })
    }

    async fn details_of(&self, path: &OwnedObjectPath) -> Result<UnitDetails, SystemdError> {
        // The calls are pipelined, because the transport takes longer than systemd. `GetAll` would return
        // about three hundred properties, some of which systemd has to read from the kernel.
        let service = |property| self.get(path, SERVICE, property);
        let (watchdog, report, restarts, main_pid, cpu, memory, status, entered, since, result) = try_join!(
            service("WatchdogUSec"),
            service("WatchdogTimestamp"),
            service("NRestarts"),
            service("MainPID"),
            service("CPUUsageNSec"),
            service("MemoryCurrent"),
            service("StatusText"),
            self.get(path, UNIT, "ActiveEnterTimestampMonotonic"),
            self.get(path, UNIT, "StateChangeTimestamp"),
            self.result(path),
        )?;
        Ok(UnitDetails {
            restarts: restarts.and_then(|value| u32::try_from(value).ok()),
            memory_bytes: number(memory),
            cpu_usec: number(cpu).map(|nsec| nsec / 1000),
            active_enter_usec: number(entered),
            since_usec: number(since).filter(|at| *at > 0),
            status: text(status),
            watched: number(watchdog).is_some_and(|usec| usec > 0),
            report_usec: number(report).filter(|at| *at > 0),
            main_pid: main_pid.and_then(|value| u32::try_from(value).ok()).filter(|pid| *pid > 0),
            result,
        })
    }

    /// Returns the main process of any unit, 0 if it has none; `None` if the unit is not up.
    ///
    /// # Errors
    /// systemd does not answer.
    pub(in crate::system) fn up(&self, unit: &UnitName) -> Result<Option<u32>, SystemdError> {
        block_on(async || {
            let Some(path) = self.path(unit).await? else { return Ok(None) };
            let state = self.active_state(&path).await?;
            let main = self.get(&path, SERVICE, "MainPID").await?;
            let main = main.and_then(|value| u32::try_from(value).ok()).unwrap_or_default();
            let up = matches!(
                state,
                ActiveState::Active | ActiveState::Reloading | ActiveState::Activating
            );
            Ok(up.then_some(main))
        })
    }

    /// Returns whether a unit is active, starting or stopping.
    ///
    /// # Errors
    /// systemd does not answer.
    pub(in crate::system) fn is_held(&self, unit: &UnitName) -> Result<bool, SystemdError> {
        block_on(async || {
            let Some(path) = self.path(unit).await? else { return Ok(false) };
            let state = self.active_state(&path).await?;
            Ok(!state.is_down())
        })
    }

    async fn active_state(&self, path: &OwnedObjectPath) -> Result<ActiveState, SystemdError> {
        let state = self.get(path, UNIT, "ActiveState").await?;
        let state = state.and_then(|value| String::try_from(value).ok()).unwrap_or_default();
        Ok(ActiveState::from_property(&state))
    }
}

/// Reads a number; the largest one means "not set".
fn number(value: Option<OwnedVariant>) -> Option<u64> {
    let number = value.and_then(|value| u64::try_from(value).ok());
    number.filter(|number| *number != u64::MAX)
}

/// Reads a text, which is not set if it is empty.
fn text(value: Option<OwnedVariant>) -> Option<String> {
    let text = value.and_then(|value| String::try_from(value).ok());
    text.filter(|text| !text.is_empty())
}
