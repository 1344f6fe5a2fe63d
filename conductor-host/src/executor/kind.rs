//! The kinds of steps. Consecutive steps of one kind are carried out together.

use conductor_core::plan::Step;

use crate::system::JobType;

/// A kind of step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StepKind {
    TestProxy,
    Pull,
    Tag,
    MakeNetwork,
    MakePod,
    Run,
    Files,
    /// It comes between changes of files: before it a timer is disabled, and after it enabled.
    Forget,
    Jobs(JobType),
    /// A target's start job waits for all instances that it wants, and would wait forever for one that keeps
    /// failing. So the target is started when they are up.
    StartTarget,
    /// A slice's stop job stops everything in it at once, including a container whose unit's stop job would
    /// let it finish its work. So the slice is stopped when the units are down.
    StopSlice,
    Confirm,
    /// Changes to where requests are sent, except reloads.
    Route,
    Reload,
    Drain,
    RemoveVolume,
    RemoveNetwork,
    RemovePod,
    RemoveImage,
}

impl StepKind {
    pub(super) fn of(step: &Step) -> Self {
        match step {
            Step::TestProxy { .. } => Self::TestProxy,
            Step::Pull { .. } => Self::Pull,
            Step::Tag { .. } => Self::Tag,
            Step::MakeNetwork(..) => Self::MakeNetwork,
            Step::MakePod(_) => Self::MakePod,
            Step::Run(_) => Self::Run,
            Step::Start(name) if name.kind() == "target" => Self::StartTarget,
            Step::Stop(name) if name.kind() == "slice" => Self::StopSlice,
            Step::Forget(_) => Self::Forget,
            Step::Start(_) => Self::Jobs(JobType::Start),
            Step::Restart(_) => Self::Jobs(JobType::Restart),
            Step::Stop(_) => Self::Jobs(JobType::Stop),
            Step::Write { .. }
            | Step::Enable(_)
            | Step::Disable(_)
            | Step::Remove(_)
            | Step::RemoveShared(_) => Self::Files,
            Step::Confirm { .. } => Self::Confirm,
            Step::Switch { .. }
            | Step::Unswitch { .. }
            | Step::WriteUpstream { .. }
            | Step::RemoveUpstream { .. } => Self::Route,
            Step::ReloadProxy(_) => Self::Reload,
            Step::DrainProxy { .. } | Step::DrainSockets { .. } => Self::Drain,
            Step::RemoveVolume { .. } => Self::RemoveVolume,
            Step::RemoveNetwork(_) => Self::RemoveNetwork,
            Step::RemovePod(_) => Self::RemovePod,
            Step::RemoveImage(_) => Self::RemoveImage,
        }
    }

    /// Returns whether a step of this kind changes nothing on the host.
    pub(super) fn only_looks(self) -> bool {
        matches!(self, Self::TestProxy | Self::Pull | Self::Confirm)
    }
}
