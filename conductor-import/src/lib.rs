//! Converts what other tools run containers from to service definitions: Compose files and Quadlet units.
//!
//! Each key is carried over, replaced by something of the same meaning, or left out. What is left out is reported
//! with its place, also a key that nobody knows: nothing is dropped silently. Each definition is read by
//! conductor's own reader before it is returned, and what that refuses is left out as well.
//!
//! Like the core, this crate touches no file, environment or clock: the caller passes a reader. The same input
//! always becomes the same definitions, byte for byte.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod application;
pub mod compose;
mod draft;
mod health;
mod image;
mod names;
mod node;
pub mod quadlet;
mod read;
mod report;
mod settle;
mod table;
mod units;
mod words;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use conductor_core::error::Problem;
use conductor_core::name::ServiceId;

pub use table::{Fate, Row};

/// Returns the content of a file, `None` if there is no such file, or why it cannot be read.
pub type ReadFile<'r> = &'r dyn Fn(&Path) -> Result<Option<String>, String>;

/// What the import depends on besides the files that are converted.
pub struct Surroundings<'s> {
    /// Reads files.
    pub read: ReadFile<'s>,
    /// Returns the value of an environment variable.
    pub variable: &'s dyn Fn(&str) -> Option<String>,
    /// The directory that relative paths begin at; absolute.
    pub directory: &'s Path,
    /// The services that have a definition, with its path.
    pub defined: BTreeMap<ServiceId, PathBuf>,
}

/// A definition made from a service of another tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// The id of the service.
    pub id: ServiceId,
    /// Its text, in YAML.
    pub text: String,
    /// The file of variables that it names, which others must not read.
    pub env_files: Vec<EnvFile>,
}

/// A file of variables for `env_files`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvFile {
    /// Its name in the directory that was given.
    pub name: String,
    /// Its text, as the engines read it.
    pub text: String,
}

/// The result of an import.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Imported {
    /// The definitions.
    pub definitions: Vec<Definition>,
    /// What could not be carried over, each with its place and what it would have done.
    pub left_out: Vec<Problem>,
    /// What was replaced, or behaves differently.
    pub notes: Vec<Problem>,
}
