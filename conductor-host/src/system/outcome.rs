//! How a unit ended that runs once, in systemd's own words: what a unit's processes are told of it can be
//! what its environment says.

use futures_util::try_join;

use super::scheduled::CommandEnd;
use super::systemd::{SERVICE, Systemd, SystemdError, UNIT};
use conductor_core::name::UnitName;

/// The states of a service from when the commands run that come after its end; besides, those that begin
/// with `final-`.
const OVER: [&str; 3] = ["stop-post", "dead", "failed"];

/// How a unit ended, or how far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Whether its main process has ended, and systemd knows how.
    pub(super) over: bool,
    /// In systemd's word: `success`, `exit-code`, `signal`, ...
    pub(super) result: String,
    /// How its main process ended, if there was one.
    pub(super) end: Option<CommandEnd>,
}

impl Systemd {
    /// Lets systemd remember a unit for as long as this connection is there, also when it has ended. That it
    /// does not is no error: it remembers it while it ends.
    pub(super) fn hold(&self, unit: &UnitName) {
        // The reference goes with the connection.
        let _ = zbus::block_on(self.manager.ref_unit(unit.as_str()));
    }

    /// Returns how a unit ended; `None` if systemd holds none of this name.
    ///
    /// # Errors
    /// systemd does not answer.
    pub(super) fn outcome(&self, unit: &UnitName) -> Result<Option<Outcome>, SystemdError> {
        zbus::block_on(async {
            let Some(path) = self.path(unit).await? else { return Ok(None) };
            let state = self.get(&path, UNIT, "SubState");
            let (state, result, end) = try_join!(state, self.result(&path), self.end(&path))?;
            let state = state.and_then(|state| String::try_from(state).ok()).unwrap_or_default();
            let over = OVER.contains(&state.as_str()) || state.starts_with("final-");
            Ok(result.map(|result| Outcome { over, result, end }))
        })
    }

    /// Returns the control group of a unit, as the kernel says it of its processes; `None` if nothing runs
    /// in it.
    ///
    /// # Errors
    /// systemd does not answer.
    pub(super) fn group(&self, unit: &UnitName) -> Result<Option<String>, SystemdError> {
        zbus::block_on(async {
            let Some(path) = self.path(unit).await? else { return Ok(None) };
            let group = self.get(&path, SERVICE, "ControlGroup").await?;
            let group = group.and_then(|group| String::try_from(group).ok());
            Ok(group.filter(|group| !group.is_empty()))
        })
    }
}
