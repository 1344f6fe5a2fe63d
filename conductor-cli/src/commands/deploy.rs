//! `conductor deploy`: replaces a service by another revision of it.

use std::process::ExitCode;

use clap::Args;
use conductor_core::name::{Revision, ServiceId};
use conductor_host::{self as host, Change};

use super::change::{self, ChangeOptions, PullOption};
use crate::context::Context;
use crate::failure::Failure;

#[derive(Debug, Args)]
#[command(
    after_help = "A new release that does not become healthy is removed, and the old one continues to serve.\n\
                  Ctrl-C undoes what can be undone; a second Ctrl-C ends conductor at once. Run the same\n\
                  command again to finish the work.\n\n\
                  Example:\n  conductor deploy --id web --revision v42 --dry-run\n  \
                  conductor deploy --id web --revision v42"
)]
pub(crate) struct Deploy {
    /// The service or application; its definition is in the definitions directory
    #[arg(long)]
    pub(crate) id: ServiceId,
    /// The revision to run: an image tag, or sha256:DIGEST
    #[arg(long)]
    pub(crate) revision: Revision,
    #[command(flatten)]
    pub(crate) pull: PullOption,
    #[command(flatten)]
    pub(crate) change: ChangeOptions,
}

pub(crate) fn run(context: &Context, options: &Deploy) -> Result<ExitCode, Failure> {
    let services = context.conductor.find_whole(&options.id)?;
    let mut deploy = host::Deploy::all(&services, &options.revision)?;
    deploy.pull = options.pull.of();
    let change = Change::Deploy(deploy);
    change::run(context, &change, &options.change)
}
