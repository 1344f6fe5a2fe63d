//! Compiles service definitions into systemd units, and plans the changes of a host.
//!
//! ```text
//! definition text -> Definition -> Service -> Release -> UnitSet
//! plan(desired, observed) -> steps
//! ```
//!
//! Everything here is a function of its arguments: nothing touches a file, clock, environment or bus. The
//! crate `conductor-host` carries out a plan.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod caught;
pub mod cron;
pub mod crontab;
pub mod definition;
pub mod error;
pub mod name;
pub mod plan;
pub mod proxy;
pub mod release;
pub mod runtime;
pub mod service;
pub mod settings;
mod text;
pub mod unit;
pub mod value;
pub mod yaml;
