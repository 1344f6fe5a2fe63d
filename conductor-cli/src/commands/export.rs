//! `conductor export`: converts definitions to what other engines read.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use conductor_export::{Exported, Target, export};
use conductor_host::system::{NewFile, write_definitions};
use schemars::JsonSchema;
use serde::Serialize;

use crate::args::Definitions;
use crate::context::Context;
use crate::error_object::ErrorDetails;
use crate::exit_status::FAILED;
use crate::failure::Failure;
use crate::print;

#[derive(Debug, Args)]
#[command(
    after_help = "What the engine has no counterpart for is named on standard error, with its place and what it would\n\
                  have done; the rest is printed all the same. A service that the engine cannot run is left out.\n\
                  Exit status: 0 everything was carried over or replaced, 1 something was left out, 2 bad usage\n\
                  or definition.\n\n\
                  Example:\n  \
                  conductor export --to compose >compose.yaml\n  \
                  conductor export --to quadlet --out /etc/containers/systemd web.yaml"
)]
pub(crate) struct Export {
    /// The engine
    #[arg(long, value_name = "ENGINE")]
    pub(crate) to: Engine,
    /// Write the files to DIR instead of printing them; other files are not replaced
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) definitions: Definitions,
}

/// An engine for which definitions are converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engine {
    /// A Compose file, for docker compose
    Compose,
    /// A Compose file, for docker stack deploy
    Swarm,
    /// Units of podman, for systemd
    Quadlet,
    /// Objects of Kubernetes, for kubectl apply
    Kubernetes,
}

/// What definitions were converted to.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ExportedServices<'e> {
    /// The files.
    files: Vec<ExportedFile<'e>>,
    /// What could not be carried over.
    left_out: Vec<ErrorDetails>,
    /// What was replaced, behaves differently, or has to be made before.
    notes: Vec<ErrorDetails>,
}

/// A file for another engine.
#[derive(Serialize, JsonSchema)]
struct ExportedFile<'e> {
    /// Its name.
    name: &'e str,
    /// Its text.
    text: &'e str,
}

pub(crate) fn run(context: &Context, options: &Export) -> Result<ExitCode, Failure> {
    let services = context.conductor.read(&options.definitions.paths)?;
    let services = context.conductor.at_revisions(services)?;
    let target = match options.to {
        Engine::Compose => Target::Compose,
        Engine::Swarm => Target::Swarm,
        Engine::Quadlet => Target::Quadlet,
        Engine::Kubernetes => Target::Kubernetes,
    };
    let exported = export(target, &services);
    if let Some(out) = &options.out {
        let files = exported.files.iter().map(|file| NewFile {
            name: file.name.clone(),
            text: &file.text,
            is_private: false,
        });
        let files: Vec<_> = files.collect();
        write_definitions(out, &files).map_err(|problem| Failure::Import(vec![problem]))?;
    }
    match context.json() {
        true => print_json(&exported)?,
        false => print_text(&exported, options)?,
    }
    Ok(ExitCode::from(if exported.left_out.is_empty() { 0 } else { FAILED }))
}

fn print_text(exported: &Exported, options: &Export) -> Result<(), Failure> {
    let Exported { files, services, left_out, notes } = exported;
    for note in notes {
        print::complaint(format_args!("note: {note}"));
    }
    for problem in left_out {
        print::complaint(format_args!("{problem}"));
    }
    let s = |count: usize| if count == 1 { "" } else { "s" };
    let missing = left_out.len();
    if missing > 0 {
        print::complaint(format_args!(
            "left out {missing} thing{}; exported {services} service{}",
            s(missing),
            s(*services)
        ));
    }
    if let Some(out) = &options.out {
        let (count, out) = (files.len(), out.display());
        return print::line(format_args!("wrote {count} file{} to {out}", s(count)));
    }
    // Units of Quadlet are in files of their own, and YAML is one stream.
    let is_yaml =
        files.iter().all(|file| Path::new(&file.name).extension() == Some("yaml".as_ref()));
    for (index, file) in files.iter().enumerate() {
        match (is_yaml, index) {
            (true, 0) => {}
            (true, _) => print::text(format_args!("---\n"))?,
            (false, _) => {
                let gap = if index > 0 { "\n" } else { "" };
                print::text(format_args!("{gap}# ──── {}\n", file.name))?;
            }
        }
        print::text(format_args!("{}", file.text))?;
    }
    Ok(())
}

fn print_json(exported: &Exported) -> Result<(), Failure> {
    let files =
        exported.files.iter().map(|file| ExportedFile { name: &file.name, text: &file.text });
    Context::print_json(&ExportedServices {
        files: files.collect(),
        left_out: ErrorDetails::list("left_out", &exported.left_out),
        notes: ErrorDetails::list("note", &exported.notes),
    })
}
