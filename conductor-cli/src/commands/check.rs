//! `conductor check`: says everything that is wrong with definitions.

use std::process::ExitCode;

use serde_json::json;

use crate::args::Definitions;
use crate::context::Context;
use crate::failure::{Failure, problem_json};
use crate::print;

pub(crate) fn run(context: &Context, options: &Definitions) -> Result<ExitCode, Failure> {
    context.conductor.settings()?;
    let services = context.conductor.read(&options.paths)?;
    let warnings: Vec<_> = services.iter().flat_map(|service| &service.advice).collect();
    if context.json() {
        let ids: Vec<_> = services.iter().map(|service| &service.id).collect();
        let warnings: Vec<_> =
            warnings.into_iter().map(|problem| problem_json("advice", problem)).collect();
        Context::print_json(&json!({"services": ids, "errors": [], "warnings": warnings}))?;
        return Ok(ExitCode::SUCCESS);
    }
    for warning in warnings {
        print::complaint(format_args!("warning: {warning}"));
    }
    match services.len() {
        1 => print::line(format_args!("1 service is well defined"))?,
        count => print::line(format_args!("{count} services are well defined"))?,
    }
    Ok(ExitCode::SUCCESS)
}
