//! What comes before the service, whoever starts it.

use std::time::Duration;

use crate::args::CheckArguments;
use crate::check::{Check, CheckError};
use crate::notify::{Notifier, NotifyError};
use crate::occupied::{self, Occupied};
use crate::restarts;

/// Why the service must not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum PrepareError {
    #[error(transparent)]
    Check(#[from] CheckError),
    #[error(transparent)]
    Notify(#[from] NotifyError),
    #[error(transparent)]
    Occupied(#[from] Occupied),
}

/// What is known then.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// Whether there is something to check.
    pub(crate) checked: bool,
    /// Whoever wants to be told; certainly somebody if there is something to check.
    pub(crate) notifier: Option<Notifier>,
    /// How long the start may take.
    pub(crate) budget: Duration,
}

/// Makes sure that the service can be checked, holds back repeated starts, and looks for whoever is in
/// its place.
pub(crate) fn prepare(arguments: &CheckArguments, program: &str) -> Result<Prepared, PrepareError> {
    let check = Check::new(arguments)?;
    let checked = check.is_some();
    let notifier = Notifier::from_environment()?;
    if checked && notifier.is_none() {
        return Err(NotifyError::Missing.into());
    }
    let budget = if checked { arguments.timing.start_budget() } else { Duration::ZERO };
    restarts::hold_back(notifier.as_ref(), !checked, budget);
    if let Some(endpoint) = check.as_ref().and_then(Check::endpoint) {
        occupied::refuse(endpoint, program)?;
    }
    Ok(Prepared { checked, notifier, budget })
}
