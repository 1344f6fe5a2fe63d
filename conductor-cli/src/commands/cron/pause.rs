//! `conductor cron pause` and `resume`: keep a job from being run by the clock, and let it run again.

use std::process::ExitCode;

use conductor_core::plan::{Observed, Plan};
use conductor_host::Report;

use crate::commands::outcome::{Detail, print_plan, print_report};
use crate::conclude::conclude;
use crate::context::Context;
use crate::cron_args::ChangedJob;
use crate::failure::Failure;

pub(super) fn pause(context: &Context, options: &ChangedJob) -> Result<ExitCode, Failure> {
    let (conductor, id, job) = (&context.conductor, &options.one.id, &options.one.job);
    match options.dry_run {
        true => planned(context, &conductor.plan_pause(id, job)?),
        false => done(context, &context.watch(|watcher| conductor.pause(id, job, watcher))?),
    }
}

pub(super) fn resume(context: &Context, options: &ChangedJob) -> Result<ExitCode, Failure> {
    let (conductor, id, job) = (&context.conductor, &options.one.id, &options.one.job);
    match options.dry_run {
        true => planned(context, &conductor.plan_resume(id, job)?),
        false => done(context, &context.watch(|watcher| conductor.resume(id, job, watcher))?),
    }
}

fn planned(context: &Context, (plan, observed): &(Plan, Observed)) -> Result<ExitCode, Failure> {
    print_plan(context, plan, observed, Detail::Steps)?;
    Ok(ExitCode::SUCCESS)
}

fn done(context: &Context, report: &Report) -> Result<ExitCode, Failure> {
    print_report(context, report)?;
    Ok(conclude(report, context.output))
}
