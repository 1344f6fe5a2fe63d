//! The commands, one file each.

pub(crate) mod apply;
pub(crate) mod check;
pub(crate) mod cron;
pub(crate) mod deploy;
pub(crate) mod diff;
pub(crate) mod logs;
pub(crate) mod outcome;
pub(crate) mod remove;
pub(crate) mod render;
pub(crate) mod rollback;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod status;
