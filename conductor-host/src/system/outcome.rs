//! How a run's unit ended, as systemd reports it. What the unit's processes report cannot be trusted, because
//! the unit's environment can change it.

use futures_util::try_join;

use super::block::block_on;
use super::scheduled::CommandEnd;
use super::systemd::{SERVICE, Systemd, SystemdError, UNIT};
use crate::words::UnitResult;
use conductor_core::name::UnitName;

/// The substates of a service whose main process has ended; those that begin with `final-` count too.
const OVER: [&str; 3] = ["stop-post", "dead", "failed"];

/// How a unit ended, or that it still runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Whether its main process has ended and systemd knows how.
    pub(super) over: bool,
    /// systemd's result: `success`, `exit-code`, `signal`, ...
    pub(super) result: UnitResult,
    /// How its main process ended, if it had one.
    pub(super) end: Option<CommandEnd>,
}

impl Systemd {
    /// Keeps a unit loaded as long as this connection exists, even when the unit has ended. A failure is
    /// ignored: systemd keeps the unit loaded while it is ending.
    pub(super) fn hold(&self, unit: &UnitName) {
        // systemd drops the reference with the connection.
        let _ = block_on(|| self.manager.ref_unit(unit.as_str()));
    }

    /// Returns how a unit ended; `None` if it is not loaded.
    ///
    /// # Errors
    /// systemd does not answer.
    pub(super) fn outcome(&self, unit: &UnitName) -> Result<Option<Outcome>, SystemdError> {
        block_on(async || {
            let Some(path) = self.path(unit).await? else { return Ok(None) };
            let state = self.get(&path, UNIT, "SubState");
            let (state, result, end) = try_join!(state, self.result(&path), self.end(&path))?;
            let state = state.and_then(|state| String::try_from(state).ok()).unwrap_or_default();
            let over = OVER.contains(&state.as_str()) || state.starts_with("final-");
            Ok(result.map(|result| Outcome { over, result, end }))
        })
    }

    /// Returns the control group of a unit, in the kernel's form; `None` if nothing runs in it.
    ///
    /// # Errors
    /// systemd does not answer.
    pub(super) fn group(&self, unit: &UnitName) -> Result<Option<String>, SystemdError> {
        block_on(async || {
            let Some(path) = self.path(unit).await? else { return Ok(None) };
            let group = self.get(&path, SERVICE, "ControlGroup").await?;
            let group = group.and_then(|group| String::try_from(group).ok());
            Ok(group.filter(|group| !group.is_empty()))
        })
    }
}
