//! The commands of the probe, read from a command line.

use std::ffi::OsString;
use std::fmt;

use crate::check::Watch;
use crate::error::ArgumentError;
use crate::event::Event;
use crate::exec::{Docker, Exec};
use crate::given::Given;
use crate::job::{Collect, Mail};
use crate::socket::Socket;
use crate::task::{Ended, Limit, Run};
use crate::turn::Turn;

/// A command of the probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subcommand {
    /// Runs a program and checks it.
    Exec,
    /// Runs a Docker container and checks it.
    Docker,
    /// Checks once.
    Check,
    /// Reports that a command is about to stop the service.
    Stop,
    /// Creates the directory of a socket.
    Socket,
    /// Runs a command for the process that waits at a socket.
    Run,
    /// Reports that the unit of a run has ended.
    Ended,
    /// Runs a command for a limited time.
    Limit,
    /// Runs a command, and keeps a copy of its output.
    Collect,
    /// Mails the output of a command.
    Mail,
    /// Waits until a scheduled job may run, and holds its place.
    Turn,
    /// Runs the hooks of a service for an event.
    Event,
}

impl Subcommand {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Exec,
        Self::Docker,
        Self::Check,
        Self::Stop,
        Self::Socket,
        Self::Run,
        Self::Ended,
        Self::Limit,
        Self::Collect,
        Self::Mail,
        Self::Turn,
        Self::Event,
    ];

    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exec => "exec",
            Self::Docker => "docker",
            Self::Check => "check",
            Self::Stop => "stop",
            Self::Socket => "socket",
            Self::Run => "run",
            Self::Ended => "ended",
            Self::Limit => "limit",
            Self::Collect => "collect",
            Self::Mail => "mail",
            Self::Turn => "turn",
            Self::Event => "event",
        }
    }

    /// Returns whether it runs another program, with its arguments after `--`.
    pub fn takes_command(self) -> bool {
        matches!(self, Self::Exec | Self::Docker | Self::Run | Self::Limit | Self::Collect)
    }

    /// Returns whether it runs as long as the service, so that all users can read its command line.
    pub fn stays(self) -> bool {
        matches!(self, Self::Exec | Self::Docker)
    }

    /// Returns the command with this name, if there is one.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|subcommand| subcommand.name() == name)
    }
}

impl fmt::Display for Subcommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A parsed command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// The help of the probe, or of one of its commands.
    Help(Option<Subcommand>),
    /// The version.
    Version,
    /// [`Subcommand::Exec`].
    Exec {
        /// The probe's own options.
        options: Exec,
        /// The program and its arguments.
        program: Vec<OsString>,
    },
    /// [`Subcommand::Docker`].
    Docker {
        /// The probe's own options.
        options: Docker,
        /// The arguments of `docker create` after `--name NAME`.
        arguments: Vec<OsString>,
    },
    /// [`Subcommand::Check`].
    Check(Watch),
    /// [`Subcommand::Stop`].
    Stop,
    /// [`Subcommand::Socket`].
    Socket(Socket),
    /// [`Subcommand::Run`].
    Run {
        /// The probe's own options.
        options: Run,
        /// The program and its arguments.
        program: Vec<OsString>,
    },
    /// [`Subcommand::Ended`].
    Ended(Ended),
    /// [`Subcommand::Limit`].
    Limit {
        /// The probe's own options.
        options: Limit,
        /// The program and its arguments.
        program: Vec<OsString>,
    },
    /// [`Subcommand::Collect`].
    Collect {
        /// The probe's own options.
        options: Collect,
        /// The program and its arguments.
        program: Vec<OsString>,
    },
    /// [`Subcommand::Mail`].
    Mail(Mail),
    /// [`Subcommand::Turn`].
    Turn(Turn),
    /// [`Subcommand::Event`].
    Event(Event),
}

impl Request {
    /// Reads the arguments of the probe, without its own name.
    ///
    /// # Errors
    /// They are refused.
    pub fn read(words: impl IntoIterator<Item = OsString>) -> Result<Self, ArgumentError> {
        let words: Vec<_> = words.into_iter().collect();
        let Some((first, rest)) = words.split_first() else {
            return Err(ArgumentError::NoSubcommand);
        };
        let named = |word: &OsString| {
            let found = word.to_str().and_then(Subcommand::named);
            found.ok_or_else(|| ArgumentError::Subcommand(word.display().to_string()))
        };
        match first.to_str() {
            Some("--help" | "-h") => return Ok(Self::Help(None)),
            Some("--version" | "-V") => return Ok(Self::Version),
            Some("help") => return rest.first().map(named).transpose().map(Self::Help),
            _ => {}
        }
        let subcommand = named(first)?;
        let mut own = rest.iter().take_while(|word| *word != "--");
        if own.any(|word| word == "--help" || word == "-h") {
            return Ok(Self::Help(Some(subcommand)));
        }
        let mut given = Given::read(subcommand, rest.iter().cloned())?;
        Ok(match subcommand {
            Subcommand::Exec => {
                Self::Exec { options: Exec::read(&given)?, program: given.command()? }
            }
            Subcommand::Docker => {
                Self::Docker { options: Docker::read(&given)?, arguments: given.command()? }
            }
            Subcommand::Check => {
                const NEEDED: &str = "a check (--http, --tcp, --unix or --command)";
                Self::Check(Watch::read(&given)?.ok_or(ArgumentError::Missing(NEEDED))?)
            }
            Subcommand::Stop => Self::Stop,
            Subcommand::Socket => Self::Socket(Socket::read(&mut given)?),
            Subcommand::Run => Self::Run { options: Run::read(&given)?, program: given.command()? },
            Subcommand::Ended => Self::Ended(Ended::read(&given)?),
            Subcommand::Limit => {
                Self::Limit { options: Limit::read(&given)?, program: given.command()? }
            }
            Subcommand::Collect => {
                Self::Collect { options: Collect::read(&given)?, program: given.command()? }
            }
            Subcommand::Mail => Self::Mail(Mail::read(&given)?),
            Subcommand::Turn => Self::Turn(Turn::read(&given)?),
            Subcommand::Event => Self::Event(Event::read(&given)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Check;

    fn read(words: &[&str]) -> Result<Request, ArgumentError> {
        Request::read(words.iter().map(OsString::from))
    }

    #[test]
    fn what_does_not_belong_together_is_refused() {
        for words in [
            &["--http=http://127.0.0.1/", "--tcp=127.0.0.1:1"][..],
            &["--tcp=127.0.0.1:1", "--command=a"],
            &["--tcp=127.0.0.1:1", "--contains=a"],
            &["--unix=/run/a", "--tcp=127.0.0.1:1"],
            &["--unix=/run/a", "--command=a"],
            &["--http=http://127.0.0.1/", "--unix=/run/a", "--command=a"],
            &["--unix=/run/a", "--method=HEAD"],
            &["--http=http://127.0.0.1/", "--retries=0"],
            &["--http=http://127.0.0.1/", "--interval=0s"],
            &["--http=http://127.0.0.1/", "--status=600"],
            &["--http=http://127.0.0.1/", "--http=http://127.0.0.1/"],
            &["--http=http://127.0.0.1/", "--follow-redirects=yes"],
            &["--http=http://127.0.0.1/", "--share-socket=/run/a"],
            &["--http=http://127.0.0.1/", "--contains", "-x"],
            &["--http=http://127.0.0.1/", "more"],
            &["--http=http://127.0.0.1/", "--htt"],
            &["--http"],
            &["--interval=5s"],
            &[],
        ] {
            let words = [&["check"], words].concat();
            assert!(read(&words).is_err(), "{words:?}");
        }
        for words in [
            &[][..],
            &["nothing"],
            &["exec", "--"],
            &["exec", "--interval=5s", "--", "a"],
            &["exec", "--stop-signal=SIGKILL", "--", "a"],
            &["docker", "--", "image"],
            &["socket", "/run/conductor/sockets/a/s"],
            &["socket", "--open", "--remove", "/run/conductor/sockets/a/s"],
            &["socket", "--open"],
            &[
                "run",
                "--socket=/s",
                "--stop-timeout=1s",
                "--container=a",
                "--pid-file=/p",
                "--",
                "a",
            ],
            &["limit", "--", "a"],
            &["collect", "--", "a"],
            &["mail", "--output=/o", "--name=a", "--line=a", "--timeout=1s"],
            &["event", "--unit-file=/a"],
            &["event", "--moment=now", "--unit-file=/a"],
            &["stop", "--now"],
            &["turn", "--directory=/d"],
            &["turn", "--directory=/d", "--job=2:../a:b"],
            &["turn", "--directory=/d", "--job=2:a:b", "--host-limit=0"],
        ] {
            assert!(read(words).is_err(), "{words:?}");
        }
    }

    #[test]
    fn values_stand_behind_an_equals_sign_or_a_space() {
        let tcp = Check::Tcp(([127, 0, 0, 1], 1).into());
        for words in [&["check", "--tcp=127.0.0.1:1"][..], &["check", "--tcp", "127.0.0.1:1"]] {
            let Ok(Request::Check(watch)) = read(words) else { panic!("{words:?}") };
            assert_eq!(watch.check, tcp);
        }
    }

    #[test]
    fn arguments_of_the_command_are_left_alone() {
        let words =
            ["exec", "--tcp=127.0.0.1:1", "--", "/bin/x", "--http", "--", "-c", "", "--help"];
        let Ok(Request::Exec { program, .. }) = read(&words) else { panic!("not exec") };
        assert_eq!(program, words[3..]);
    }

    #[test]
    fn help_is_asked_for() {
        for (words, of) in [
            (&["--help"][..], None),
            (&["help"], None),
            (&["help", "exec"], Some(Subcommand::Exec)),
            (&["check", "--htt", "-h"], Some(Subcommand::Check)),
        ] {
            assert_eq!(read(words), Ok(Request::Help(of)));
        }
        assert_eq!(read(&["-V"]), Ok(Request::Version));
    }
}
