//! `conductor apply`: makes the host run what is defined.

use std::process::ExitCode;

use clap::Args;
use conductor_host::{self as host, Change, Prune};

use super::change::{self, ChangeOptions, PullOption};
use crate::args::Definitions;
use crate::context::Context;
use crate::failure::Failure;
use crate::hints::with_remove_all;

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  conductor apply --dry-run\n  conductor apply --prune")]
pub(crate) struct Apply {
    #[command(flatten)]
    pub(crate) definitions: Definitions,
    /// Stop and remove services whose definition is gone from the definitions directory
    // In the help it comes after --dry-run, whose order is the same.
    #[arg(long, conflicts_with = "paths", display_order = 1)]
    pub(crate) prune: bool,
    /// Also replace instances that another build of conductor rendered, by the steps of a deploy
    #[arg(long, display_order = 2)]
    pub(crate) renew: bool,
    #[command(flatten)]
    pub(crate) pull: PullOption,
    #[command(flatten)]
    pub(crate) change: ChangeOptions,
}

pub(crate) fn run(context: &Context, options: &Apply) -> Result<ExitCode, Failure> {
    let paths = &options.definitions.paths;
    let services = context.conductor.read(paths).map_err(|error| match options.prune {
        true => with_remove_all(error, &context.conductor.paths().definitions),
        false => error,
    })?;
    let prune = match (options.prune, paths.is_empty()) {
        (true, _) => Prune::Remove,
        (false, true) => Prune::Report,
        (false, false) => Prune::Ignore,
    };
    let change = Change::Apply(host::Apply {
        services,
        prune,
        renew: options.renew,
        pull: options.pull.of(),
    });
    change::run(context, &change, &options.change)
}
