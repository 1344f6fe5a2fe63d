//! Imports Compose files: each service becomes a definition.

mod dotenv;
mod interpolate;
mod keys;
mod load;
mod merge;
mod project;
mod service;
mod top;

use std::path::{Path, PathBuf};

use conductor_core::definition::Runtime;
use conductor_core::error::Problem;

pub use keys::rows;

use crate::names::absolute;
use crate::report::Report;
use crate::{Imported, Surroundings, settle};
pub(crate) use load::Environment;
use load::Loader;
pub(crate) use project::Project;
pub(crate) use service::named_volume;

/// The files that Compose looks for in a directory, and those that it reads in addition.
pub const FILES: [(&str, &str); 4] = [
    ("compose.yaml", "compose.override.yaml"),
    ("compose.yml", "compose.override.yml"),
    ("docker-compose.yml", "docker-compose.override.yml"),
    ("docker-compose.yaml", "docker-compose.override.yaml"),
];

/// How to import Compose files.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The files, each over those before it.
    pub files: Vec<PathBuf>,
    /// Files of variables in place of `.env`.
    pub env_files: Vec<PathBuf>,
    /// The name of the project; by default that in the files, or of their directory.
    pub project: Option<String>,
    /// The profiles whose services are imported, in addition to services without one; `*` for all.
    pub profiles: Vec<String>,
    /// What runs the services.
    pub runtime: Runtime,
    /// Whether volumes of the engine that the project has are used.
    pub adopt_volumes: bool,
    /// Whether each id begins with the name of the project.
    pub prefix: bool,
    /// The directory of files for variables whose values are from the environment or from `.env`; absolute. Without
    /// one, these are in the definitions.
    pub env_directory: Option<PathBuf>,
    /// Whether services with the same image, user and entrypoint are the processes of one application.
    pub application: bool,
}

/// Converts the services of a project.
///
/// # Errors
/// What makes the files no project: a file that is missing or no YAML, a variable that must be set, a cycle.
pub fn import(
    options: &Options,
    surroundings: &Surroundings<'_>,
) -> Result<Imported, Vec<Problem>> {
    let mut report = Report::default();
    let (found, errors) = {
        let mut loader = Loader { surroundings, report: &mut report, errors: Vec::new() };
        (load(options, &mut loader), loader.errors)
    };
    let Ok((root, environment)) = found else { return Err(errors) };
    let (drafts, applications) = {
        let project = Project::new(options, surroundings, &root, &environment, &mut report)
            .map_err(|error| vec![error])?;
        top::report(&project, &mut report);
        (project.drafts(&mut report), project.applications)
    };
    let definitions = settle::settle(drafts, &applications, &mut report);
    settle::note_defined(&definitions, &surroundings.defined, &mut report);
    report.sort();
    let Report { left_out, notes, .. } = report;
    Ok(Imported { definitions, left_out, notes })
}

type Loaded = (crate::node::Node, Environment);

fn load(options: &Options, loader: &mut Loader<'_>) -> Result<Loaded, ()> {
    let first = options.files.first().map_or(Path::new("compose.yaml"), PathBuf::as_path);
    let path = absolute(&loader.surroundings.directory.join(first), "");
    let directory = path.parent().unwrap_or(Path::new("/")).to_owned();
    let mut environment = Environment::default();
    match options.env_files.as_slice() {
        [] => loader.env_file(&directory.join(".env"), false, &mut environment)?,
        files => {
            for file in files {
                loader.env_file(file, true, &mut environment)?;
            }
        }
    }
    let root = loader.project(&options.files, &directory, &environment)?;
    note_override(options, loader, first);
    Ok((root, environment))
}

/// Notes a file that Compose reads together with the first one, unless it is given.
fn note_override(options: &Options, loader: &mut Loader<'_>, first: &Path) {
    let name = first.file_name().and_then(|name| name.to_str());
    let Some((_, other)) = FILES.iter().find(|(main, _)| Some(*main) == name) else { return };
    let path = first.with_file_name(other);
    let exists = (loader.surroundings.read)(&loader.surroundings.directory.join(&path));
    if options.files.len() == 1 && matches!(exists, Ok(Some(_))) {
        let note = Problem::of_file(&path, "docker compose reads this file, too");
        loader.report.notes.push(note.hint("give it as a second file, if it is in use"));
    }
}
