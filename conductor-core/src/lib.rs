//! Compiles service definitions into systemd units, and plans how a host gets there.
//!
//! ```text
//! definition text -> Definition -> Service -> Release -> UnitSet
//! plan(desired, observed) -> steps
//! ```
//!
//! Everything here is a function of its arguments: no file, clock, environment or bus is touched. What
//! carries out a plan is the crate `conductor-host`.

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
