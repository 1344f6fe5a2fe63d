//! Passes signals on to the container.

use std::thread;

use nix::sys::signal::{SigSet, Signal};

use super::engine::Engine;
use crate::print::{Whole, complain};
use crate::watch::Prober;

/// The signals that are passed on to a container, and to a command that runs once. Without SIGABRT, with which
/// systemd's watchdog ends this process.
pub(crate) const SIGNALS: [Signal; 8] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGALRM,
    Signal::SIGTERM,
    Signal::SIGWINCH,
];

/// Blocked signals, until they can be passed on.
#[derive(Debug)]
pub(crate) struct Signals(SigSet);

impl Signals {
    /// Blocks the signals from now on, in this thread and those that it starts.
    pub(crate) fn keep() -> nix::Result<Self> {
        let signals = Self(SIGNALS.into_iter().collect());
        signals.0.thread_block()?;
        Ok(signals)
    }

    /// Passes them on from now on. Once the container is told to stop, results of checks do not count any more.
    pub(crate) fn pass_on(self, engine: Engine, id: String, prober: Option<Prober>) {
        thread::spawn(move || {
            while let Ok(signal) = self.0.wait() {
                if matches!(signal, Signal::SIGTERM | Signal::SIGINT) {
                    prober.iter().for_each(Prober::hush);
                }
                if let Err(error) = engine.kill(&id, signal.as_str()) {
                    complain(format_args!("cannot pass on {signal}: {}", Whole(&error)));
                }
            }
        });
    }
}
