//! The commands, one file each.

pub(crate) mod apply;
pub(crate) mod check;
pub(crate) mod diff;
pub(crate) mod logs;
pub(crate) mod remove;
pub(crate) mod render;
pub(crate) mod schema;
pub(crate) mod status;
