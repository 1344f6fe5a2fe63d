//! What the arguments mean: paths from options and environment, and how to print.

use std::env;
use std::path::{Path, PathBuf};

use conductor_core::conductor::{Conductor, Error, Event};
use conductor_core::host::Paths;

use crate::args::{Global, Output};
use crate::failure::Failure;
use crate::print;

/// What every command works with.
pub(crate) struct Context {
    pub(crate) conductor: Conductor,
    pub(crate) output: Output,
}

impl Context {
    pub(crate) fn new(global: &Global) -> Result<Self, Failure> {
        let mut paths = match (&global.root, global.user) {
            (Some(root), _) => Paths::below(root).map_err(Error::from)?,
            (None, false) => Paths::system(Path::new("/")),
            (None, true) => Paths::user(&user_configuration()?, &variable("XDG_RUNTIME_DIR")?),
        };
        if let Some(definitions) = &global.definitions {
            paths.definitions.clone_from(definitions);
        }
        let conductor = Conductor::new(paths, global.templates.as_deref())?;
        let conductor = if global.root.is_some() { conductor.offline() } else { conductor };
        Ok(Self { conductor, output: global.output })
    }

    pub(crate) fn json(&self) -> bool {
        self.output == Output::Json
    }

    /// Prints an object for programs.
    pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
        print::line(format_args!("{}", serde_json::to_string(value).map_err(Failure::json)?))
    }

    /// Tells of each step as it is taken, unless a program is listening.
    pub(crate) fn print_event(&self, event: &Event<'_>) {
        if self.json() {
            return;
        }
        // What is being done matters more than who reads about it: a failure to print stops nothing.
        let _ = match event {
            // Files are many and quick; a dry run lists them.
            Event::Step { step, .. } if step.is_file() => Ok(()),
            Event::Step { service, step } => print::line(format_args!("{service}: {step}")),
            Event::Failed { service, failure } => {
                print::line(format_args!("{service}: {} failed", failure.unit))
            }
            Event::Reload => print::line(format_args!("systemd reads the changed units")),
            _ => Ok(()),
        };
    }
}

/// Gives the directory of a user's configuration (XDG Base Directory Specification).
fn user_configuration() -> Result<PathBuf, Failure> {
    match env::var_os("XDG_CONFIG_HOME") {
        Some(directory) => Ok(directory.into()),
        None => Ok(variable("HOME")?.join(".config")),
    }
}

fn variable(name: &'static str) -> Result<PathBuf, Failure> {
    env::var_os(name).map(PathBuf::from).ok_or(Failure::Environment { name })
}
