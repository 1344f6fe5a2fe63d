//! `conductor import`: converts what other tools run to definitions.

pub(crate) mod compose;
pub(crate) mod quadlet;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Subcommand};
use conductor_core::definition::Runtime;
use conductor_core::error::Problem;
use conductor_host::system::{NewFile, defined_services, read_import, write_definitions};
use conductor_import::{Definition, EnvFile, Imported, Surroundings};
use schemars::JsonSchema;
use serde::Serialize;

use self::compose::Compose;
use self::quadlet::Quadlet;
use super::cron::import::ImportedDefinition;
use crate::context::Context;
use crate::error_object::ErrorDetails;
use crate::exit_status::FAILED;
use crate::failure::Failure;
use crate::print;

/// Convert Compose files or Quadlet units to definitions.
#[derive(Debug, Args)]
pub(crate) struct Import {
    #[command(subcommand)]
    pub(crate) command: ImportCommand,
}

/// What is converted.
#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// Convert the services of a Compose project to definitions, and print these
    Compose(Compose),
    /// Convert the containers of Quadlet to definitions, and print these
    Quadlet(Quadlet),
}

/// Options of each import.
#[derive(Debug, Args)]
pub(crate) struct Into {
    /// Write each definition to DIR/ID.yaml instead of printing it; other files are not replaced
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

impl Into {
    /// Returns the absolute path of the directory that is written to.
    fn directory(&self) -> Result<Option<PathBuf>, Failure> {
        let absolute =
            |out: &PathBuf| std::path::absolute(out).map_err(move |error| (out.clone(), error));
        self.out
            .as_ref()
            .map(absolute)
            .transpose()
            .map_err(|(out, error)| Failure::Import(vec![Problem::of_file(out, error.to_string())]))
    }
}

/// The definitions that Compose files or Quadlet units were converted to.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ImportedServices<'i> {
    /// The definitions.
    definitions: Vec<ImportedDefinition<'i>>,
    /// What could not be carried over.
    left_out: Vec<ErrorDetails>,
    /// What was replaced, or behaves differently.
    notes: Vec<ErrorDetails>,
}

pub(crate) fn run(context: &Context, import: &Import) -> Result<ExitCode, Failure> {
    match &import.command {
        ImportCommand::Compose(options) => compose::run(context, options),
        ImportCommand::Quadlet(options) => quadlet::run(context, options),
    }
}

/// Returns the parser of a runtime.
pub(super) fn runtimes() -> impl clap::builder::TypedValueParser<Value = Runtime> {
    PossibleValuesParser::new(["docker", "podman", "native"]).map(|name| match name.as_str() {
        "podman" => Runtime::Podman,
        "native" => Runtime::Native,
        _ => Runtime::Docker,
    })
}

/// Converts, with the files and the environment of this process, and prints or writes the result.
fn import(
    context: &Context,
    into: &Into,
    convert: impl FnOnce(&Surroundings<'_>) -> Result<Imported, Vec<Problem>>,
) -> Result<ExitCode, Failure> {
    let directory = std::env::current_dir()
        .map_err(|error| Failure::Import(vec![Problem::of_file(".", error.to_string())]))?;
    let surroundings = Surroundings {
        read: &read_import,
        variable: &|name| std::env::var(name).ok(),
        directory: &directory,
        defined: defined_services(&context.conductor.paths().definitions),
    };
    let mut imported = convert(&surroundings).map_err(Failure::Import)?;
    for problem in imported.left_out.iter_mut().chain(&mut imported.notes) {
        // Absolute paths below the current directory are shown as the others are.
        if let Ok(path) = problem.file.strip_prefix(&directory) {
            problem.file = path.to_owned();
        }
    }
    if let Some(out) = &into.out {
        let files: Vec<_> = imported
            .definitions
            .iter()
            .flat_map(|Definition { id, text, env_files }| {
                let definition = NewFile { name: format!("{id}.yaml"), text, is_private: false };
                let variables = env_files.iter().map(|EnvFile { name, text }| NewFile {
                    name: name.clone(),
                    text,
                    is_private: true,
                });
                variables.chain([definition])
            })
            .collect();
        write_definitions(out, &files).map_err(|problem| Failure::Import(vec![problem]))?;
    }
    match context.json() {
        true => print_json(&imported)?,
        false => print_text(&imported, into.out.as_deref())?,
    }
    Ok(ExitCode::from(if imported.left_out.is_empty() { 0 } else { FAILED }))
}

fn print_text(imported: &Imported, out: Option<&Path>) -> Result<(), Failure> {
    let Imported { definitions, left_out, notes } = imported;
    for note in notes {
        print::complaint(format_args!("note: {note}"));
    }
    for problem in left_out {
        print::complaint(format_args!("{problem}"));
    }
    let s = |count: usize| if count == 1 { "" } else { "s" };
    let (services, missing) = (definitions.len(), left_out.len());
    if missing > 0 {
        print::complaint(format_args!(
            "left out {missing} thing{}; carried over {services} service{}",
            s(missing),
            s(services)
        ));
    }
    if let Some(out) = out {
        let out = out.display();
        return print::line(format_args!("wrote {services} definition{} to {out}", s(services)));
    }
    for (index, definition) in definitions.iter().enumerate() {
        let separator = if index > 0 { "---\n" } else { "" };
        print::text(format_args!("{separator}{}", definition.text))?;
    }
    Ok(())
}

fn print_json(imported: &Imported) -> Result<(), Failure> {
    let Imported { definitions, left_out, notes } = imported;
    let definitions = definitions
        .iter()
        .map(|definition| ImportedDefinition { id: &definition.id, text: &definition.text });
    Context::print_json(&ImportedServices {
        definitions: definitions.collect(),
        left_out: ErrorDetails::list("left_out", left_out),
        notes: ErrorDetails::list("note", notes),
    })
}
