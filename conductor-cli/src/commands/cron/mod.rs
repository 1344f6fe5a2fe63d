//! `conductor cron`: the commands for scheduled jobs.

pub(crate) mod history;
pub(crate) mod import;
pub(crate) mod next;
pub(crate) mod pause;
pub(crate) mod run_now;
pub(crate) mod translate;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use conductor_core::name::{JobName, ServiceId};

use self::history::PastRuns;
use self::import::Import;
use self::next::Next;
use self::pause::ChangedJob;
use self::run_now::RunNow;
use self::translate::Translate;
use crate::context::Context;
use crate::failure::Failure;

/// Scheduled jobs.
#[derive(Debug, Args)]
pub(crate) struct Cron {
    #[command(subcommand)]
    pub(crate) command: CronCommand,
}

/// The commands for scheduled jobs.
#[derive(Debug, Subcommand)]
pub(crate) enum CronCommand {
    /// Show a crontab expression as a calendar event of systemd, what it means, and when it is due
    Translate(Translate),
    /// Convert crontabs to definitions, and print these
    Import(Import),
    /// Show when jobs run
    Next(Next),
    /// Show when jobs ran, how long, and how that ended
    History(PastRuns),
    /// Run a job now, and wait until it ends
    RunNow(RunNow),
    /// Stop a job's timer; apply and deploy keep the job paused
    Pause(ChangedJob),
    /// Let the timer start a paused job again
    Resume(ChangedJob),
}

/// The choice of a job.
#[derive(Debug, Clone, Args)]
pub(crate) struct OneJob {
    /// The service
    #[arg(long)]
    pub(crate) id: ServiceId,
    /// The job, by its name under cron in the definition
    #[arg(value_name = "NAME")]
    pub(crate) job: JobName,
}

pub(crate) fn run(context: &Context, cron: &Cron) -> Result<ExitCode, Failure> {
    match &cron.command {
        CronCommand::Import(options) => import::run(context, options),
        CronCommand::Translate(options) => translate::run(context, options),
        CronCommand::Next(options) => next::run(context, options),
        CronCommand::History(options) => history::run(context, options),
        CronCommand::RunNow(options) => run_now::run(context, options),
        CronCommand::Pause(options) => pause::pause(context, options),
        CronCommand::Resume(options) => pause::resume(context, options),
    }
}
