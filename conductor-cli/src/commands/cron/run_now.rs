//! `conductor cron run-now`: runs a job and shows what it writes.

use std::process::ExitCode;

use serde_json::json;

use crate::context::Context;
use crate::cron_args::OneJob;
use crate::failure::Failure;
use crate::human::printable;
use crate::print;

/// The job's output is the answer; what conductor says of it goes to standard error.
pub(crate) fn run(context: &Context, options: &OneJob) -> Result<ExitCode, Failure> {
    let (id, job) = (&options.id, &options.job);
    let mut output = Vec::new();
    let run = context.conductor.run_now(id, job, &mut |line| {
        match context.json() {
            true => output.push(line.to_owned()),
            // The job goes on, whoever reads about it.
            false => drop(print::line(format_args!("{}", printable(line)))),
        }
    })?;
    if context.json() {
        let mut object = serde_json::to_value(&run).map_err(Failure::json)?;
        object["output"] = json!(output);
        Context::print_json(&object)?;
    } else if !run.succeeded() {
        let status =
            run.exit_status.map_or_else(String::new, |status| format!(", exit status {status}"));
        print::complaint(format_args!("error: {job} of {id} failed: {}{status}", run.result));
    }
    Ok(if run.succeeded() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
