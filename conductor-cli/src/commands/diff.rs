//! `conductor diff`: shows what apply would change in the unit files.

use std::process::ExitCode;

use conductor_host::{Prune, diff};
use schemars::JsonSchema;
use serde::Serialize;

use crate::args::Definitions;
use crate::context::Context;
use crate::failure::Failure;
use crate::print;

/// What apply would change.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Difference {
    /// Whether apply would do anything, be it that it starts what was stopped.
    changed: bool,
    /// How files would change, as a unified diff; empty if none would.
    diff: String,
}

pub(crate) fn run(context: &Context, options: &Definitions) -> Result<ExitCode, Failure> {
    let services = context.conductor.read(&options.paths)?;
    let (plan, observed) = context.conductor.plan(&services, Prune::Ignore)?;
    let diff = diff(&plan, &observed);
    if context.json() {
        Context::print_json(&Difference { changed: plan.changes(), diff })?;
    } else {
        print::text(format_args!("{diff}"))?;
    }
    Ok(ExitCode::SUCCESS)
}
