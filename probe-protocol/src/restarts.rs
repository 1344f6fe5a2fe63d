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

/// How many starts in a row are too many (`StartLimitBurst=`): with [`LONGEST_DELAY`] between them, at least an
/// hour.
pub const START_LIMIT_BURST: u32 = 360;

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
    fn delays_double_up_to_ten_seconds() {
        let millis = [0, 1, 2, 3, 4, 8, 9, 20, 21, u32::MAX].map(|count| delay(count).as_millis());
        assert_eq!(millis, [0, 0, 100, 200, 400, 6400, 10_000, 10_000, 10_000, 10_000]);
    }
}
