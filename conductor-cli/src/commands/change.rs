//! The common part of all commands that change a host: the dry run or the change, its progress, the summary,
//! and the exit status.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use conductor_core::name::{Revision, ServiceId};
use conductor_core::value::Span;
use conductor_host::{Change, Planned, Pull, Remove, Report, StepObject};
use schemars::JsonSchema;
use serde::Serialize;

use crate::conclude::conclude;
use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt::Interrupts;
use crate::print;
use crate::progress::Progress;

/// Options of every command that changes the host.
#[derive(Debug, Args)]
pub(crate) struct ChangeOptions {
    /// Print what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How long to wait for another run on this host to end; 0 fails at once
    #[arg(long, value_name = "SPAN", default_value = "10min")]
    pub(crate) lock_timeout: Span,
}

/// The option that says which images are pulled.
#[derive(Debug, Args)]
pub(crate) struct PullOption {
    /// Pull images that the engine does not have; or all, and replace instances whose tag means another image; or none
    /// [default: what pull in the definition says, or missing]
    #[arg(long, value_name = "WHEN", display_order = 3)]
    pull: Option<When>,
}

/// When images are pulled.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum When {
    Missing,
    Always,
    Never,
}

impl PullOption {
    pub(super) fn of(&self) -> Pull {
        match self.pull {
            None => Pull::Defined,
            Some(When::Missing) => Pull::Missing,
            Some(When::Always) => Pull::Always,
            Some(When::Never) => Pull::Never,
        }
    }
}

/// Changes the host, or prints the plan of a dry run.
pub(super) fn run(
    context: &Context,
    change: &Change,
    options: &ChangeOptions,
) -> Result<ExitCode, Failure> {
    let conductor = &context.conductor;
    if options.dry_run {
        print_plan(context, &conductor.plan(change)?, Detail::of(change))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut progress = Progress::new(context.output, Interrupts::catch());
    let result = conductor.carry_out(change, &mut progress);
    // This finishes the progress output before anything else is printed.
    drop(progress);
    let report = result?;
    print_report(context, change, &report)?;
    Ok(conclude(&report, context.output))
}

/// The plan of a dry run.
#[derive(Serialize, JsonSchema)]
pub(crate) struct DryRun<'p> {
    /// Whether anything would be changed.
    changed: bool,
    /// The plan for each service.
    services: Vec<PlannedService<'p>>,
    /// Services on the host that have no definition and would not be touched.
    orphans: &'p [ServiceId],
    /// The changes to files, as a unified diff; empty if there are none.
    diff: String,
}

/// The plan for one service.
#[derive(Serialize, JsonSchema)]
struct PlannedService<'p> {
    /// The service.
    id: &'p ServiceId,
    /// The desired revision; null if the service would be removed.
    revision: Option<&'p Revision>,
    /// Whether anything would be changed.
    changed: bool,
    /// Whether the service would be briefly down.
    downtime: bool,
    /// Why instances would be replaced, if neither the definition nor the revision changed.
    reasons: &'p [String],
    /// What an operator should know about the change.
    notes: &'p [String],
    /// The steps, in order.
    steps: Vec<PlannedStep>,
}

/// A planned step.
#[derive(Serialize, JsonSchema)]
struct PlannedStep {
    /// The plan of a dry run.
    step: StepObject,
}

impl<'p> DryRun<'p> {
    fn new(planned: &'p Planned) -> Self {
        let plan = &planned.plan;
        let services = plan.services.iter().map(|service| {
            let steps = service.all_steps().map(|step| PlannedStep { step: step.into() });
            PlannedService {
                id: &service.service,
                revision: service.revision.as_ref(),
                changed: service.changes(),
                downtime: service.downtime,
                reasons: &service.reasons,
                notes: &service.notes,
                steps: steps.collect(),
            }
        });
        Self {
            changed: plan.changes(),
            services: services.collect(),
            orphans: &plan.orphans,
            diff: planned.diff(),
        }
    }
}

/// What of a plan is shown to people; programs get everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// The steps.
    Steps,
    /// The steps, and the changes to files.
    Files,
}

impl Detail {
    fn of(change: &Change) -> Self {
        match change {
            Change::Deploy(_) | Change::Rollback(_) => Self::Files,
            // `conductor diff` shows how the files would change.
            Change::Apply(_)
            | Change::Restart(_)
            | Change::Remove(_)
            | Change::RemoveAll
            | Change::Pause(_)
            | Change::Resume(_) => Self::Steps,
        }
    }
}

/// Prints a plan.
pub(super) fn print_plan(
    context: &Context,
    planned: &Planned,
    detail: Detail,
) -> Result<(), Failure> {
    if context.json() {
        return Context::print_json(&DryRun::new(planned));
    }
    let plan = &planned.plan;
    print::text(format_args!("{plan}"))?;
    if detail == Detail::Files {
        print::text(format_args!("{}", planned.diff()))?;
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

/// Prints a summary of a change.
fn print_report(context: &Context, change: &Change, report: &Report) -> Result<(), Failure> {
    if context.json() {
        return Context::print_json(report);
    }
    if matches!(change, Change::RemoveAll) && !report.services.is_empty() {
        let ids: Vec<_> = report.services.iter().map(|service| service.id.as_str()).collect();
        return match is_complete(report) {
            true => {
                print::line(format_args!("removed: {}; definitions and data stay", ids.join(", ")))
            }
            false => Ok(()),
        };
    }
    if let Change::Remove(Remove { service, volumes }) = change {
        return match is_complete(report) {
            true if *volumes => print::line(format_args!(
                "removed: {service} and its named volumes; its definition, if there is one, stays"
            )),
            true => print::line(format_args!(
                "removed: {service}; its definition, if there is one, stays"
            )),
            false => Ok(()),
        };
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

/// Returns whether all steps of all services were carried out.
fn is_complete(report: &Report) -> bool {
    report.services.iter().all(|service| service.failure.is_none() && service.left.is_empty())
}

fn print_orphans(orphans: &[ServiceId]) -> Result<(), Failure> {
    for id in orphans {
        print::line(format_args!(
            "note: {id} is on this host and has no definition; --prune removes it"
        ))?;
    }
    Ok(())
}
