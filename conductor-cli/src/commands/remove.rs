//! `conductor remove`: stops a service and removes its units.

use std::process::ExitCode;

use conductor_core::conductor::Event;

use crate::args::Remove;
use crate::context::Context;
use crate::failure::{Failure, conclude};
use crate::print;

pub(crate) fn run(context: &Context, options: &Remove) -> Result<ExitCode, Failure> {
    let report = context
        .conductor
        .remove(&options.id, &mut |event: &Event<'_>| context.print_event(event))?;
    if context.json() {
        Context::print_json(&report)?;
    } else {
        print::line(format_args!(
            "removed: {}; its definition, if there is one, stays",
            options.id
        ))?;
    }
    Ok(conclude(&report, context.output))
}
