//! The timing of health checks, and the timeouts for systemd.

use std::time::Duration;

use crate::error::{ArgumentError, ValueError};
use crate::given::Given;
use crate::option;
use crate::time;
use crate::word::CommandLine;

/// How much longer a start, a check or a report may take on a busy host.
pub const SLACK: Duration = Duration::from_secs(10);

/// How long a command may pull an image before the start timeout begins: the probe asks systemd for more
/// time meanwhile.
pub const FETCH: Duration = Duration::from_mins(30);

/// How often the probe checks, and how it counts the results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// The time between two checks.
    pub interval: Duration,
    /// The longest time of one check.
    pub timeout: Duration,
    /// The number of failures in a row that is unhealthy.
    pub retries: u32,
    /// The time in which failures do not count, until the first success.
    pub start_period: Duration,
    /// The number of successes in a row that is ready.
    pub success_threshold: u32,
}

impl Timing {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        interval: Duration::from_secs(5),
        timeout: Duration::from_secs(2),
        retries: 3,
        start_period: Duration::from_mins(1),
        success_threshold: 1,
    };

    /// Returns the longest time from one check to the end of the next.
    fn per_check(&self) -> Duration {
        self.interval.saturating_add(self.timeout)
    }

    /// Returns how long a start may take (`TimeoutStartSec=`, and the time that the probe asks for after a
    /// delay).
    /// The probe ends a start earlier if the instance does not become healthy.
    pub fn start_timeout(&self) -> Duration {
        let checks = self.retries.saturating_add(self.success_threshold);
        let checks = self.per_check().saturating_mul(checks);
        self.start_period.saturating_add(checks).saturating_add(SLACK)
    }

    /// Returns the longest time between two reports of the probe (`WatchdogSec=`): it reports after each check.
    pub fn watchdog(&self) -> Duration {
        self.per_check().saturating_add(SLACK)
    }

    pub(crate) fn write(&self, line: &mut CommandLine) {
        let Self { interval, timeout, retries, start_period, success_threshold } = self;
        line.option(option::INTERVAL, time::write(*interval));
        line.option(option::TIMEOUT, time::write(*timeout));
        line.shown(option::RETRIES, retries);
        line.option(option::START_PERIOD, time::write(*start_period));
        if *success_threshold != Self::DEFAULT.success_threshold {
            line.shown(option::SUCCESS_THRESHOLD, success_threshold);
        }
    }

    pub(crate) fn read(given: &Given) -> Result<Self, ArgumentError> {
        let count = |option| given.read_value(option, count);
        let above_zero = |option| given.read_value(option, time::read_above_zero);
        let start_period = given.read_value(option::START_PERIOD, time::read)?;
        let default = Self::DEFAULT;
        Ok(Self {
            interval: above_zero(option::INTERVAL)?.unwrap_or(default.interval),
            timeout: above_zero(option::TIMEOUT)?.unwrap_or(default.timeout),
            retries: count(option::RETRIES)?.unwrap_or(default.retries),
            start_period: start_period.unwrap_or(default.start_period),
            success_threshold: count(option::SUCCESS_THRESHOLD)?
                .unwrap_or(default.success_threshold),
        })
    }
}

/// Returns [`Timing::DEFAULT`].
impl Default for Timing {
    fn default() -> Self {
        Self::DEFAULT
    }
}

fn count(text: &str) -> Result<u32, ValueError> {
    text.parse().ok().filter(|count| *count > 0).ok_or(ValueError::Count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systemd_waits_longer_than_the_probe_does() {
        // The longest until the verdict is final: the start period, and a count of failures each of which comes
        // an interval after the other, and takes its timeout. A success in between begins the count anew.
        for (interval, timeout, retries, success_threshold) in
            [(5, 2, 3, 1), (1, 60, 1, 1), (60, 1, 10, 3), (1, 1, 1000, 1000)]
        {
            let [interval, timeout] = [interval, timeout].map(Duration::from_secs);
            let timing =
                Timing { interval, timeout, retries, success_threshold, ..Timing::DEFAULT };
            let longest = timing.start_period + interval.max(timeout) * retries + timeout;
            assert!(timing.start_timeout() >= longest, "{timing:?}");
            assert!(timing.watchdog() >= interval + timeout);
        }
        let default = Timing::DEFAULT;
        assert_eq!(default.start_timeout(), Duration::from_secs(60 + 4 * 7 + 10));
        assert_eq!(default.watchdog(), Duration::from_secs(17));
    }
}
