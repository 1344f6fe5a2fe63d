//! Whether what was started stays up, if only for a moment.

use std::thread::sleep;
use std::time::Duration;

use super::systemd::{Systemd, SystemdError};
use conductor_core::name::UnitName;

/// How long a program has to stay up until its start counts: long enough for a missing file or a
/// port that is taken to show. Where there is a health check, that has the word.
const SETTLE: Duration = Duration::from_millis(500);

impl Systemd {
    /// Returns those of some units that were just started and that have ended since. One
    /// that systemd started again meanwhile is among them.
    pub(super) fn ended_at_once(&self, units: &[&UnitName]) -> Result<Vec<UnitName>, SystemdError> {
        let services: Vec<_> =
            units.iter().copied().filter(|unit| unit.kind() == "service").collect();
        let began = monotonic_usec();
        let unwatched = services.iter().zip(self.details(&services)?);
        let services: Vec<_> =
            unwatched.filter(|(_, details)| !details.watched).map(|(unit, _)| *unit).collect();
        if services.is_empty() {
            return Ok(Vec::new());
        }
        sleep(SETTLE);
        let states = self.states()?;
        let details = self.details(&services)?;
        let ended = services.into_iter().zip(details).filter_map(|(unit, details)| {
            let up = states.get(unit).is_some_and(|(state, _)| state.is_up());
            // Its job was over before `began`, so what entered its state later is a second try.
            let first = details.active_enter_usec.is_some_and(|entered| entered <= began);
            (!up || !first).then(|| unit.clone())
        });
        Ok(ended.collect())
    }
}

/// Returns the time of the clock that systemd's `…TimestampMonotonic` properties have.
fn monotonic_usec() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let usec = now.tv_sec.saturating_mul(1_000_000).saturating_add(now.tv_nsec / 1000);
    u64::try_from(usec).unwrap_or(0)
}
