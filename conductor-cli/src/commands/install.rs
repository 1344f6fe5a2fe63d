//! `conductor install`: copies conductor and its probe to where sudo and units look for them.

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use conductor_core::error::{PathContext as _, PathError};
use conductor_host::system::InstalledProgram;
use schemars::JsonSchema;
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::print;

/// The name of the probe beside conductor.
const PROBE: &str = "conductor-probe";

#[derive(Debug, Args)]
#[command(
    after_help = "sudo does not look into ~/.cargo/bin, and units need the probe at a path that only root can change.\n\
                  The probe has to be of the same version, and to need no C library. The package of a distribution\n\
                  installs both programs itself.\n\n\
                  Example:\n  sudo ~/.cargo/bin/conductor install\n  \
                  sudo target/release/conductor install --probe target/probe/conductor-probe"
)]
pub(crate) struct Install {
    /// The probe [default: conductor-probe beside this program]
    #[arg(long, value_name = "FILE")]
    pub(crate) probe: Option<PathBuf>,
}

/// The programs that are installed.
#[derive(Serialize, JsonSchema)]
pub(crate) struct InstalledPrograms {
    /// Whether one of them was written.
    changed: bool,
    /// The programs.
    programs: Vec<InstalledProgram>,
}

pub(crate) fn run(context: &Context, Install { probe }: &Install) -> Result<ExitCode, Failure> {
    let own = env::current_exe().at("find", "this program".as_ref());
    let own = own.map_err(|source: PathError| Failure::File { source })?;
    let probe = probe.clone().unwrap_or_else(|| own.with_file_name(PROBE));
    let programs = context.conductor.install_programs(&own, &probe)?;
    let changed = programs.iter().any(|program| program.changed);
    if context.json() {
        Context::print_json(&InstalledPrograms { changed, programs })?;
        return Ok(ExitCode::SUCCESS);
    }
    for program in programs.iter().filter(|program| program.changed) {
        print::line(format_args!("wrote {}", program.path.display()))?;
    }
    match changed {
        true => print::complaint(format_args!(
            "note: running instances keep the probe that they were started with; conductor restart --id ID starts \
             them anew"
        )),
        false => print::line(format_args!("nothing changed"))?,
    }
    Ok(ExitCode::SUCCESS)
}
