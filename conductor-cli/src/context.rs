//! The context of a command: paths from options and environment, and the output format.

use std::env;
use std::path::{Path, PathBuf};

use conductor_host::system::Paths;
use conductor_host::{Conductor, Error};
use schemars::JsonSchema;
use serde::Serialize;

use crate::args::{Global, Output};
use crate::commands::Command;
use crate::failure::Failure;
use crate::print;

/// The context of every command.
pub(crate) struct Context {
    pub(crate) conductor: Conductor,
    pub(crate) output: Output,
    /// Whether to use the user's own systemd.
    pub(crate) of_user: bool,
}

impl Context {
    pub(crate) fn new(global: &Global, command: &Command) -> Result<Self, Failure> {
        let mut paths = match (&global.root, global.user) {
            (Some(root), _) => Paths::below(root).map_err(Error::from)?,
            (None, false) => Paths::system(Path::new("/")),
            (None, true) => Paths::user(
                &of_user("XDG_CONFIG_HOME", ".config")?,
                &of_user("XDG_STATE_HOME", ".local/state")?,
                &variable("XDG_RUNTIME_DIR")?,
            ),
        };
        if let Some(definitions) = &global.definitions {
            paths.definitions.clone_from(definitions);
        }
        let templates = global.templates.as_deref();
        let conductor = Conductor::new(paths, templates)?;
        let conductor = if global.root.is_some() { conductor.offline() } else { conductor };
        // The builder of an image is responsible for its files.
        let trusted = global.root.is_some() || global.allow_unsafe_permissions;
        let conductor = match command.changes_the_host() && !trusted {
            true => conductor.refuse_what_others_write(templates, "--allow-unsafe-permissions")?,
            false => conductor,
        };
        let conductor = match command.lock_timeout() {
            Some(timeout) => conductor.lock_timeout(timeout),
            None => conductor,
        };
        Ok(Self { conductor, output: global.output, of_user: global.user })
    }

    pub(crate) fn json(&self) -> bool {
        self.output == Output::Json
    }

    /// Prints a JSON object, which `conductor schema --output-of` describes.
    pub(crate) fn print_json(value: &(impl JsonSchema + Serialize)) -> Result<(), Failure> {
        print::json(&serde_json::to_string(value).map_err(Failure::json)?)
    }
}

/// Returns a directory of a user, which a variable may name (XDG Base Directory Specification).
fn of_user(name: &'static str, default: &str) -> Result<PathBuf, Failure> {
    match env::var_os(name) {
        Some(directory) => Ok(directory.into()),
        None => Ok(variable("HOME")?.join(default)),
    }
}

fn variable(name: &'static str) -> Result<PathBuf, Failure> {
    env::var_os(name).map(PathBuf::from).ok_or(Failure::Environment { name })
}
