//! A step that failed.

use conductor_core::name::UnitName;
use conductor_core::plan::Step;

use crate::report::Cause;

/// A step that failed.
pub(super) struct StepFault {
    pub(super) step: Step,
    /// The unit that failed, if it is not the step's own.
    pub(super) unit: Option<UnitName>,
    pub(super) cause: Cause,
}

impl StepFault {
    /// Returns the fault of a step that was not begun because of an interruption.
    pub(super) fn interrupted(step: Step) -> Self {
        Self { step, unit: None, cause: Cause::Interrupted }
    }
}
