//! `conductor remove`: stops a service and removes its units.

use std::process::ExitCode;

use clap::Args;
use conductor_core::name::ServiceId;
use conductor_host::{self as host, Change};

use super::change::{self, ChangeOptions};
use crate::context::Context;
use crate::failure::Failure;

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  conductor remove --id web --dry-run\n  conductor remove --id web"
)]
pub(crate) struct Remove {
    /// The service
    #[arg(long)]
    pub(crate) id: ServiceId,
    #[command(flatten)]
    pub(crate) change: ChangeOptions,
}

pub(crate) fn run(context: &Context, options: &Remove) -> Result<ExitCode, Failure> {
    let change = Change::Remove(host::Remove { service: options.id.clone() });
    change::run(context, &change, &options.change)
}
