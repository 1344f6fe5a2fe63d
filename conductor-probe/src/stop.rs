//! `stop`: takes the checks' say back before a service is told to stop by a command.
//!
//! systemd obeys `WATCHDOG=trigger` in every state. A service that closes its port and finishes what it is at
//! would be called unhealthy and aborted. A stop by a signal is seen by the process that gets it; of a stop that
//! begins with a command (`ExecStop=`) nobody else tells it.

use crate::print::complain;
use crate::runtime;

/// Leaves word of the stop; whatever hinders that must not hinder the stop.
pub(crate) fn run() {
    if let Err(error) = runtime::announce_stop() {
        complain(format_args!("cannot announce the stop: {error}"));
    }
}
