//! Brings a Linux host to what service definitions say.
//!
//! [`Conductor`] is what a program links this crate for, and what the command line is a thin layer over: it plans
//! and carries out each [`Change`]. The definitions, units and plans that it works with are those of
//! [`conductor_core`].

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod event;
mod executor;
pub mod fake;
pub mod host;
mod ops;
mod report;
pub mod system;

pub use conductor_core;
pub use event::{Event, Progress, Watcher};
pub use ops::*;
pub use report::{Cause, Failure, Report, ServiceReport, StepObject, StepReport};
