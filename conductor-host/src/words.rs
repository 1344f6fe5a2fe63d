//! The words of systemd, and those for causes, that programs decide by.

use conductor_core::vocabulary;

vocabulary!(
    /// How a unit last stopped: systemd's property `Result` (systemd.service(5), "$SERVICE_RESULT"). Of a job that was
    /// not started at all, `Other` has the reason.
    UnitResult {
        /// It ran, and succeeded.
        Success = "success",
        /// It did not do what its type asks for, such as to report that it is ready.
        Protocol = "protocol",
        /// It took too long.
        Timeout = "timeout",
        /// It exited with a status that is not success.
        ExitCode = "exit-code",
        /// A signal ended it.
        Signal = "signal",
        /// A signal ended it, and it dumped core.
        CoreDump = "core-dump",
        /// Its watchdog was not told in time that it is well: its health check failed.
        Watchdog = "watchdog",
        /// A condition of its `ExecCondition=` was not met.
        ExecCondition = "exec-condition",
        /// It was started too often.
        StartLimitHit = "start-limit-hit",
        /// systemd could not do what was needed to start it.
        Resources = "resources",
        /// It, or one of its processes, was killed because memory ran out.
        OomKill = "oom-kill",
    }
);

impl UnitResult {
    /// Returns whether it is success.
    pub fn is_success(&self) -> bool {
        *self == Self::Success
    }
}

vocabulary!(
    /// The result of a systemd job that is not `done` (org.freedesktop.systemd1(5), "JobRemoved").
    JobResult {
        /// It was canceled before it ran.
        Canceled = "canceled",
        /// It took too long.
        Timeout = "timeout",
        /// It failed.
        Failed = "failed",
        /// A unit that it needs failed.
        Dependency = "dependency",
        /// It did not apply to the unit.
        Skipped = "skipped",
        /// Its unit is not valid.
        Invalid = "invalid",
        /// The unit does not support it.
        Unsupported = "unsupported",
        /// An assertion of the unit was not met.
        Assert = "assert",
        /// Units that it needs were collected.
        Collected = "collected",
        /// The unit is one that can be started only once.
        Once = "once",
    }
);

vocabulary!(
    /// The kind of a [`Cause`](crate::Cause), in one word.
    CauseKind {
        /// A systemd job failed.
        JobFailed = "job_failed",
        /// A systemd job, or a hook, took too long.
        JobTimeout = "job_timeout",
        /// A systemd job needs a unit that failed.
        JobDependency = "job_dependency",
        /// A systemd job was canceled.
        JobCanceled = "job_canceled",
        /// systemd refused a job.
        JobRefused = "job_refused",
        /// A unit was killed at its deadline.
        Killed = "killed",
        /// A unit ended right after its start.
        Ended = "ended",
        /// An instance did not stay up.
        NotUp = "not_up",
        /// systemd restarted an instance while it was watched.
        Restarted = "restarted",
        /// An instance became unhealthy after its start.
        Unhealthy = "unhealthy",
        /// An image could not be pulled.
        Pull = "pull",
        /// A network could not be made.
        Network = "network",
        /// A pod could not be made.
        Pod = "pod",
        /// A kept image was removed, and its name means another one.
        ImageGone = "image_gone",
        /// The service could not be planned with the image that was pulled.
        Plan = "plan",
        /// A proxy could not be switched to the instances.
        Proxy = "proxy",
        /// A file operation failed.
        File = "file",
        /// Another service or process failed, with which it changes together.
        Together = "together",
        /// Another service failed, on which it depends.
        Dependency = "dependency",
        /// Another service depends on it, and still runs.
        Dependent = "dependent",
        /// The change was interrupted.
        Interrupted = "interrupted",
    }
);
