//! `conductor import compose`: converts the services of a Compose project.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use conductor_core::definition::Runtime;
use conductor_core::error::Problem;
use conductor_import::compose::{FILES, Options, import};

use super::{Into, runtimes};
use crate::context::Context;
use crate::failure::Failure;

#[derive(Debug, Args)]
#[command(
    after_help = "What cannot be carried over is named on standard error, with its place and what it would have\n\
                  done; the rest is printed all the same.\n\
                  Exit status: 0 everything was carried over or replaced, 1 something was left out, 2 bad usage\n\
                  or files that Compose would refuse.\n\n\
                  Example:\n  \
                  conductor import compose /srv/shop/compose.yaml --adopt-volumes --out /etc/conductor/services"
)]
pub(crate) struct Compose {
    /// Compose files, each over those before it; or the directory of a project
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// What runs the services
    #[arg(long, default_value = "docker", value_parser = runtimes())]
    pub(crate) runtime: Runtime,
    /// A file of variables, in place of .env
    #[arg(long, value_name = "FILE")]
    pub(crate) env_file: Vec<PathBuf>,
    /// Import the services of a profile, too; * for all
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Vec<String>,
    /// The name of the project [default: name in the file, or that of its directory]
    #[arg(long, value_name = "NAME")]
    pub(crate) project: Option<String>,
    /// Use the volumes that the project has, so that its data comes along
    #[arg(long)]
    pub(crate) adopt_volumes: bool,
    /// Begin each id with the name of the project
    #[arg(long)]
    pub(crate) prefix: bool,
    /// Write services with the same image, user and entrypoint as one application: they are deployed together
    #[arg(long)]
    pub(crate) application: bool,
    #[command(flatten)]
    pub(crate) into: Into,
}

pub(crate) fn run(context: &Context, options: &Compose) -> Result<ExitCode, Failure> {
    let mut files = Vec::new();
    for path in &options.files {
        match path.is_dir() {
            true => files.extend(of_directory(path)?),
            false => files.push(path.clone()),
        }
    }
    let import_options = Options {
        files,
        env_files: options.env_file.clone(),
        project: options.project.clone(),
        profiles: options.profile.clone(),
        runtime: options.runtime,
        adopt_volumes: options.adopt_volumes,
        prefix: options.prefix,
        env_directory: options.into.directory()?,
        application: options.application,
    };
    super::import(context, &options.into, |surroundings| import(&import_options, surroundings))
}

/// Returns the files that Compose reads in a directory.
fn of_directory(directory: &std::path::Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = FILES.iter().map(|(main, other)| (directory.join(main), directory.join(other)));
    let Some((main, other)) = found.find(|(main, _)| main.is_file()) else {
        let problem = Problem::of_file(directory, "there is no Compose file in this directory");
        return Err(Failure::Import(vec![problem.hint("name the file")]));
    };
    Ok(std::iter::once(main).chain(Some(other).filter(|it| it.is_file())).collect())
}
