//! Attacks on a host, each by someone with some rights there, but not the right for this.
//!
//! `docs/security.md` describes the attackers, and says which test covers which attack.

pub(crate) mod definitions;
pub(crate) mod environment;
pub(crate) mod files;
pub(crate) mod health;
pub(crate) mod held;
pub(crate) mod hung_checks;
pub(crate) mod journal;
pub(crate) mod modes;
pub(crate) mod one_offs;
pub(crate) mod sockets;

use crate::host::Host;
use crate::ran::Ran;

/// The user id of an ordinary user of the host, who has a home and no privileges.
pub(crate) const EVE: &str = "1000";

/// Runs a shell script as an ordinary user of the host.
#[track_caller]
pub(crate) fn as_eve(host: &Host, script: &str) -> Ran {
    let mut command = host.sandbox.command("timeout");
    command.args(["300", "setpriv", "--reuid", EVE, "--regid", "100", "--clear-groups"]);
    Ran::new(command.args(["env", "HOME=/home/operator", "sh", "-ec", script]))
}
