//! The commands, one file each: what can be typed behind them, and what they do.

pub(crate) mod apply;
pub(crate) mod change;
pub(crate) mod check;
pub(crate) mod cron;
pub(crate) mod deploy;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod generate;
pub(crate) mod import;
pub(crate) mod init;
pub(crate) mod install;
pub(crate) mod logs;
pub(crate) mod metrics;
pub(crate) mod remove;
pub(crate) mod render;
pub(crate) mod restart;
pub(crate) mod rollback;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod status;
pub(crate) mod version;

use std::process::ExitCode;
use std::time::Duration;

use clap::Subcommand;

use self::apply::Apply;
use self::change::ChangeOptions;
use self::cron::{Cron, CronCommand};
use self::deploy::Deploy;
use self::doctor::DoctorOptions;
use self::export::Export;
use self::generate::Generate;
use self::import::Import;
use self::init::Init;
use self::install::Install;
use self::logs::Logs;
use self::metrics::MetricsOptions;
use self::remove::Remove;
use self::render::Render;
use self::restart::Restart;
use self::rollback::Rollback;
use self::run::Run;
use self::schema::Schema;
use self::status::StatusOptions;
use self::version::VersionOptions;
use crate::args::Definitions;
use crate::context::Context;
use crate::failure::Failure;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a first definition, with comments
    Init(Init),
    /// Check definitions and report all errors
    Check(Definitions),
    /// Print the units of definitions, or write them to a directory
    Render(Render),
    /// Show what apply would change in the unit files, as a unified diff; see also apply --dry-run
    Diff(Definitions),
    /// Make this host run what is defined
    Apply(Apply),
    /// Replace a service by another revision of it, without downtime
    Deploy(Deploy),
    /// Go back to a kept release
    Rollback(Rollback),
    /// Start the instances of a service anew, without downtime
    Restart(Restart),
    /// Run a command once, as the service would run it
    Run(Run),
    /// Show what runs
    Status(StatusOptions),
    /// Print metrics of all services, for Prometheus
    Metrics(MetricsOptions),
    /// Show what on this host keeps conductor from its promises, and what to do about it
    Doctor(DoctorOptions),
    /// Show a service's journal
    Logs(Logs),
    /// Stop a service and remove its units; its definition stays
    Remove(Remove),
    /// Scheduled jobs
    Cron(Cron),
    /// Convert Compose files or Quadlet units to definitions
    Import(Import),
    /// Convert definitions to what Compose, a Docker swarm, Quadlet or Kubernetes reads
    Export(Export),
    /// Print the JSON Schema of a definition, or of what a command prints for programs
    Schema(Schema),
    /// Copy this conductor and its probe to /usr/bin, where sudo and units look for them
    Install(Install),
    /// Write man pages, and completions for bash, zsh and fish
    #[command(hide = true)]
    Generate(Generate),
    /// Print the version and the commit of conductor, and the versions of what it works with
    Version(VersionOptions),
}

impl Command {
    /// Does what is asked for, and returns the exit status.
    pub(crate) fn run(&self, context: &Context) -> Result<ExitCode, Failure> {
        match self {
            Self::Init(options) => init::run(context, options),
            Self::Check(options) => check::run(context, options),
            Self::Render(options) => render::run(context, options),
            Self::Diff(options) => diff::run(context, options),
            Self::Apply(options) => apply::run(context, options),
            Self::Deploy(options) => deploy::run(context, options),
            Self::Rollback(options) => rollback::run(context, options),
            Self::Restart(options) => restart::run(context, options),
            Self::Run(options) => Ok(run::run(context, options)),
            Self::Status(options) => status::run(context, options),
            Self::Metrics(options) => metrics::run(context, options),
            Self::Doctor(DoctorOptions {}) => doctor::run(context),
            Self::Logs(options) => logs::run(context, options),
            Self::Remove(options) => remove::run(context, options),
            Self::Cron(cron) => cron::run(context, cron),
            Self::Import(options) => import::run(context, options),
            Self::Export(options) => export::run(context, options),
            Self::Schema(options) => schema::run(context, options),
            Self::Install(options) => install::run(context, options),
            Self::Generate(options) => generate::run(context, options),
            Self::Version(options) => version::run(context, options),
        }
    }

    /// Returns how long to wait for another run, if this command takes the lock of the host.
    pub(crate) fn lock_timeout(&self) -> Option<Duration> {
        let ChangeOptions { lock_timeout, .. } = match self {
            Self::Apply(options) => &options.change,
            Self::Deploy(options) => &options.change,
            Self::Rollback(options) => &options.change,
            Self::Restart(options) => &options.change,
            Self::Remove(options) => &options.change,
            Self::Cron(Cron { command: CronCommand::Pause(job) | CronCommand::Resume(job) }) => {
                &job.change
            }
            _ => return None,
        };
        Some(lock_timeout.duration())
    }

    /// Returns whether this command has systemd do something, or would without `--dry-run`.
    pub(crate) fn changes_the_host(&self) -> bool {
        let run_now = matches!(self, Self::Cron(Cron { command: CronCommand::RunNow(_) }));
        run_now || matches!(self, Self::Run(_)) || self.lock_timeout().is_some()
    }
}
