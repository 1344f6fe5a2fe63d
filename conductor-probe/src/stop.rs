//! `stop`: tells the probe that a command is about to stop the service.
//!
//! systemd accepts `WATCHDOG=trigger` in every state. So a service that closes its port and finishes its
//! requests would be unhealthy, and be aborted. The probe itself notices a stop by a signal, but not a stop by a
//! command (`ExecStop=`).

use crate::print::complain;
use crate::runtime;

/// Announces the stop. An error does not prevent the stop.
pub(crate) fn run() {
    if let Err(error) = runtime::announce_stop() {
        complain(format_args!("cannot record the stop: {error}"));
    }
}
