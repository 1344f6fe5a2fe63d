//! The options of `cargo demo --`.

/// The text of `--help`.
pub(crate) const HELP: &str = "\
Shows conductor at work in a throw-away Debian with a real systemd.

Usage: cargo demo [-- --shell | --help]

Without an option it builds conductor, boots the sandbox, applies the definitions in examples/ and
tells a story: each command, its real output, and why it matters. It ends with new versions of a web
service behind nginx, deployed, refused and rolled back under load. Every statement is checked; exit
status 1 means that one was not true, or that the demo cannot run on this machine.

  --shell   open a shell in the sandbox instead, with conductor on the PATH and the definitions in
            place; nothing is applied yet
  --help    print this

It needs root on Debian 12 or 13 with cgroup v2. The Debian packages it lacks are installed, and the
first run makes the sandbox's file system in /var/cache/conductor-sandbox (about 400 MB; delete it
freely). It has a network of its own, keeps its writes in memory, and is gone when the demo ends.";

/// The choice of the user.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Options {
    /// The demonstration.
    Story,
    /// A shell in the sandbox.
    Shell,
    /// The help text.
    Help,
}

impl Options {
    /// Parses the arguments. The error is a message.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::Story;
        for argument in arguments {
            match argument.as_str() {
                // The alias in .cargo/config.toml ends with it, so that `cargo demo --shell` works, too.
                "--" => {}
                "--help" | "-h" => return Ok(Self::Help),
                "--shell" => options = Self::Shell,
                other => return Err(format!("there is no option {other:?}")),
            }
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_its_options() {
        let parse = |text: &str| Options::parse(text.split_whitespace().map(str::to_owned));
        assert_eq!(parse(""), Ok(Options::Story));
        assert_eq!(parse("-- --shell"), Ok(Options::Shell));
        assert_eq!(parse("--shell -h"), Ok(Options::Help));
        assert_eq!(parse("shell").unwrap_err(), "there is no option \"shell\"");
    }
}
