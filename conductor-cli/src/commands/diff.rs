//! `conductor diff`: shows what apply would change in the unit files.

use std::process::ExitCode;

use conductor_core::conductor::{Prune, diff};
use serde_json::json;

use crate::args::Definitions;
use crate::context::Context;
use crate::failure::Failure;
use crate::print;

pub(crate) fn run(context: &Context, options: &Definitions) -> Result<ExitCode, Failure> {
    let services = context.conductor.read(&options.paths)?;
    let (plan, observed) = context.conductor.plan(&services, Prune::Ignore)?;
    let text = diff(&plan, &observed);
    if context.json() {
        Context::print_json(&json!({"changed": plan.changes(), "diff": text}))?;
    } else {
        print::text(format_args!("{text}"))?;
    }
    Ok(ExitCode::SUCCESS)
}
