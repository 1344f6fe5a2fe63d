//! `conductor render`: prints units, or writes them to a directory.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use conductor_core::name::UnitName;
use conductor_host::Error;
use conductor_host::system::UnitDirectory;
use schemars::JsonSchema;
use serde::Serialize;

use crate::args::Definitions;
use crate::context::Context;
use crate::failure::Failure;
use crate::print;

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  conductor render web.yaml --out units/")]
pub(crate) struct Render {
    #[command(flatten)]
    pub(crate) definitions: Definitions,
    /// Write the units to DIR instead of printing them
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

/// The units of definitions.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Rendered<'s> {
    /// The text of each unit file, by its name.
    units: BTreeMap<&'s UnitName, &'s str>,
    /// The links that enable units, relative to the unit directory.
    links: Vec<String>,
}

pub(crate) fn run(context: &Context, options: &Render) -> Result<ExitCode, Failure> {
    let services = context.conductor.read(&options.definitions.paths)?;
    let set = context.conductor.render(&services)?;
    if let Some(directory) = &options.out {
        UnitDirectory::new(directory).write_all(&set).map_err(Error::from)?;
    }
    if context.json() {
        let units = set.units.iter().map(|(name, unit)| (name, unit.text.as_str())).collect();
        let links = set.links.iter().map(ToString::to_string).collect();
        Context::print_json(&Rendered { units, links })?;
    } else if let Some(directory) = &options.out {
        print::line(format_args!("wrote {} units to {}", set.units.len(), directory.display()))?;
    } else {
        for (index, (name, unit)) in set.units.iter().enumerate() {
            let gap = if index > 0 { "\n" } else { "" };
            print::text(format_args!("{gap}# ──── {name}\n{}", unit.text))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
