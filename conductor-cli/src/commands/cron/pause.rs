//! `conductor cron pause` and `resume`: stop the timer of a job, and start it again.

use std::process::ExitCode;

use clap::Args;
use conductor_host::{Change, Pause, Resume};

use super::OneJob;
use crate::commands::change::{self, ChangeOptions};
use crate::context::Context;
use crate::failure::Failure;

/// Which job is changed.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  conductor cron pause --id web cleanup\n  \
                  conductor cron resume --id web cleanup")]
pub(crate) struct ChangedJob {
    #[command(flatten)]
    pub(crate) one: OneJob,
    #[command(flatten)]
    pub(crate) change: ChangeOptions,
}

pub(super) fn pause(context: &Context, options: &ChangedJob) -> Result<ExitCode, Failure> {
    let OneJob { id, job } = options.one.clone();
    change::run(context, &Change::Pause(Pause { service: id, job }), &options.change)
}

pub(super) fn resume(context: &Context, options: &ChangedJob) -> Result<ExitCode, Failure> {
    let OneJob { id, job } = options.one.clone();
    change::run(context, &Change::Resume(Resume { service: id, job }), &options.change)
}
