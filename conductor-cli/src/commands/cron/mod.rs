//! `conductor cron`: what concerns jobs alone, one file each.

mod import;

use std::process::ExitCode;

use crate::context::Context;
use crate::cron_args::{Cron, CronCommand};
use crate::failure::Failure;

pub(crate) fn run(context: &Context, options: &Cron) -> Result<ExitCode, Failure> {
    match &options.command {
        CronCommand::Import(options) => import::run(context, options),
    }
}
