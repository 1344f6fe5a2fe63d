//! `conductor apply`: makes the host run what is defined.

use std::process::ExitCode;

use conductor_core::conductor::{Event, Prune, Report};
use conductor_core::name::ServiceId;
use conductor_core::plan::Plan;
use serde_json::json;

use crate::args::Apply;
use crate::context::Context;
use crate::failure::{Failure, conclude};
use crate::print;

pub(crate) fn run(context: &Context, options: &Apply) -> Result<ExitCode, Failure> {
    let services = context.conductor.read(&options.definitions.paths)?;
    let prune = match (options.prune, options.definitions.paths.is_empty()) {
        (true, _) => Prune::Remove,
        (false, true) => Prune::Report,
        (false, false) => Prune::Ignore,
    };
    if options.dry_run {
        let (plan, _) = context.conductor.plan(&services, prune)?;
        print_plan(context, &plan)?;
        return Ok(ExitCode::SUCCESS);
    }
    let report = context
        .conductor
        .apply(&services, prune, &mut |event: &Event<'_>| context.print_event(event))?;
    if context.json() {
        Context::print_json(&report)?;
    } else {
        print_orphans(&report.orphans).and_then(|()| print_summary(&report))?;
    }
    Ok(conclude(&report, context.output))
}

fn print_plan(context: &Context, plan: &Plan) -> Result<(), Failure> {
    if context.json() {
        let services: Vec<_> = plan
            .services
            .iter()
            .map(|service| {
                let steps: Vec<_> = service.steps.iter().map(ToString::to_string).collect();
                json!({
                    "id": service.service,
                    "revision": service.revision,
                    "changed": !steps.is_empty(),
                    "steps": steps,
                })
            })
            .collect();
        return Context::print_json(&json!({
            "changed": plan.changes(), "services": services, "orphans": plan.orphans,
        }));
    }
    print::text(format_args!("{plan}"))?;
    print_orphans(&plan.orphans)?;
    match plan.changes() {
        true => print::line(format_args!("nothing was done: this was a dry run"))?,
        false => print::line(format_args!("nothing to change"))?,
    }
    Ok(())
}

fn print_orphans(orphans: &[ServiceId]) -> Result<(), Failure> {
    for id in orphans {
        print::line(format_args!(
            "note: {id} runs here and no definition names it; --prune removes it"
        ))?;
    }
    Ok(())
}

fn print_summary(report: &Report) -> Result<(), Failure> {
    let ids = report.services.iter().filter(|service| service.changed);
    let changed: Vec<_> = ids.map(|service| service.id.as_str()).collect();
    let failed = report.failures().count();
    match (changed.as_slice(), failed) {
        ([], 0) => print::line(format_args!("nothing changed")),
        ([], _) => Ok(()),
        (changed, _) => print::line(format_args!("changed: {}", changed.join(", "))),
    }
}
