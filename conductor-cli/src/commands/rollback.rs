//! `conductor rollback`: goes back to a release that was kept.

use std::process::ExitCode;

use clap::Args;
use conductor_core::name::ServiceId;
use conductor_host::{self as host, Change, RollbackTarget};

use super::change::{self, ChangeOptions};
use crate::context::Context;
use crate::failure::Failure;

#[derive(Debug, Args)]
#[command(
    after_help = "conductor status shows the release that runs; as many older ones as deploy.keep says are \
                  kept.\n\nExample:\n  conductor rollback --id web\n  \
                  conductor rollback --id web --to v41"
)]
pub(crate) struct Rollback {
    /// The service or application
    #[arg(long)]
    pub(crate) id: ServiceId,
    /// The revision to go back to, or the release: REVISION.DIGEST [default: the one before]
    #[arg(long, value_name = "RELEASE")]
    pub(crate) to: Option<RollbackTarget>,
    #[command(flatten)]
    pub(crate) change: ChangeOptions,
}

pub(crate) fn run(context: &Context, options: &Rollback) -> Result<ExitCode, Failure> {
    let services = context.conductor.find_all(&options.id)?;
    let change = Change::Rollback(host::Rollback { services, to: options.to.clone() });
    change::run(context, &change, &options.change)
}
