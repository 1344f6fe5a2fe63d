//! `conductor restart`: starts the instances of a service anew.

use std::process::ExitCode;

use clap::Args;
use conductor_core::name::ServiceId;
use conductor_host::{self as host, Change};

use super::change::{self, ChangeOptions};
use crate::context::Context;
use crate::failure::Failure;

#[derive(Debug, Args)]
#[command(
    after_help = "The new instances start and become healthy, requests go to them, and then the old ones stop, as \
                  in a\ndeploy; if they do not become healthy, the old ones continue to serve.\n\n\
                  Example:\n  conductor restart --id web"
)]
pub(crate) struct Restart {
    /// The service or application
    #[arg(long)]
    pub(crate) id: ServiceId,
    #[command(flatten)]
    pub(crate) change: ChangeOptions,
}

pub(crate) fn run(context: &Context, options: &Restart) -> Result<ExitCode, Failure> {
    let services = context.conductor.find_all(&options.id)?;
    let change = Change::Restart(host::Restart { services });
    change::run(context, &change, &options.change)
}
