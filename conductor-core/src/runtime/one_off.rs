//! A command that runs once because somebody asked for it: what comes around it, for whoever waits.

use super::{Instance, PROBE, Scope};
use crate::unit::Lines;
use crate::unit::escape::{CommandLine, command_line};
use crate::value::HostPath;

/// Where a unit of another user's finds the socket at which it is met, in its own view of the host: the
/// directory of the socket itself is root's alone.
pub const MEETING: &str = "/run/conductor/one-off";

/// What decides whose the processes of a unit are, and what they see.
const USERS: [&str; 4] = ["User", "DynamicUser", "RootDirectory", "RootImage"];

/// What a unit needs that is there for one command only.
#[derive(Debug, Clone)]
pub struct OneOff {
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
        self.one_off?.attached.as_ref()
    }

    /// Tells whether the command gets a terminal.
    pub(super) fn has_terminal(&self) -> bool {
        self.attached().is_some_and(|attached| attached.terminal)
    }

    /// Returns the socket if it has to be shown to the unit, at [`MEETING`]. A container's unit is root's,
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
    /// whether the socket is shown to the unit, and `container` adds how a container is told of signals.
    pub(super) fn leash(
        &self,
        line: &mut CommandLine,
        probe: &str,
        shown: bool,
        container: impl FnOnce(&mut CommandLine),
    ) {
        let Some(attached) = self.attached() else { return };
        let patience = self.service.deploy.stop_timeout.duration().as_millis();
        line.words([probe, "run"]);
        line.word(&format!("--socket={}", if shown { MEETING } else { attached.socket.as_str() }));
        line.word(&format!("--stop-timeout={patience}ms"));
        container(line);
        line.word("--");
    }
}

/// Gives what is the same for all runtimes; `container` is one of Docker's that goes with the unit.
pub(super) fn directives(one_off: &OneOff, container: Option<&str>) -> Lines {
    let OneOff { unit_file, attached } = one_off;
    let mut lines = Lines::default();
    let mut end = vec![PROBE.to_owned(), "ended".to_owned(), format!("--unit-file={unit_file}")];
    end.extend(attached.as_ref().map(|attached| format!("--socket={}", attached.socket)));
    end.extend(container.map(|name| format!("--container={name}")));
    // As root, and with the host's view of its files.
    lines.push("ExecStopPost", command_line("-+", &end));
    // As for every command that somebody runs by hand.
    lines.push("IgnoreSIGPIPE", "no");
    lines
}
