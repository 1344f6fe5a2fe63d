//! Makes a Linux host run what service definitions say.
//!
//! [`Conductor`] is the entry point for programs; the command line is a thin layer over it. It plans and
//! carries out each [`Change`]. Definitions, units and plans are the types of [`conductor_core`].
//!
//! | you want to | start with |
//! | --- | --- |
//! | make a service in memory | [`Service::from_value`](conductor_core::service::Service::from_value) |
//! | read the definitions of a host | [`Conductor::read`] |
//! | see the units | [`Conductor::render`] |
//! | see what a change would do | [`Conductor::plan`] |
//! | do it, and follow it | [`Conductor::carry_out`], [`Watcher`] |
//! | see what runs | [`Conductor::status`] |
//! | write a definition as a file | [`Conductor::install_definition`] |
//! | test a program without systemd | [`fake::FakeHost`], [`Conductor::with_fake`] |
//!
//! ```
//! use std::path::Path;
//!
//! use conductor_host::Conductor;
//! use conductor_host::conductor_core::service::Service;
//! use conductor_host::conductor_core::settings::Settings;
//! use conductor_host::system::Paths;
//!
//! let value = serde_json::json!({"id": "web", "command": ["/usr/bin/web"], "instances": 2});
//! let web = Service::from_value(&value).unwrap();
//! let conductor = Conductor::new(Paths::system(Path::new("/")), None).unwrap();
//! let conductor = conductor.offline().with_settings(Settings::default());
//! for (name, unit) in conductor.render(&[web]).unwrap().units {
//!     println!("# {name}\n{}", unit.text);
//! }
//! ```
//!
//! Everything waits on the thread that calls it. Asynchronous code calls it from `spawn_blocking`; in a task it blocks
//! the thread, and uses no runtime but its own. `docs/library.md` in the repository is a guide.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod doctor;
mod event;
mod executor;
pub mod fake;
pub mod host;
mod ops;
mod report;
pub mod system;
mod words;

pub use conductor_core;

/// The guide, whose code is tested.
#[cfg(doctest)]
#[doc = include_str!("../library.md")]
struct Guide;
pub use conductor_core::plan::{Action, ActiveState};
pub use doctor::{Check, Diagnosis, Finding, Severity, Unseen};
pub use event::{Event, Progress, Watcher};
pub use ops::*;
pub use report::{Cause, Failure, Report, ServiceReport, StepObject, StepReport};
pub use words::{CauseKind, JobResult, UnitResult};
