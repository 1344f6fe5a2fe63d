//! Ctrl-C, SIGTERM and SIGHUP: the first interrupts the change, the second ends the process.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

/// Whether a signal has interrupted the process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupts(Arc<AtomicBool>);

impl Interrupts {
    /// Installs handlers: the first signal sets a flag, and the second ends the process. A signal that was
    /// ignored when this process started, as by nohup(1), stays ignored.
    pub(crate) fn catch() -> Self {
        const BY_SIGNAL: i32 = 128;
        let interrupts = Self::default();
        for signal in [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !is_ignored(*signal)) {
            // The order matters: the first signal must not see the flag that it sets itself. If a handler
            // cannot be installed, the signal ends the process, which is safe at any moment.
            let flag = || Arc::clone(&interrupts.0);
            let _ = flag::register_conditional_shutdown(signal, BY_SIGNAL + signal, flag())
                .and_then(|_| flag::register(signal, flag()));
        }
        interrupts
    }

    pub(crate) fn happened(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Returns whether this process was started with a signal ignored.
pub(crate) fn is_ignored(signal: i32) -> bool {
    // Without /proc, none is assumed to be ignored. The mask is hexadecimal (proc(5), `SigIgn`).
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_signal_is_a_question() {
        let interrupts = Interrupts::catch();
        assert!(!interrupts.happened());
        signal_hook::low_level::raise(SIGTERM).unwrap();
        assert!(interrupts.happened());
    }
}
