//! What systemd is to the probe: an environment, a socket for messages, and an end to all processes.

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than any busy machine takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// The probe, with no word from systemd in its environment.
pub(crate) fn probe() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_conductor-probe"));
    for name in ["NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "RUNTIME_DIRECTORY"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// Waits until something holds.
pub(crate) fn eventually(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "not in time: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
