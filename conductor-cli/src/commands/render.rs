//! `conductor render`: prints units, or writes them to a directory.

use std::process::ExitCode;

use conductor_core::conductor::Error;
use conductor_core::host::UnitDirectory;
use conductor_core::plan::{Change, Step};
use serde_json::json;

use crate::args::Render;
use crate::context::Context;
use crate::failure::Failure;
use crate::print;

pub(crate) fn run(context: &Context, options: &Render) -> Result<ExitCode, Failure> {
    let services = context.conductor.read(&options.definitions.paths)?;
    let set = context.conductor.render(&services)?;
    if let Some(directory) = &options.out {
        let write = set.units.iter().map(|(name, unit)| Step::Write {
            name: name.clone(),
            unit: unit.clone().into(),
            change: Change::New,
        });
        let steps: Vec<_> = write.chain(set.links.iter().cloned().map(Step::Enable)).collect();
        let steps: Vec<_> = steps.iter().collect();
        UnitDirectory::new(directory).carry_out(&steps).map_err(Error::from)?;
    }
    if context.json() {
        let units: serde_json::Map<_, _> = set
            .units
            .iter()
            .map(|(name, unit)| (name.to_string(), unit.text.clone().into()))
            .collect();
        let links: Vec<_> = set.links.iter().map(ToString::to_string).collect();
        Context::print_json(&json!({"units": units, "links": links}))?;
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
