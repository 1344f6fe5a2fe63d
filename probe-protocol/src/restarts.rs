//! The delays between the starts of an instance.
//!
//! systemd restarts immediately (`RestartSec=0`), and the probe waits. systemd's own growing delay cannot
//! begin at zero, is not reset while the unit runs, and does not exist in systemd 252.

use std::time::Duration;

/// The first delay that is not zero.
pub const FIRST_DELAY: Duration = Duration::from_millis(100);

/// The longest delay.
pub const LONGEST_DELAY: Duration = Duration::from_secs(10);

/// How long an instance has to be healthy, or to run without a check, until its restarts are reset.
pub const REST: Duration = Duration::from_mins(1);

/// How many starts within [`START_LIMIT_INTERVAL`] are too many (`StartLimitBurst=`). The delays allow one less.
///
/// A start that fails before the probe runs is not delayed, for example because a secret is missing. After this
/// many, systemd gives up, and starts again after ten seconds (`OnFailure=`).
pub const START_LIMIT_BURST: u32 = 10;

/// The time in which starts are counted (`StartLimitIntervalSec=`).
pub const START_LIMIT_INTERVAL: Duration = Duration::from_secs(10);

/// Returns the delay before a start, after `count` starts: zero for the first two, then [`FIRST_DELAY`],
/// doubled each time up to [`LONGEST_DELAY`].
pub fn delay(count: u32) -> Duration {
    let doublings = match count {
        0 | 1 => return Duration::ZERO,
        count => (count - 2).min(20),
    };
    FIRST_DELAY.saturating_mul(1 << doublings).min(LONGEST_DELAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_probe_delays_never_reaches_the_start_limit() {
        // Each start is delayed after it was counted, and ends at once.
        let starts = |first: u32| {
            let mut began = Duration::ZERO;
            let in_time = (first..).take_while(|count| {
                let counts = began < START_LIMIT_INTERVAL;
                began += delay(*count);
                counts
            });
            in_time.count()
        };
        assert!((0..20).all(|first| starts(first) < START_LIMIT_BURST as usize));
        assert_eq!(starts(0), START_LIMIT_BURST as usize - 1);
    }

    #[test]
    fn delays_double_up_to_ten_seconds() {
        let millis = [0, 1, 2, 3, 4, 8, 9, 20, 21, u32::MAX].map(|count| delay(count).as_millis());
        assert_eq!(millis, [0, 0, 100, 200, 400, 6400, 10_000, 10_000, 10_000, 10_000]);
    }
}
