//! A command that runs once because somebody asked for it: what comes around it, for whoever waits.

use probe_protocol::places::DOCKER_SOCKET;
use probe_protocol::{Client, Ended, Run, UnitPath};

use super::{Instance, PROBE, Scope};
use crate::unit::Lines;
use crate::unit::escape::{CommandLine, probe_line};
use crate::value::HostPath;

/// Where a unit of another user's finds the socket at which it is met, in its own view of the host: the
/// directory of the socket itself is root's alone.
pub const RUN_SOCKET: &str = "/run/conductor/one-off";

/// What decides whose the processes of a unit are, and what they see.
const USERS: [&str; 4] = ["User", "DynamicUser", "RootDirectory", "RootImage"];

/// What a unit needs that is there for one command only.
#[derive(Debug, Clone)]
pub struct RunParts {
    /// The unit's own file, which goes with it.
    pub unit_file: HostPath,
    /// Who waits for it; `None` if nobody does.
    pub attached: Option<Attached>,
}

/// How a command gets at the input and output of whoever waits for it.
#[derive(Debug, Clone)]
pub struct Attached {
    /// Where it meets them.
    pub socket: HostPath,
    /// Whether it gets a terminal.
    pub terminal: bool,
}

impl<'a> Instance<'a> {
    /// Tells who waits for the command, if somebody does.
    pub(super) fn attached(&self) -> Option<&'a Attached> {
        self.run?.attached.as_ref()
    }

    /// Tells whether the command gets a terminal.
    pub(super) fn has_terminal(&self) -> bool {
        self.attached().is_some_and(|attached| attached.terminal)
    }

    /// Returns the socket if it has to be shown to the unit, at [`RUN_SOCKET`]. A container's unit is root's,
    /// and so is one without a user and a sandbox: that has no view of the host of its own.
    pub(super) fn shown_socket(&self) -> Option<&'a HostPath> {
        let Instance { service, image, scope, .. } = self;
        let set = || {
            service.settings.values().any(|it| it.keys().any(|key| USERS.contains(&key.as_str())))
        };
        let anothers = service.user.is_some() || service.sandbox || set();
        let shown = image.is_some() || (*scope == Scope::System && anothers);
        self.attached().filter(|_| shown).map(|attached| &attached.socket)
    }

    /// Adds what comes before the command if somebody waits for it. `probe` is where the probe is, `shown`
    /// whether the socket is shown to the unit, and `client` which engine's client the command is.
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

/// Gives what is the same for all runtimes; `container` is one of Docker's that goes with the unit.
pub(super) fn directives(run: &RunParts, container: Option<&str>) -> Lines {
    let RunParts { unit_file, attached } = run;
    let mut lines = Lines::default();
    let end = Ended {
        unit_file: unit_file.as_str().into(),
        socket: attached.as_ref().map(|attached| attached.socket.as_str().into()),
        container: container.map(str::to_owned),
        engine_socket: DOCKER_SOCKET.into(),
    };
    // As root, and with the host's view of its files.
    lines.push("ExecStopPost", probe_line("-+", PROBE, &end.words()));
    // As for every command that somebody runs by hand.
    lines.push("IgnoreSIGPIPE", "no");
    lines
}
