//! `conductor schema`: prints the JSON Schema of a definition.

use std::process::ExitCode;

use conductor_core::definition::schema;

use crate::failure::Failure;
use crate::print;

pub(crate) fn run() -> Result<ExitCode, Failure> {
    print::line(format_args!(
        "{}",
        serde_json::to_string_pretty(&schema()).map_err(Failure::json)?
    ))?;
    Ok(ExitCode::SUCCESS)
}
