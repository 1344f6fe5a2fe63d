//! `conductor remove`: stops a service and removes its units.

use std::process::ExitCode;

use super::outcome::{Detail, is_complete, print_plan};
use crate::args::Remove;
use crate::conclude::conclude;
use crate::context::Context;
use crate::failure::Failure;
use crate::print;

pub(crate) fn run(context: &Context, options: &Remove) -> Result<ExitCode, Failure> {
    if options.dry_run {
        let (plan, observed) = context.conductor.plan_remove(&options.id)?;
        print_plan(context, &plan, &observed, Detail::Steps)?;
        return Ok(ExitCode::SUCCESS);
    }
    let report = context.watch(|watcher| context.conductor.remove(&options.id, watcher))?;
    if context.json() {
        Context::print_json(&report)?;
    } else if is_complete(&report) {
        print::line(format_args!(
            "removed: {}; its definition, if there is one, stays",
            options.id
        ))?;
    }
    Ok(conclude(&report, context.output))
}
