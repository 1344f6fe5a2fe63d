//! `conductor diff`: shows what apply would change in the unit files.

use std::process::ExitCode;

use conductor_host::{Apply, Change};
use schemars::JsonSchema;
use serde::Serialize;

use crate::args::Definitions;
use crate::context::Context;
use crate::failure::Failure;
use crate::print;

/// What apply would change.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Difference {
    /// Whether apply would change anything, including units that it would start.
    changed: bool,
    /// The changes to files, as a unified diff; empty if there are none.
    diff: String,
}

pub(crate) fn run(context: &Context, options: &Definitions) -> Result<ExitCode, Failure> {
    let services = context.conductor.read(&options.paths)?;
    let change = Change::Apply(Apply { services, ..Apply::default() });
    let planned = context.conductor.plan(&change)?;
    let diff = planned.diff();
    if context.json() {
        Context::print_json(&Difference { changed: planned.plan.changes(), diff })?;
    } else {
        print::text(format_args!("{diff}"))?;
    }
    Ok(ExitCode::SUCCESS)
}
