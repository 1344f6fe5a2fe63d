//! What the commands that change a host say: the plan before, the summary after.

use conductor_core::conductor::{Report, diff};
use conductor_core::name::ServiceId;
use conductor_core::plan::{Observed, Plan};
use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::Failure;
use crate::print;

/// Prints what would be done; with an observation also how the unit files would change.
pub(super) fn print_plan(
    context: &Context,
    plan: &Plan,
    observed: Option<&Observed>,
) -> Result<(), Failure> {
    let diff = observed.map(|observed| diff(plan, observed));
    if context.json() {
        return Context::print_json(&plan_json(plan, diff.as_deref()));
    }
    print::text(format_args!("{plan}"))?;
    if let Some(diff) = &diff {
        print::text(format_args!("{diff}"))?;
    }
    print_orphans(&plan.orphans)?;
    if !plan.changes() {
        return print::line(format_args!("nothing to change"));
    }
    let down = plan.services.iter().filter(|service| service.downtime);
    let down: Vec<_> = down.map(|service| service.service.as_str()).collect();
    if !down.is_empty() {
        print::line(format_args!("briefly down meanwhile: {}", down.join(", ")))?;
    } else if diff.is_some() {
        print::line(format_args!("nothing is down meanwhile"))?;
    }
    print::line(format_args!("nothing was done: this was a dry run"))
}

fn plan_json(plan: &Plan, diff: Option<&str>) -> Value {
    let services = plan.services.iter().map(|service| {
        let steps = service.all_steps().map(|step| json!({"step": step.to_string()}));
        let steps: Vec<_> = steps.collect();
        json!({
            "id": service.service,
            "revision": service.revision,
            "changed": !steps.is_empty(),
            "downtime": service.downtime,
            "steps": steps,
        })
    });
    let services: Vec<_> = services.collect();
    let mut object =
        json!({"changed": plan.changes(), "services": services, "orphans": plan.orphans});
    if let Some(diff) = diff {
        object["diff"] = diff.into();
    }
    object
}

/// Prints what was done.
pub(super) fn print_report(context: &Context, report: &Report) -> Result<(), Failure> {
    if context.json() {
        return Context::print_json(report);
    }
    print_orphans(&report.orphans)?;
    let ids = report.services.iter().filter(|service| service.changed);
    let changed: Vec<_> = ids.map(|service| service.id.as_str()).collect();
    match changed.as_slice() {
        [] if is_complete(report) => print::line(format_args!("nothing changed")),
        [] => Ok(()),
        changed => print::line(format_args!("changed: {}", changed.join(", "))),
    }
}

/// Tells whether everything was done that was to be done.
pub(super) fn is_complete(report: &Report) -> bool {
    report.services.iter().all(|service| service.failure.is_none() && service.left.is_empty())
}

fn print_orphans(orphans: &[ServiceId]) -> Result<(), Failure> {
    for id in orphans {
        print::line(format_args!(
            "note: {id} runs here and no definition names it; --prune removes it"
        ))?;
    }
    Ok(())
}
