//! What the commands that change a host say: the plan before, the summary after.

use conductor_core::name::{Revision, ServiceId};
use conductor_core::plan::{Observed, Plan};
use conductor_host::{Report, StepObject, diff};
use schemars::JsonSchema;
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::print;

/// What would be done.
#[derive(Serialize, JsonSchema)]
pub(crate) struct DryRun<'p> {
    /// Whether anything would be done.
    changed: bool,
    /// Service by service.
    services: Vec<PlannedService<'p>>,
    /// Services on the host that no definition names and that would be left alone.
    orphans: &'p [ServiceId],
    /// How files would change, as a unified diff; empty if none would.
    diff: String,
}

/// What would be done for one service.
#[derive(Serialize, JsonSchema)]
struct PlannedService<'p> {
    /// The service.
    id: &'p ServiceId,
    /// The revision that it would run; null if it would go away.
    revision: Option<&'p Revision>,
    /// Whether anything would be done.
    changed: bool,
    /// Whether it would be briefly down.
    downtime: bool,
    /// The steps, in order.
    steps: Vec<PlannedStep>,
}

/// A step that would be taken.
#[derive(Serialize, JsonSchema)]
struct PlannedStep {
    /// What would be done.
    step: StepObject,
}

impl<'p> DryRun<'p> {
    fn new(plan: &'p Plan, diff: String) -> Self {
        let services = plan.services.iter().map(|service| {
            let steps = service.all_steps().map(|step| PlannedStep { step: step.into() });
            PlannedService {
                id: &service.service,
                revision: service.revision.as_ref(),
                changed: service.changes(),
                downtime: service.downtime,
                steps: steps.collect(),
            }
        });
        let services = services.collect();
        Self { changed: plan.changes(), services, orphans: &plan.orphans, diff }
    }
}

/// How much a person is shown of what would be done; programs get all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// The steps.
    Steps,
    /// How files would change, too.
    Files,
}

/// Prints what would be done.
pub(super) fn print_plan(
    context: &Context,
    plan: &Plan,
    observed: &Observed,
    detail: Detail,
) -> Result<(), Failure> {
    if context.json() {
        return Context::print_json(&DryRun::new(plan, diff(plan, observed)));
    }
    print::text(format_args!("{plan}"))?;
    if detail == Detail::Files {
        print::text(format_args!("{}", diff(plan, observed)))?;
    }
    print_orphans(&plan.orphans)?;
    if !plan.changes() {
        return print::line(format_args!("nothing to change"));
    }
    let down = plan.services.iter().filter(|service| service.downtime);
    let down: Vec<_> = down.map(|service| service.service.as_str()).collect();
    if !down.is_empty() {
        print::line(format_args!("briefly down during the change: {}", down.join(", ")))?;
    } else if detail == Detail::Files {
        print::line(format_args!("nothing is down during the change"))?;
    }
    print::line(format_args!("nothing was done: this was a dry run"))
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

/// Returns whether everything was done that was to be done.
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
