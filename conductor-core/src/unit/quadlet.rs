//! What an export to Quadlet computes, and an import from it has to know.

use std::time::Duration;

/// What systemd waits for by default.
const DEFAULT: Duration = Duration::from_secs(90);
/// How long podman may take beyond the checks.
const SLACK: Duration = Duration::from_secs(10);

/// Returns the `TimeoutStartSec=`, in seconds, of a unit that has started when its health check succeeds; `None` if
/// systemd's default is long enough.
///
/// It is longer than podman waits for the check, which ends the container then.
pub fn start_timeout(start_period: Duration, interval: Duration, retries: u32) -> Option<u64> {
    let longest =
        start_period.saturating_add(interval.saturating_mul(retries)).saturating_add(SLACK);
    let seconds = longest.as_secs().saturating_add(u64::from(longest.subsec_nanos() > 0));
    (longest > DEFAULT).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_long_start_needs_a_timeout() {
        let timeout = |start, interval| {
            start_timeout(Duration::from_millis(start), Duration::from_millis(interval), 3)
        };
        assert_eq!(timeout(50_000, 10_000), None);
        assert_eq!(timeout(50_001, 10_000), Some(91));
        assert_eq!(timeout(300_000, 30_000), Some(400));
    }
}
