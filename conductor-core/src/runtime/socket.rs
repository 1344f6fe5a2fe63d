//! The unix socket of an instance: its directory, and the permissions there.
//!
//! It is not a `RuntimeDirectory=`. With `DynamicUser=`, one that is kept over restarts is in `/run/private`,
//! which a proxy cannot enter. And all runtime directories of a unit have the same mode, but the one with the
//! secrets must be closed.
//!
//! All directories of sockets are in one file system, which `conductor-probe socket` mounts twice: read-only
//! and without symbolic links for all users, and writable in a directory that only root can enter, from which
//! each service gets its own directory.

use std::path::PathBuf;

use probe_protocol::places::PRIVATE_SOCKETS;
use probe_protocol::{Socket, SocketAction, UnitPath};

use super::{Instance, PROBE, engine};
use crate::definition::Runtime;
use crate::unit::Lines;
use crate::unit::escape::probe_line;

pub use probe_protocol::places::SOCKETS;

/// The units of the two mounts.
const MOUNTS: &str = "run-conductor-private-sockets.mount run-conductor-sockets.mount";

/// Returns the directory of the instance's socket on the host, and the path at which the instance sees it, if
/// it has one.
pub(super) fn directory<'a>(instance: &Instance<'a>) -> Option<(String, &'a str)> {
    let (directory, _) = instance.tokens.socket?.rsplit_once('/')?;
    Some((kept(directory), directory))
}

/// Returns the path of the instance's socket for the probe, which may have to change its mode.
pub(super) fn changed(instance: &Instance<'_>) -> Option<PathBuf> {
    let socket = instance.tokens.socket?;
    Some(match instance.service.runtime {
        // The probe runs where the instance runs.
        Runtime::Native => socket.into(),
        Runtime::Docker | Runtime::Podman => kept(socket).into(),
    })
}

fn kept(shown: &str) -> String {
    shown.replacen(SOCKETS, PRIVATE_SOCKETS, 1)
}

/// Adds the order that keeps the mounts until the instance has stopped, at shutdown.
pub(super) fn order(unit: &mut Lines, instance: &Instance<'_>) {
    if instance.tokens.socket.is_some() {
        unit.push("After", MOUNTS);
    }
}

/// Adds the command that creates the directory, before all others, and removes the socket of an earlier start.
///
/// An image decides the users in its container, so every user there may create a socket. The command gets all
/// its input as arguments: its environment is that of the service.
pub(super) fn make(exec: &mut Lines, instance: &Instance<'_>) {
    let Some(socket) = instance.tokens.socket else { return };
    // As root, without the unit's own view of the host's files.
    let action = match instance.service.runtime {
        Runtime::Native => SocketAction::OwnerOf(UnitPath::Runtime(engine::directory(instance))),
        Runtime::Docker | Runtime::Podman => SocketAction::Open,
    };
    let words = Socket { action, path: socket.into() }.words();
    exec.push("ExecStartPre", probe_line("+", PROBE, &words));
}

/// Adds the command that removes the directory, after all others.
pub(super) fn remove(exec: &mut Lines, instance: &Instance<'_>) {
    let Some(socket) = instance.tokens.socket else { return };
    let remove = Socket { action: SocketAction::<UnitPath>::Remove, path: socket.into() };
    exec.push("ExecStopPost", probe_line("-+", PROBE, &remove.words()));
}
