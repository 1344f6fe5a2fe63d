//! Compiles service definitions into systemd units, and plans the changes of a host.
//!
//! ```text
//! definition text -> Definition -> Service -> Release -> UnitSet
//! plan(desired, observed) -> steps
//! ```
//!
//! Everything here is a function of its arguments: nothing touches a file, clock, environment or bus. The
//! crate `conductor-host` carries out a plan.
//!
//! [`DefinitionText`](definition::DefinitionText) and [`Service`](service::Service) begin each of these paths. What is
//! wrong with a definition are [`Problems`](error::Problems): all of them at once, each with its file, line and key, and
//! what to write instead.
//!
//! ```
//! use conductor_core::definition::{DefinitionText, Format};
//! use conductor_core::release::Release;
//! use conductor_core::runtime::Scope;
//! use conductor_core::unit::Templates;
//!
//! let text = "id: web\ncommand: [/usr/bin/web]\nrevision: v1\n";
//! let definition = DefinitionText::new(Format::Yaml, text).unwrap();
//! let (service, templates) = (&definition.services()[0], Templates::new(&[]).unwrap());
//! let release = Release::new(service, service.own_revision().unwrap(), &templates);
//! let units = release.compile(&[].into(), None, Scope::System, &templates).unwrap();
//! assert!(units.units.keys().any(|unit| *unit == release.instance_unit(1)));
//!
//! let wrong = DefinitionText::new(Format::Yaml, "id: web\ncomand: [/usr/bin/web]\n").unwrap_err();
//! assert!(wrong.to_string().contains("definition.yaml:2:1: comand: unknown key"));
//! ```

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

/// The library of which the times in this interface are.
pub use jiff;

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
mod vocabulary;
pub mod yaml;
