//! `conductor cron run-now`: runs a job and shows its output.

use std::process::ExitCode;

use clap::Args;
use conductor_host::{JobNews, JobRun};
use schemars::JsonSchema;
use serde::Serialize;

use super::OneJob;
use crate::commands::change::{Detail, print_plan};
use crate::context::Context;
use crate::failure::Failure;
use crate::human::printable;
use crate::print;

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  conductor cron run-now --id web cleanup")]
pub(crate) struct RunNow {
    #[command(flatten)]
    pub(crate) one: OneJob,
    /// Print what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// The result of a job's run, and its output.
#[derive(Serialize, JsonSchema)]
pub(crate) struct FinishedRun {
    #[serde(flatten)]
    run: JobRun,
    /// Its output, line by line.
    output: Vec<String>,
}

/// The job's output goes to standard output, and conductor's messages to standard error.
pub(crate) fn run(context: &Context, options: &RunNow) -> Result<ExitCode, Failure> {
    let (id, job) = (&options.one.id, &options.one.job);
    if options.dry_run {
        print_plan(context, &context.conductor.plan_run_now(id, job)?, Detail::Steps)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut output = Vec::new();
    let run = context.conductor.run_now(id, job, &mut |news| match news {
        JobNews::Line(line) if context.json() => output.push(line),
        // A failure to print does not stop the job.
        JobNews::Line(line) => drop(print::line(format_args!("{}", printable(&line)))),
        JobNews::Waits => print::complaint(format_args!(
            "note: {job} of {id} waits for its turn, or for a unit that it needs\n  hint: \
             conductor status --id {id} shows which jobs run; max_parallel says how many may"
        )),
        _ => {}
    })?;
    let succeeded = run.succeeded();
    if context.json() {
        Context::print_json(&FinishedRun { run, output })?;
    } else if !succeeded {
        let status =
            run.exit_status.map_or_else(String::new, |status| format!(", exit status {status}"));
        print::complaint(format_args!("error: {job} of {id} failed: {}{status}", run.result));
    }
    Ok(if succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
