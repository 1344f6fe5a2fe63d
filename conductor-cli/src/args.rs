//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use conductor_core::name::{Revision, ServiceId};
use conductor_core::value::Span;
use conductor_host::RollbackTarget;

use crate::contract::OutputOf;
use crate::cron_args::{Cron, CronCommand};
use crate::run_args::Run;

/// Runs services on this host as systemd units.
///
/// A service is defined in a YAML, JSON or TOML file in /etc/conductor/services; `conductor apply`
/// makes the host run exactly what is defined there, and systemd supervises it.
#[derive(Debug, Parser)]
#[command(
    name = "conductor",
    version,
    max_term_width = 100,
    after_help = "Exit status: 0 done (also when nothing had to change), 1 failed, 2 bad usage or \
                  definition,\n3 failed and the old release still serves, 4 another run holds the \
                  lock.\n\nExample:\n  conductor check web.yaml && conductor apply web.yaml"
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// The directory of definitions [default: /etc/conductor/services]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) definitions: Option<PathBuf>,
    /// Work on the root file system in DIR, without systemd: nothing is started
    #[arg(long, global = true, value_name = "DIR", conflicts_with = "user")]
    pub(crate) root: Option<PathBuf>,
    /// Use your own systemd (systemctl --user) instead of the host's
    #[arg(long, global = true)]
    pub(crate) user: bool,
    /// How to print
    #[arg(long, global = true, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
    /// Use the templates in DIR in place of those of the same name
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) templates: Option<PathBuf>,
    /// Use files even if users other than root and you can write to them
    #[arg(long, global = true)]
    pub(crate) allow_unsafe_permissions: bool,
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Text,
    /// For programs: one JSON object, after one for each event where something is changed.
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check definitions and report everything that is wrong with them
    Check(Definitions),
    /// Print the units of definitions, or write them to a directory
    Render(Render),
    /// Show what apply would change in the unit files, as a unified diff; see also apply --dry-run
    Diff(Definitions),
    /// Make this host run what is defined
    Apply(Apply),
    /// Replace a service by another revision of it, without a gap
    Deploy(Deploy),
    /// Go back to a release that was kept
    Rollback(Rollback),
    /// Run a command once, as the service would run it
    Run(Run),
    /// Show what runs
    Status(Status),
    /// Show what a service wrote to the journal
    Logs(Logs),
    /// Stop a service and remove its units; its definition stays
    Remove(Remove),
    /// Scheduled jobs
    Cron(Cron),
    /// Print the JSON Schema of a definition, or of what a command prints for programs
    Schema(Schema),
}

/// Which definitions.
#[derive(Debug, Args)]
pub(crate) struct Definitions {
    /// Files, or directories of files [default: the definitions directory]
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  conductor render web.yaml --out units/")]
pub(crate) struct Render {
    #[command(flatten)]
    pub(crate) definitions: Definitions,
    /// Write the units to DIR instead of printing them
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  conductor apply --dry-run\n  conductor apply --prune")]
pub(crate) struct Apply {
    #[command(flatten)]
    pub(crate) definitions: Definitions,
    /// Print what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Stop and remove services whose definition is gone from the definitions directory
    #[arg(long, conflicts_with = "paths")]
    pub(crate) prune: bool,
    #[command(flatten)]
    pub(crate) lock: Locking,
}

/// Options of every command that changes the host.
#[derive(Debug, Args)]
pub(crate) struct Locking {
    /// How long to wait for another run on this host to end; 0 fails at once
    #[arg(long, value_name = "SPAN", default_value = "10min")]
    pub(crate) lock_timeout: Span,
}

#[derive(Debug, Args)]
#[command(
    after_help = "A new release that does not become healthy is removed, and the old one continues to serve.\n\
                  Ctrl-C undoes what can be undone; a second Ctrl-C ends conductor at once. Run the same\n\
                  command again to finish the work.\n\n\
                  Example:\n  conductor deploy --id web --revision v42 --dry-run\n  \
                  conductor deploy --id web --revision v42"
)]
pub(crate) struct Deploy {
    /// The service; its definition stands in the definitions directory
    #[arg(long)]
    pub(crate) id: ServiceId,
    /// The revision to run: an image tag, or sha256:DIGEST
    #[arg(long)]
    pub(crate) revision: Revision,
    /// Print what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) lock: Locking,
}

#[derive(Debug, Args)]
#[command(
    after_help = "conductor status shows the release that runs; as many older ones as deploy.keep says are \
                  kept.\n\nExample:\n  conductor rollback --id web\n  \
                  conductor rollback --id web --to v41"
)]
pub(crate) struct Rollback {
    /// The service
    #[arg(long)]
    pub(crate) id: ServiceId,
    /// The revision to go back to, or the release: REVISION.DIGEST [default: the one before]
    #[arg(long, value_name = "RELEASE")]
    pub(crate) to: Option<RollbackTarget>,
    /// Print what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) lock: Locking,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  conductor status --id web --watch")]
pub(crate) struct Status {
    /// Only this service
    #[arg(long)]
    pub(crate) id: Option<ServiceId>,
    /// Show it again every two seconds, until Ctrl-C
    #[arg(long)]
    pub(crate) watch: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  conductor logs --id web -f\n  conductor logs --id web --since \"10 min ago\""
)]
pub(crate) struct Logs {
    /// The service
    #[arg(long)]
    pub(crate) id: ServiceId,
    /// Only this instance
    #[arg(long, value_name = "N")]
    pub(crate) instance: Option<u16>,
    /// Wait for new lines
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// The last N lines
    #[arg(long, short = 'n', value_name = "N")]
    pub(crate) lines: Option<u32>,
    /// From TIME on, in the syntax of systemd.time(7)
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  conductor remove --id web --dry-run\n  conductor remove --id web"
)]
pub(crate) struct Remove {
    /// The service
    #[arg(long)]
    pub(crate) id: ServiceId,
    /// Print what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) lock: Locking,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Each line that the command writes to standard output with --output json is valid by its\n\
                  schema, also if it fails. docs/cli.md says what stays the same from version to version.\n\n\
                  Example:\n  conductor schema > definition.schema.json\n  \
                  conductor schema --output-of apply > apply.schema.json"
)]
pub(crate) struct Schema {
    /// The schema of what COMMAND prints with --output json, in place of that of a definition
    #[arg(long, value_enum, value_name = "COMMAND")]
    pub(crate) output_of: Option<OutputOf>,
}

impl Command {
    /// Returns how long to wait for another run, if this command changes the host.
    pub(crate) fn lock_timeout(&self) -> Option<Span> {
        let lock = match self {
            Self::Apply(options) => &options.lock,
            Self::Deploy(options) => &options.lock,
            Self::Rollback(options) => &options.lock,
            Self::Remove(options) => &options.lock,
            Self::Cron(Cron { command: CronCommand::Pause(job) | CronCommand::Resume(job) }) => {
                &job.lock
            }
            _ => return None,
        };
        Some(lock.lock_timeout)
    }

    /// Returns whether this command has systemd do something, or would without `--dry-run`.
    pub(crate) fn changes_the_host(&self) -> bool {
        let run_now = matches!(self, Self::Cron(Cron { command: CronCommand::RunNow(_) }));
        run_now || matches!(self, Self::Run(_)) || self.lock_timeout().is_some()
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Arguments::command().debug_assert();
    }

    #[test]
    fn the_help_is_what_it_was() {
        let mut command = super::Arguments::command();
        let mut help = command.render_long_help().to_string();
        for name in [
            "check", "render", "diff", "apply", "deploy", "rollback", "run", "status", "logs",
            "remove", "schema",
        ] {
            let subcommand = command.find_subcommand_mut(name).unwrap();
            let text = subcommand.render_long_help().to_string();
            help.extend(["\n──── ", name, "\n", &text]);
        }
        let cron = command.find_subcommand_mut("cron").unwrap();
        help.extend(["\n──── cron\n", &cron.render_long_help().to_string()]);
        for subcommand in cron.get_subcommands_mut().filter(|command| command.get_name() != "help")
        {
            let text = subcommand.render_long_help().to_string();
            help.extend(["\n──── cron ", subcommand.get_name(), "\n", &text]);
        }
        insta::assert_snapshot!(help);
    }
}
