//! `conductor check`: reports all errors in definitions.

use std::process::ExitCode;

use conductor_core::name::ServiceId;
use schemars::JsonSchema;
use serde::Serialize;

use crate::args::Definitions;
use crate::context::Context;
use crate::error_object::ErrorDetails;
use crate::failure::Failure;
use crate::print;

/// Valid definitions.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Checked<'s> {
    /// The services that are defined.
    services: Vec<&'s ServiceId>,
    /// Empty: if there are errors, the result is the error object.
    errors: [ErrorDetails; 0],
    /// Advice about the definitions.
    warnings: Vec<ErrorDetails>,
}

pub(crate) fn run(context: &Context, options: &Definitions) -> Result<ExitCode, Failure> {
    context.conductor.settings()?;
    let services = context.conductor.read(&options.paths)?;
    let warnings: Vec<_> = services.iter().flat_map(|service| &service.advice).collect();
    if context.json() {
        Context::print_json(&Checked {
            services: services.iter().map(|service| &service.id).collect(),
            errors: [],
            warnings: ErrorDetails::list("advice", warnings),
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    for warning in warnings {
        print::complaint(format_args!("warning: {warning}"));
    }
    match services.len() {
        1 => print::line(format_args!("1 service is valid"))?,
        count => print::line(format_args!("{count} services are valid"))?,
    }
    Ok(ExitCode::SUCCESS)
}
