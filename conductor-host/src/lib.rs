//! Makes a Linux host run what service definitions say.
//!
//! [`Conductor`] is the entry point for programs; the command line is a thin layer over it. It plans and
//! carries out each [`Change`]. Definitions, units and plans are the types of [`conductor_core`].

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod doctor;
mod event;
mod executor;
pub mod fake;
pub mod host;
mod ops;
mod report;
pub mod system;

pub use conductor_core;
pub use doctor::{Check, Diagnosis, Finding, Severity, Unseen};
pub use event::{Event, Progress, Watcher};
pub use ops::*;
pub use report::{Cause, Failure, Report, ServiceReport, StepObject, StepReport};
