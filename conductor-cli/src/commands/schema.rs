//! `conductor schema`: prints the JSON Schema of a definition, or of what a command prints.

use std::process::ExitCode;

use conductor_core::definition;

use crate::args::Schema;
use crate::context::Context;
use crate::contract::OutputOf;
use crate::failure::Failure;
use crate::print;

pub(crate) fn run(context: &Context, options: &Schema) -> Result<ExitCode, Failure> {
    let schema = options.output_of.map_or_else(definition::schema, OutputOf::schema);
    let text = match context.json() {
        true => serde_json::to_string(&schema),
        false => serde_json::to_string_pretty(&schema),
    };
    print::line(format_args!("{}", text.map_err(Failure::json)?))?;
    Ok(ExitCode::SUCCESS)
}
