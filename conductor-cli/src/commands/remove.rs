//! `conductor remove`: stops a service and removes its units.

use std::process::ExitCode;

use super::outcome::is_complete;
use crate::args::Remove;
use crate::conclude::conclude;
use crate::context::Context;
use crate::failure::Failure;
use crate::print;

pub(crate) fn run(context: &Context, options: &Remove) -> Result<ExitCode, Failure> {
    let report = context.watch(|watcher| context.conductor.remove(&options.id, watcher))?;
    if context.json() {
        Context::print_json(&report)?;
    } else if is_complete(&report) {
        print::line(format_args!(
            "removed: {}; its definition, if there is one, stays",
            options.id
        ))?;
    }
    Ok(conclude(&report, context.output))
}
