//! The arguments of `conductor run`.

use std::env;
use std::str::FromStr;

use clap::Args;
use conductor_core::error::Invalid;
use conductor_core::name::{Revision, ServiceId};
use conductor_core::value::{Argument, Cpu, EnvName, EnvValue, Memory, Span, User};

#[derive(Debug, Args)]
#[command(
    after_help = "The command runs in a unit of its own, in the service's image, with its environment, \
                  volumes, secrets and limits. Input and output are those of conductor, and signals are \
                  passed on. Ctrl-C three times ends what does not end by itself. Options come before \
                  COMMAND; everything after it is the command's.\n\n\
                  Exit status: that of the command, and 128+N if signal N ended it; 127 if it is not there, \
                  126 if it cannot be run, 124 after --timeout, 125 if it is conductor that failed, 2 for bad \
                  usage.\n\n\
                  Example:\n  conductor run --id web --revision v42 scripts/cleanup --older-than 30d\n  \
                  conductor run --id web -t bash\n  \
                  zcat dump.gz | conductor run --id web --memory 1G scripts/import"
)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(crate) struct Run {
    /// The service; its definition is in the definitions directory
    #[arg(long)]
    pub(crate) id: ServiceId,
    /// The revision to run it in [default: the one that is deployed]
    #[arg(long)]
    pub(crate) revision: Option<Revision>,
    /// Give the command a terminal
    #[arg(long, short, conflicts_with = "detach")]
    pub(crate) tty: bool,
    /// Do not wait: print the unit, and leave the output to the journal
    #[arg(long, short)]
    pub(crate) detach: bool,
    /// Set an environment variable; without a value, copy it from this environment
    #[arg(long, short, value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<Variable>,
    /// The memory limit, such as 512M, in place of the service's
    #[arg(long)]
    pub(crate) memory: Option<Memory>,
    /// The CPU limit, such as 1.5 or 150%, in place of the service's
    #[arg(long)]
    pub(crate) cpu: Option<Cpu>,
    /// The longest it may run, such as 20min
    #[arg(long, value_name = "SPAN")]
    pub(crate) timeout: Option<Span>,
    /// Use PROGRAM in place of the image's ENTRYPOINT; --entrypoint= for none (docker, podman)
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) entrypoint: Option<Argument>,
    /// Run as this user, in place of the service's; conductor --user, before run, is about systemd
    #[arg(id = "run_as", long = "user", value_name = "USER")]
    pub(crate) run_as: Option<User>,
    /// Print the unit in which it would run, and run nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The command and its arguments
    #[arg(value_name = "COMMAND", required = true, trailing_var_arg = true)]
    pub(crate) command: Vec<Argument>,
    // The global option `--user` has another meaning than this command's. An argument with the same id hides
    // it.
    #[arg(id = "user", long = "user-manager", hide = true)]
    _user: bool,
}

/// An environment variable.
#[derive(Debug, Clone)]
pub(crate) struct Variable {
    pub(crate) name: EnvName,
    pub(crate) value: EnvValue,
}

impl FromStr for Variable {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (name, value) = text.split_once('=').unzip();
        let name: EnvName = name.unwrap_or(text).parse()?;
        let value = match value {
            Some(value) => value.parse()?,
            None => match env::var(name.as_str()) {
                Ok(value) => value.parse()?,
                Err(error) => {
                    return Err(Invalid::new(format!("{name}: {error}")).hint("write NAME=VALUE"));
                }
            },
        };
        Ok(Self { name, value })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::Arguments;
    use crate::commands::Command;

    fn run(words: &[&str]) -> Result<(bool, Run), clap::Error> {
        let arguments = Arguments::try_parse_from(["conductor"].iter().chain(words))?;
        match arguments.command {
            Command::Run(run) => Ok((arguments.global.user, run)),
            other => panic!("{other:?}"),
        }
    }

    fn words(run: &Run) -> Vec<&str> {
        run.command.iter().map(Argument::as_str).collect()
    }

    #[test]
    fn what_follows_the_command_is_the_commands() {
        let line =
            ["run", "--id=a", "-t", "x", "--id", "b", "--", "--user", "--help", "-t", "--root=/"];
        let (_, run) = run(&line).unwrap();
        assert_eq!((words(&run), run.tty, run.id.as_str()), (line[3..].to_vec(), true, "a"));
    }

    #[test]
    fn a_command_may_look_like_an_option() {
        let (_, found) = run(&["run", "--id=a", "--", "--odd", "x"]).unwrap();
        assert_eq!(words(&found), ["--odd", "x"]);
        // A mistyped option is not taken as the command.
        assert!(run(&["run", "--id=a", "--odd", "x"]).is_err());
    }

    #[test]
    fn the_users_manager_is_not_the_commands_user() {
        let (of_user, found) = run(&["--user", "run", "--id=a", "--user", "app", "x"]).unwrap();
        assert_eq!((of_user, found.run_as.unwrap().to_string()), (true, "app".to_owned()));
        let (of_user, found) = run(&["run", "--id=a", "--user=app", "x", "--user"]).unwrap();
        assert_eq!((of_user, found.run_as.unwrap().to_string()), (false, "app".to_owned()));
        assert!(run(&["run", "--id=a", "--user", "a b", "x"]).is_err());
    }

    #[test]
    fn variables_have_names_and_values() {
        let variable: Variable = "A=b=c".parse().unwrap();
        assert_eq!((variable.name.as_str(), variable.value.as_str()), ("A", "b=c"));
        assert_eq!("A=".parse::<Variable>().unwrap().value.as_str(), "");
        assert_eq!("PATH".parse::<Variable>().unwrap().value.as_str(), env::var("PATH").unwrap());
        for bad in ["", "=a", "a b=c", "CONDUCTOR_TEST_NO_SUCH_VARIABLE"] {
            assert!(bad.parse::<Variable>().is_err(), "{bad}");
        }
    }
}
