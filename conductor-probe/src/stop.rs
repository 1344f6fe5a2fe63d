//! `stop`: ends the prober before the service is told to stop.
//!
//! With `KillMode=mixed` only the main process gets SIGTERM. A prober that lives on would call a service
//! unhealthy that closes its port and finishes what it is at, and `WATCHDOG=trigger` would have
//! systemd end that with SIGABRT: it is obeyed in every state.

use crate::notify::{Message, Notifier};
use crate::print::complain;
use crate::runtime;

/// Ends the unit's prober; whatever hinders that must not hinder the stop.
pub(crate) fn run() {
    match runtime::directory() {
        None => {
            complain(format_args!("RUNTIME_DIRECTORY is not set: RuntimeDirectory= is missing"));
        }
        Some(directory) => {
            if let Err(error) = runtime::end_prober(&directory) {
                complain(format_args!("cannot end the prober of {}: {error}", directory.display()));
            }
        }
    }
    // Its last WATCHDOG=1 may have come when the stop had begun already, and have set the watchdog
    // again; then it would expire during an ExecStop= that takes long. It is on again at the next start.
    if let Ok(Some(notifier)) = Notifier::from_environment() {
        let mut message = Message::default();
        let _ = notifier.send(message.status(format_args!("stopping")).line("WATCHDOG_USEC=0"));
    }
}
