//! What can be typed behind `conductor cron`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use conductor_core::name::ServiceId;
use conductor_core::value::UserName;

/// Jobs that run by the clock.
#[derive(Debug, Args)]
pub(crate) struct Cron {
    #[command(subcommand)]
    pub(crate) command: CronCommand,
}

/// What to do with jobs.
#[derive(Debug, Subcommand)]
pub(crate) enum CronCommand {
    /// Print definitions that do what crontabs do
    Import(Import),
}

#[derive(Debug, Args)]
#[command(
    after_help = "What cannot be carried over is named on standard error, and the rest is printed all the same.\n\
                  Exit status: 0 everything was carried over, 1 something was left out, 2 bad usage or\n\
                  nothing to read.\n\n\
                  Example:\n  \
                  crontab -l -u alice | conductor cron import - --owner alice > alice.yaml\n  \
                  conductor cron import --system /etc/cron.d/sysstat > sysstat.yaml"
)]
pub(crate) struct Import {
    /// Crontabs, or directories of them; - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// The lines name a user, as in /etc/crontab and /etc/cron.d
    #[arg(long, conflicts_with_all = ["owner", "user"])]
    pub(crate) system: bool,
    /// Whose crontab it is [default: the file's name, below /var/spool/cron]
    #[arg(long, value_name = "USER", conflicts_with = "user")]
    pub(crate) owner: Option<UserName>,
    /// Make lines that call conductor run --id ID jobs of the service ID
    #[arg(long)]
    pub(crate) run_id: bool,
    /// The id of the service [default: the name of the file]
    #[arg(long)]
    pub(crate) id: Option<ServiceId>,
}
