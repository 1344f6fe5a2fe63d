//! `conductor rollback`: goes back to a release that was kept.

use std::process::ExitCode;

use super::outcome::{Detail, print_plan, print_report};
use crate::args::Rollback;
use crate::conclude::conclude;
use crate::context::Context;
use crate::failure::Failure;

pub(crate) fn run(context: &Context, options: &Rollback) -> Result<ExitCode, Failure> {
    let conductor = &context.conductor;
    let service = conductor.find(&options.id)?;
    let to = options.to.as_ref();
    if options.dry_run {
        let (plan, observed) = conductor.plan_rollback(&service, to)?;
        print_plan(context, &plan, &observed, Detail::Files)?;
        return Ok(ExitCode::SUCCESS);
    }
    let report = context.watch(|watcher| conductor.rollback(&service, to, watcher))?;
    print_report(context, &report)?;
    Ok(conclude(&report, context.output))
}
