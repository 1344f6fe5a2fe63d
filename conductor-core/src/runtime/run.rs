//! The parts of a run: its socket, its unit file, and the probe before its command.

use probe_protocol::places::DOCKER_SOCKET;
use probe_protocol::{Client, Ended, Run, UnitPath};

use super::{Instance, PROBE, Scope};
use crate::unit::Lines;
use crate::unit::escape::{CommandLine, probe_line};
use crate::value::HostPath;

/// The path at which a unit of another user sees the socket of `conductor run`: only root can enter the
/// directory of the socket itself.
pub const RUN_SOCKET: &str = "/run/conductor/one-off";

/// Directives that set the user of a unit's processes, and the files that they see.
const USERS: [&str; 4] = ["User", "DynamicUser", "RootDirectory", "RootImage"];

/// What the unit of a run needs.
#[derive(Debug, Clone)]
pub struct RunParts {
    /// The unit's own file, which is removed with it.
    pub unit_file: HostPath,
    /// The connection to the process that waits for it; `None` if none waits.
    pub attached: Option<Attached>,
}

/// How a command gets the input and output of the process that waits for it.
#[derive(Debug, Clone)]
pub struct Attached {
    /// The socket of that process.
    pub socket: HostPath,
    /// Whether the command gets a terminal.
    pub terminal: bool,
}

impl<'a> Instance<'a> {
    /// Returns the connection to the process that waits for the command, if one waits.
    pub(super) fn attached(&self) -> Option<&'a Attached> {
        self.run?.attached.as_ref()
    }

    /// Returns whether the command gets a terminal.
    pub(super) fn has_terminal(&self) -> bool {
        self.attached().is_some_and(|attached| attached.terminal)
    }

    /// Returns the socket if it has to be mounted for the unit, at [`RUN_SOCKET`]. A container's unit runs as
    /// root,
    /// and so does one without a user and a sandbox: they see the socket itself.
    pub(super) fn shown_socket(&self) -> Option<&'a HostPath> {
        let Instance { service, image, scope, .. } = self;
        let set = || {
            service.settings.values().any(|it| it.keys().any(|key| USERS.contains(&key.as_str())))
        };
        let anothers = service.user.is_some() || service.sandbox || set();
        let shown = image.is_some() || (*scope == Scope::System && anothers);
        self.attached().filter(|_| shown).map(|attached| &attached.socket)
    }

    /// Adds the words before the command if a process waits for it. `probe` is the path of the probe, `shown` is
    /// whether the socket is mounted for the unit, and `client` is the engine's client that the command is.
    pub(super) fn attach(
        &self,
        line: &mut CommandLine,
        probe: &str,
        shown: bool,
        client: Option<Client<UnitPath>>,
    ) {
        let Some(attached) = self.attached() else { return };
        let socket = if shown { RUN_SOCKET } else { attached.socket.as_str() }.into();
        let stop_timeout = self.service.deploy.stop_timeout.duration();
        let run = Run { socket, stop_timeout, client, engine_socket: DOCKER_SOCKET.into() };
        line.word(probe);
        line.arguments(&run.words());
    }
}

/// Returns the directives that all runtimes share; `container` is a Docker container to remove with the unit.
pub(super) fn directives(run: &RunParts, container: Option<&str>) -> Lines {
    let RunParts { unit_file, attached } = run;
    let mut lines = Lines::default();
    let end = Ended {
        unit_file: unit_file.as_str().into(),
        socket: attached.as_ref().map(|attached| attached.socket.as_str().into()),
        container: container.map(str::to_owned),
        engine_socket: DOCKER_SOCKET.into(),
    };
    // As root, without the unit's own view of the host's files.
    lines.push("ExecStopPost", probe_line("-+", PROBE, &end.words()));
    // As for every command that is run by hand.
    lines.push("IgnoreSIGPIPE", "no");
    lines
}
