//! The kinds of steps: a service takes those of one kind that follow each other in one go.

use conductor_core::plan::Step;

use crate::system::JobType;

/// A kind of steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StepKind {
    TestProxy,
    Pull,
    Run,
    Files,
    Jobs(JobType),
    /// The start of a target waits for all instances that it wants; for one that fails again and
    /// again it would wait forever. So it comes when they are up.
    StartTarget,
    /// The stop of a slice stops at once all that is in it, also a container that its service's own
    /// stop is about to let finish its work. So it comes when the services are down.
    StopSlice,
    Confirm,
    /// Changes to where requests go, other than reloads.
    Route,
    Reload,
    Drain,
    RemoveImage,
}

impl StepKind {
    pub(super) fn of(step: &Step) -> Self {
        match step {
            Step::TestProxy { .. } => Self::TestProxy,
            Step::Pull(_) => Self::Pull,
            Step::Run(_) => Self::Run,
            Step::Start(name) if name.kind() == "target" => Self::StartTarget,
            Step::Stop(name) if name.kind() == "slice" => Self::StopSlice,
            Step::Start(_) => Self::Jobs(JobType::Start),
            Step::Restart(_) => Self::Jobs(JobType::Restart),
            Step::Stop(_) => Self::Jobs(JobType::Stop),
            Step::Write { .. } | Step::Enable(_) | Step::Disable(_) | Step::Remove(_) => {
                Self::Files
            }
            Step::Confirm { .. } => Self::Confirm,
            Step::Switch { .. }
            | Step::Unswitch { .. }
            | Step::WriteUpstream { .. }
            | Step::RemoveUpstream { .. } => Self::Route,
            Step::ReloadProxy(_) => Self::Reload,
            Step::DrainProxy { .. } | Step::DrainSockets { .. } => Self::Drain,
            Step::RemoveImage(_) => Self::RemoveImage,
        }
    }

    /// Returns whether a step of this kind leaves the host as it is.
    pub(super) fn only_looks(self) -> bool {
        matches!(self, Self::TestProxy | Self::Pull | Self::Confirm)
    }
}
