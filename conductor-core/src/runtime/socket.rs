//! The unix socket of an instance: the directory it is in, and who may do what there.
//!
//! It is no `RuntimeDirectory=`. One that is kept over restarts is in `/run/private` for a user that is
//! made up (`DynamicUser=`), where a proxy does not get to, and all directories of a unit have the same
//! mode, while that with the secrets is closed.

use super::{Instance, PROBE};
use crate::definition::Runtime;
use crate::unit::Lines;
use crate::unit::escape::command_line;

/// Gives the directory of the instance's socket, if it has one. Its path is the same in containers.
pub(super) fn directory<'a>(instance: &Instance<'a>) -> Option<&'a str> {
    instance.tokens.socket?.rsplit_once('/').map(|(directory, _)| directory)
}

/// Makes the directory, before all else, and without the socket of an instance that ended badly.
///
/// Who runs in a container is the image's affair, so that anybody may make a socket there.
pub(super) fn make(exec: &mut Lines, instance: &Instance<'_>) {
    let Some(socket) = instance.tokens.socket else { return };
    exec.push(
        "ExecStartPre",
        match instance.service.runtime {
            // As root, and with the host's view of its files.
            Runtime::Native => command_line("+", &[PROBE, "socket", socket]),
            Runtime::Docker | Runtime::Podman => {
                command_line("", &[PROBE, "socket", "--open", socket])
            }
        },
    );
}

/// Removes the directory, after all else.
pub(super) fn remove(exec: &mut Lines, instance: &Instance<'_>) {
    let Some(socket) = instance.tokens.socket else { return };
    let prefix = match instance.service.runtime {
        Runtime::Native => "-+",
        Runtime::Docker | Runtime::Podman => "-",
    };
    exec.push("ExecStopPost", command_line(prefix, &[PROBE, "socket", "--remove", socket]));
}
