//! `conductor import quadlet`: converts containers of Quadlet.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use conductor_core::definition::Runtime;
use conductor_host::system::{drop_ins, files_in};
use conductor_import::quadlet::{Options, import};

use super::{Into, runtimes};
use crate::context::Context;
use crate::failure::Failure;

#[derive(Debug, Args)]
#[command(
    after_help = "What cannot be carried over is named on standard error, with its place and what it would have\n\
                  done; the rest is printed all the same.\n\
                  Exit status: 0 everything was carried over or replaced, 1 something was left out, 2 bad usage\n\
                  or files that cannot be read.\n\n\
                  Example:\n  \
                  conductor import quadlet /etc/containers/systemd --adopt-volumes --out /etc/conductor/services"
)]
pub(crate) struct Quadlet {
    /// Files of Quadlet (.container, .volume, .network, ...), or directories of them
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// What runs the services
    #[arg(long, default_value = "podman", value_parser = runtimes())]
    pub(crate) runtime: Runtime,
    /// Use the volumes that the containers have, so that their data comes along
    #[arg(long)]
    pub(crate) adopt_volumes: bool,
    #[command(flatten)]
    pub(crate) into: Into,
}

pub(crate) fn run(context: &Context, options: &Quadlet) -> Result<ExitCode, Failure> {
    let mut files = Vec::new();
    for path in &options.files {
        match path.is_dir() {
            true => {
                files.extend(files_in(path).map_err(|problem| Failure::Import(vec![problem]))?);
            }
            false => files.push(path.clone()),
        }
    }
    let mut more = Vec::new();
    for file in &files {
        let found = drop_ins(file).map_err(|problem| Failure::Import(vec![problem]))?;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let new = found.into_iter().filter(|path| !files.contains(path));
        more.extend(new.map(|path| (name.clone().into_owned(), path)));
    }
    let import_options = Options {
        files,
        drop_ins: more,
        runtime: options.runtime,
        adopt_volumes: options.adopt_volumes,
    };
    super::import(context, &options.into, |surroundings| import(&import_options, surroundings))
}
