//! `conductor cron`: what has to do with jobs.

pub(crate) mod import;
mod next;
mod pause;
pub(crate) mod run_now;
pub(crate) mod translate;

use std::process::ExitCode;

use crate::context::Context;
use crate::cron_args::{Cron, CronCommand};
use crate::failure::Failure;

pub(crate) fn run(context: &Context, cron: &Cron) -> Result<ExitCode, Failure> {
    match &cron.command {
        CronCommand::Import(options) => import::run(context, options),
        CronCommand::Translate(options) => translate::run(context, options),
        CronCommand::Next(options) => next::run(context, options),
        CronCommand::RunNow(options) => run_now::run(context, options),
        CronCommand::Pause(options) => pause::pause(context, options),
        CronCommand::Resume(options) => pause::resume(context, options),
    }
}
