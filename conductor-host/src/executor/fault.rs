//! A step that failed.

use conductor_core::name::UnitName;
use conductor_core::plan::Step;

use crate::report::Cause;

/// A step that failed.
pub(super) struct StepFault {
    pub(super) step: Step,
    /// The unit that is to blame, if it is not the step's own.
    pub(super) unit: Option<UnitName>,
    pub(super) cause: Cause,
}

impl StepFault {
    /// Returns that a step was not even begun, since somebody asked to stop.
    pub(super) fn interrupted(step: Step) -> Self {
        Self { step, unit: None, cause: Cause::Interrupted }
    }
}
