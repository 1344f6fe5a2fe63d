//! Compiles service definitions into systemd units and converges a host to them.
//!
//! The way from text to a running service:
//!
//! ```text
//! definition text -> Definition -> Service -> Release -> UnitSet      (pure)
//! plan(desired, observed) -> steps                                    (pure)
//! steps -> unit directory, systemd                                    (the host)
//! ```
//!
//! The modules are layers; each uses only those above it in this list.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod caught;
pub mod conductor;
pub mod cron;
pub mod crontab;
pub mod definition;
pub mod error;
pub mod host;
pub mod name;
pub mod plan;
pub mod proxy;
pub mod release;
pub mod runtime;
pub mod service;
mod text;
pub mod unit;
pub mod value;
