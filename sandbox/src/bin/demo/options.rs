//! The options of `cargo demo --`.

/// The text of `--help`.
pub(crate) const HELP: &str = "\
Shows conductor at work in a throw-away Debian with a real systemd.

Usage: cargo demo [-- [stack] [--shell] | --help]

Without an option it builds conductor, boots the sandbox, applies the definitions in examples/ and
tells a story: each command, its real output, and why it matters. It ends with new versions of a web
service behind nginx, deployed, refused and rolled back under load. Every statement is checked; exit
status 1 means that one was not true, or that the demo cannot run on this machine.

  stack     another story: an application that was written for Compose (a web server, a worker, a
            scheduler, a migration, PostgreSQL and Redis, in examples/stack) is imported, started,
            deployed under load, and rolled back

  --shell   open a shell in the sandbox instead, with conductor on the PATH and the definitions in
            place; nothing is applied yet
  --help    print this

It needs root on Debian 12 or 13 with cgroup v2. The Debian packages it lacks are installed, and the
first run makes the sandbox's file system in /var/cache/conductor-sandbox (about 400 MB; delete it
freely). It has a network of its own, keeps its writes in memory, and is gone when the demo ends.";

/// The choice of the user.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Options {
    /// A demonstration.
    Story(Topic),
    /// A shell in the sandbox of one.
    Shell(Topic),
    /// The help text.
    Help,
}

/// What is demonstrated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topic {
    /// Services of one process each.
    Services,
    /// An application of several processes, in containers.
    Stack,
}

impl Options {
    /// Parses the arguments. The error is a message.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut topic = Topic::Services;
        let mut is_shell = false;
        for argument in arguments {
            match argument.as_str() {
                // The alias in .cargo/config.toml ends with it, so that `cargo demo --shell` works, too.
                "--" => {}
                "--help" | "-h" => return Ok(Self::Help),
                "--shell" => is_shell = true,
                "stack" => topic = Topic::Stack,
                option if option.starts_with('-') => {
                    return Err(format!("there is no option {option:?}"));
                }
                story => return Err(format!("there is no story {story:?}")),
            }
        }
        Ok(if is_shell { Self::Shell(topic) } else { Self::Story(topic) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_its_options() {
        let parse = |text: &str| Options::parse(text.split_whitespace().map(str::to_owned));
        assert_eq!(parse(""), Ok(Options::Story(Topic::Services)));
        assert_eq!(parse("-- stack"), Ok(Options::Story(Topic::Stack)));
        assert_eq!(parse("-- --shell"), Ok(Options::Shell(Topic::Services)));
        assert_eq!(parse("--shell stack"), Ok(Options::Shell(Topic::Stack)));
        assert_eq!(parse("--shell -h"), Ok(Options::Help));
        assert_eq!(parse("--stack").unwrap_err(), "there is no option \"--stack\"");
        assert_eq!(parse("shell").unwrap_err(), "there is no story \"shell\"");
    }
}
