//! The unix socket of an instance: the directory it is in, and who may do what there.
//!
//! It is no `RuntimeDirectory=`. One that is kept over restarts is in `/run/private` for a user that is
//! made up (`DynamicUser=`), where a proxy does not get to, and all directories of a unit have the same
//! mode, while that with the secrets is closed.
//!
//! All directories of sockets are in one file system, which `conductor-probe socket` mounts twice: for
//! everybody, who changes nothing there and is led nowhere, and for the services, which see their own
//! directory of it, in a place that only root enters.

use std::path::PathBuf;

use probe_protocol::places::PRIVATE_SOCKETS;
use probe_protocol::{Socket, SocketAction, UnitPath};

use super::{Instance, PROBE, engine};
use crate::definition::Runtime;
use crate::unit::Lines;
use crate::unit::escape::probe_line;

pub use probe_protocol::places::SOCKETS;

/// What systemd calls the two mounts.
const MOUNTS: &str = "run-conductor-private-sockets.mount run-conductor-sockets.mount";

/// Returns the directory of the instance's socket as the host has it, and where the instance is to see
/// it, if it has one.
pub(super) fn directory<'a>(instance: &Instance<'a>) -> Option<(String, &'a str)> {
    let (directory, _) = instance.tokens.socket?.rsplit_once('/')?;
    Some((kept(directory), directory))
}

/// Returns the path of the instance's socket for the probe, which may have to change its mode.
pub(super) fn changed(instance: &Instance<'_>) -> Option<PathBuf> {
    let socket = instance.tokens.socket?;
    Some(match instance.service.runtime {
        // It is where the instance is.
        Runtime::Native => socket.into(),
        Runtime::Docker | Runtime::Podman => kept(socket).into(),
    })
}

fn kept(shown: &str) -> String {
    shown.replacen(SOCKETS, PRIVATE_SOCKETS, 1)
}

/// Keeps the mounts while the instance stops, when the host does.
pub(super) fn order(unit: &mut Lines, instance: &Instance<'_>) {
    if instance.tokens.socket.is_some() {
        unit.push("After", MOUNTS);
    }
}

/// Makes the directory, before all else, and without the socket of an instance that ended badly.
///
/// Who runs in a container is the image's affair, so that anybody in it may make a socket there.
/// Everything that the command needs to know is an argument: its environment is the service's.
pub(super) fn make(exec: &mut Lines, instance: &Instance<'_>) {
    let Some(socket) = instance.tokens.socket else { return };
    // As root, and with the host's view of its files.
    let action = match instance.service.runtime {
        Runtime::Native => SocketAction::OwnerOf(UnitPath::Runtime(engine::directory(instance))),
        Runtime::Docker | Runtime::Podman => SocketAction::Open,
    };
    let words = Socket { action, path: socket.into() }.words();
    exec.push("ExecStartPre", probe_line("+", PROBE, &words));
}

/// Removes the directory, after all else.
pub(super) fn remove(exec: &mut Lines, instance: &Instance<'_>) {
    let Some(socket) = instance.tokens.socket else { return };
    let remove = Socket { action: SocketAction::<UnitPath>::Remove, path: socket.into() };
    exec.push("ExecStopPost", probe_line("-+", PROBE, &remove.words()));
}
