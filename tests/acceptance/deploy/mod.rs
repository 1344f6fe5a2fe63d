//! Deploys behind nginx, under load.

pub(crate) mod drain;
pub(crate) mod interrupted;
pub(crate) mod killed;
pub(crate) mod load;
pub(crate) mod lock;
mod nginx;
pub(crate) mod power;
pub(crate) mod processes;
pub(crate) mod releases;
pub(crate) mod renewal;
pub(crate) mod service;
pub(crate) mod together;
pub(crate) mod under_load;
