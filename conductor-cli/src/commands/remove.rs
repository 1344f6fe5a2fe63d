//! `conductor remove`: stops a service, or all of them, and removes their units.

use std::process::ExitCode;

use clap::Args;
use conductor_core::name::ServiceId;
use conductor_host::{self as host, Change};

use super::change::{self, ChangeOptions};
use crate::context::Context;
use crate::failure::Failure;

#[derive(Debug, Args)]
#[command(
    after_help = "Definitions and data stay.\n\nExample:\n  conductor remove --id web --dry-run\n  \
                  conductor remove --id web\n  conductor remove --all"
)]
pub(crate) struct Remove {
    /// The service or application
    #[arg(long, required_unless_present = "all")]
    pub(crate) id: Option<ServiceId>,
    /// All services on this host, for example before conductor is uninstalled
    #[arg(long, conflicts_with = "id")]
    pub(crate) all: bool,
    /// Remove its named volumes, too, with all data in them
    #[arg(long, conflicts_with = "all")]
    pub(crate) volumes: bool,
    #[command(flatten)]
    pub(crate) change: ChangeOptions,
}

pub(crate) fn run(context: &Context, options: &Remove) -> Result<ExitCode, Failure> {
    // Without an id clap requires --all.
    let change = match &options.id {
        Some(service) => {
            Change::Remove(host::Remove { service: service.clone(), volumes: options.volumes })
        }
        None => Change::RemoveAll,
    };
    change::run(context, &change, &options.change)
}
