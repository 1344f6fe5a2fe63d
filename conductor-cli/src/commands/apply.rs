//! `conductor apply`: makes the host run what is defined.

use std::process::ExitCode;

use conductor_host::Prune;

use super::outcome::{Detail, print_plan, print_report};
use crate::args::Apply;
use crate::conclude::conclude;
use crate::context::Context;
use crate::failure::Failure;

pub(crate) fn run(context: &Context, options: &Apply) -> Result<ExitCode, Failure> {
    let services = context.conductor.read(&options.definitions.paths)?;
    let prune = match (options.prune, options.definitions.paths.is_empty()) {
        (true, _) => Prune::Remove,
        (false, true) => Prune::Report,
        (false, false) => Prune::Ignore,
    };
    if options.dry_run {
        let (plan, observed) = context.conductor.plan(&services, prune)?;
        // `conductor diff` shows how the files would change.
        print_plan(context, &plan, &observed, Detail::Steps)?;
        return Ok(ExitCode::SUCCESS);
    }
    let report = context.watch(|watcher| context.conductor.apply(&services, prune, watcher))?;
    print_report(context, &report)?;
    Ok(conclude(&report, context.output))
}
