//! `conductor schema`: prints the JSON Schema of a definition, or of what a command prints.

use std::process::ExitCode;

use clap::Args;
use conductor_core::definition;

use crate::context::Context;
use crate::contract::OutputOf;
use crate::failure::Failure;
use crate::print;

#[derive(Debug, Args)]
#[command(
    after_help = "Each line that the command writes to standard output with --output json is valid by its\n\
                  schema, also if it fails. docs/cli.md says what stays the same from version to version.\n\n\
                  Example:\n  conductor schema > definition.schema.json\n  \
                  conductor schema --output-of apply > apply.schema.json"
)]
pub(crate) struct Schema {
    /// The schema of what COMMAND prints with --output json, in place of that of a definition
    #[arg(long, value_enum, value_name = "COMMAND")]
    pub(crate) output_of: Option<OutputOf>,
}

pub(crate) fn run(context: &Context, options: &Schema) -> Result<ExitCode, Failure> {
    let schema = options.output_of.map_or_else(definition::schema, OutputOf::schema);
    let text = match context.json() {
        true => serde_json::to_string(&schema),
        false => serde_json::to_string_pretty(&schema),
    };
    print::line(format_args!("{}", text.map_err(Failure::json)?))?;
    Ok(ExitCode::SUCCESS)
}
