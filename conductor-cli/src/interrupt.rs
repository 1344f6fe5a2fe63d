//! Ctrl-C and SIGTERM: the first interrupts the change, the second ends the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Whether a signal has interrupted the process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupts(Arc<AtomicBool>);

impl Interrupts {
    /// Installs handlers: the first signal sets a flag, and the second ends the process.
    pub(crate) fn catch() -> Self {
        const BY_SIGNAL: i32 = 128;
        let interrupts = Self::default();
        for signal in [SIGINT, SIGTERM] {
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
