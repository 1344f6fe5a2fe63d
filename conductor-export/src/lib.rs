//! Converts service definitions to what other engines read: Compose files, stacks of a Docker swarm, units of Quadlet,
//! and objects of Kubernetes.
//!
//! Each key is carried over, or left out. What is left out is reported with its place and what it would have done:
//! nothing is dropped silently. A service that an engine cannot take at all is refused, and the others are exported.
//!
//! Like the core, this crate touches no file, environment or clock. The same definitions always become the same
//! text, byte for byte.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod compose;
mod fates;
mod given;
mod kubernetes;
mod model;
mod quadlet;
mod report;
mod text;

use conductor_core::error::Problem;
use conductor_core::service::Service;

pub use fates::{Fate, ROWS, Row};

use report::Report;

/// What the definitions are converted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A Compose file, for `docker compose`.
    Compose,
    /// A Compose file, for `docker stack deploy`.
    Swarm,
    /// Units of podman, for systemd.
    Quadlet,
    /// Objects of Kubernetes, for `kubectl apply`.
    Kubernetes,
}

/// A file of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name, without a directory.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// The result of an export.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Exported {
    /// The files, in the order of their names.
    pub files: Vec<File>,
    /// The number of services that were exported.
    pub services: usize,
    /// What could not be carried over, each with its place and what it would have done.
    pub left_out: Vec<Problem>,
    /// What was replaced, behaves differently, or has to be made before.
    pub notes: Vec<Problem>,
}

/// Converts services. Each has the revision that is exported; the engines read no other.
pub fn export(target: Target, services: &[Service]) -> Exported {
    let mut report = Report::default();
    let mut taken = Vec::new();
    for service in services {
        match given::check(service) {
            Ok(given) => taken.push(given),
            Err(refusal) => report.refuse(service, refusal),
        }
    }
    taken.sort_by(|a, b| a.service.id.cmp(&b.service.id));
    for given in &taken {
        fates::report(target, given.service, &mut report);
    }
    fates::separate(target, taken.iter().map(|given| given.service), &mut report);
    let mut files = match target {
        Target::Compose | Target::Swarm => compose::export(target, &taken, &mut report),
        Target::Quadlet => quadlet::export(&taken, &mut report),
        Target::Kubernetes => kubernetes::export(&taken, &mut report),
    };
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let Report { left_out, notes } = report.sorted();
    Exported { files, services: taken.len(), left_out, notes }
}
