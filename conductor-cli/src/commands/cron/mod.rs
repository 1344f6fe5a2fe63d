//! `conductor cron`: what has to do with jobs.

mod import;
mod next;
mod run_now;
mod translate;

use std::process::ExitCode;

use super::outcome::print_report;
use crate::conclude::conclude;
use crate::context::Context;
use crate::cron_args::{Cron, CronCommand};
use crate::failure::Failure;

pub(crate) fn run(context: &Context, cron: &Cron) -> Result<ExitCode, Failure> {
    let conductor = &context.conductor;
    let report =
        match &cron.command {
            CronCommand::Import(options) => return import::run(context, options),
            CronCommand::Translate(options) => return translate::run(context, options),
            CronCommand::Next(options) => return next::run(context, options),
            CronCommand::RunNow(options) => return run_now::run(context, options),
            CronCommand::Pause(options) => context
                .watch(|watcher| conductor.pause(&options.one.id, &options.one.job, watcher))?,
            CronCommand::Resume(options) => context
                .watch(|watcher| conductor.resume(&options.one.id, &options.one.job, watcher))?,
        };
    print_report(context, &report)?;
    Ok(conclude(&report, context.output))
}
