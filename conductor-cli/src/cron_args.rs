//! What can be typed behind `conductor cron`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use conductor_core::name::{JobName, ServiceId};
use conductor_core::value::{TimeZone, UserName};

use crate::args::Locking;

/// Scheduled jobs.
#[derive(Debug, Args)]
pub(crate) struct Cron {
    #[command(subcommand)]
    pub(crate) command: CronCommand,
}

/// What to do with jobs.
#[derive(Debug, Subcommand)]
pub(crate) enum CronCommand {
    /// Show what a crontab expression is for systemd, what it means and when it is due
    Translate(Translate),
    /// Print definitions that do what crontabs do
    Import(Import),
    /// Show which jobs run when
    Next(Next),
    /// Run a job now, and wait for its end
    RunNow(RunNow),
    /// Stop a job's timer; apply and deploy keep the job paused
    Pause(ChangedJob),
    /// Let the timer start a paused job again
    Resume(ChangedJob),
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

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  conductor cron run-now --id web cleanup")]
pub(crate) struct RunNow {
    #[command(flatten)]
    pub(crate) one: OneJob,
    /// Print what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Which job.
#[derive(Debug, Args)]
pub(crate) struct OneJob {
    /// The service
    #[arg(long)]
    pub(crate) id: ServiceId,
    /// The job, by its name under cron in the definition
    #[arg(value_name = "NAME")]
    pub(crate) job: JobName,
}

/// Which job is changed.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  conductor cron pause --id web cleanup\n  \
                  conductor cron resume --id web cleanup")]
pub(crate) struct ChangedJob {
    #[command(flatten)]
    pub(crate) one: OneJob,
    /// Print what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) lock: Locking,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  conductor cron next --id web --hours 48")]
pub(crate) struct Next {
    /// Only the jobs of this service
    #[arg(long)]
    pub(crate) id: Option<ServiceId>,
    /// How far to look ahead
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u16).range(1..=8784))]
    pub(crate) hours: u16,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  conductor cron translate '0 4 * * 1-5'\n  \
                  conductor cron translate '*/30 * * * *' --timezone Europe/London")]
pub(crate) struct Translate {
    /// The expression, quoted or as five arguments; or a word such as @daily
    #[arg(value_name = "EXPR", required = true)]
    pub(crate) expression: Vec<String>,
    /// The time zone of the expression [default: the host's]
    #[arg(long, value_name = "ZONE")]
    pub(crate) timezone: Option<TimeZone>,
}
