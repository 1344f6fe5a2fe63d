//! `conductor deploy`: replaces a service by another revision of it.

use std::process::ExitCode;

use super::outcome::{Detail, print_plan, print_report};
use crate::args::Deploy;
use crate::conclude::conclude;
use crate::context::Context;
use crate::failure::Failure;

pub(crate) fn run(context: &Context, options: &Deploy) -> Result<ExitCode, Failure> {
    let conductor = &context.conductor;
    let service = conductor.find(&options.id)?;
    if options.dry_run {
        let (plan, observed) = conductor.plan_deploy(&service, &options.revision)?;
        print_plan(context, &plan, &observed, Detail::Files)?;
        return Ok(ExitCode::SUCCESS);
    }
    let report = context.watch(|watcher| conductor.deploy(&service, &options.revision, watcher))?;
    print_report(context, &report)?;
    Ok(conclude(&report, context.output))
}
