//! Ctrl-C and SIGTERM: the first asks for an end, the second is one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Returns whether the process was asked to end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupts(Arc<AtomicBool>);

impl Interrupts {
    /// Lets the first signal set a flag from now on, and the second end the process at once.
    pub(crate) fn catch() -> Self {
        const BY_SIGNAL: i32 = 128;
        let interrupts = Self::default();
        for signal in [SIGINT, SIGTERM] {
            // In this order: the flag that the first signal sets must not be seen by itself. Where they
            // cannot be caught they end the process, which is safe at any moment.
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
