//! The arguments that all commands have.

use std::path::PathBuf;

use clap::{Args, Parser, ValueEnum};

use crate::commands::Command;

/// Runs services on this host as systemd units.
///
/// A service is defined in a YAML, JSON or TOML file in /etc/conductor/services; `conductor apply`
/// makes the host run exactly what is defined there, and systemd supervises it.
#[derive(Debug, Parser)]
#[command(
    name = "conductor",
    version = crate::commands::version::OWN,
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
    /// Text for people.
    Text,
    /// JSON for programs: one object, and before it one for each event of a change.
    Json,
}

/// A choice of definitions.
#[derive(Debug, Args)]
pub(crate) struct Definitions {
    /// Files, or directories of files [default: the definitions directory]
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
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
            "init", "check", "render", "diff", "apply", "deploy", "rollback", "restart", "run",
            "status", "metrics", "doctor", "logs", "remove", "export", "schema", "install",
            "version",
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
        let import = command.find_subcommand_mut("import").unwrap();
        for name in ["compose", "quadlet"] {
            let text = import.find_subcommand_mut(name).unwrap().render_long_help().to_string();
            help.extend(["\n──── import ", name, "\n", &text]);
        }
        insta::assert_snapshot!(help);
    }
}
