//! The status text of an instance's unit, which the probe sends (`STATUS=`, `sd_notify(3)`).

use std::fmt::{self, Display};

/// A status text.
#[derive(Clone, Copy)]
pub enum StatusText<'a> {
    /// It was started several times in a row, and waits for its next start.
    Delayed {
        /// How many times.
        restarts: u32,
        /// The delay.
        delay: &'a dyn Display,
    },
    /// An engine creates its container.
    Creating {
        /// The time so far.
        so_far: &'a dyn Display,
    },
    /// It runs, without a health check.
    Running,
    /// It is not healthy yet.
    Starting {
        /// What the last check found.
        found: &'a dyn Display,
        /// The number of checks.
        checks: u64,
    },
    /// It is healthy, but not often enough yet.
    Rising {
        /// How often in a row.
        successes: u32,
        /// How often is needed.
        threshold: u32,
        /// What the last check found.
        found: &'a dyn Display,
        /// The number of checks.
        checks: u64,
    },
    /// It is healthy.
    Healthy {
        /// What the last check found.
        found: &'a dyn Display,
        /// The number of checks.
        checks: u64,
    },
    /// Its last check failed; it is restarted after `retries` failures in a row.
    Unhealthy {
        /// How often in a row.
        failures: u32,
        /// How many failures are unhealthy.
        retries: u32,
        /// What the last check found.
        found: &'a dyn Display,
    },
    /// It did not become healthy in time.
    NeverHealthy {
        /// The time.
        after: &'a dyn Display,
        /// What the last check found.
        found: &'a dyn Display,
    },
    /// Its unit is being stopped.
    Stopping,
    /// The result of `conductor-probe check`.
    Checked {
        /// Whether it is healthy.
        healthy: bool,
        /// What the check found.
        found: &'a dyn Display,
    },
}

/// The state in a status text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthState {
    /// It waits for its next start.
    Delayed,
    /// An engine creates its container.
    Creating,
    /// It runs, without a health check.
    Running,
    /// It is not ready yet.
    Starting,
    /// It is healthy.
    Healthy,
    /// Its last check failed.
    Unhealthy,
    /// It did not become healthy in time.
    NeverHealthy,
    /// Its unit is being stopped.
    Stopping,
}

impl HealthState {
    const ALL: [Self; 8] = [
        Self::Delayed,
        Self::Creating,
        Self::Running,
        Self::Starting,
        Self::Healthy,
        Self::Unhealthy,
        Self::NeverHealthy,
        Self::Stopping,
    ];

    /// Returns the words with which its texts begin.
    pub fn word(self) -> &'static str {
        match self {
            Self::Delayed => "restarted",
            Self::Creating => "creating",
            Self::Running => "running",
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
            Self::NeverHealthy => "never healthy",
            Self::Stopping => "stopping",
        }
    }

    /// Returns the state in a text, if it is the probe's.
    pub fn of(status: &str) -> Option<Self> {
        let begins = |state: &Self| {
            let rest = status.strip_prefix(state.word());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', ':']))
        };
        Self::ALL.into_iter().find(begins)
    }

    /// Returns whether the last check failed after the instance was ready, or it never became healthy.
    pub fn finds_fault(self) -> bool {
        matches!(self, Self::Unhealthy | Self::NeverHealthy)
    }
}

impl StatusText<'_> {
    /// Returns its state.
    pub fn state(&self) -> HealthState {
        match self {
            Self::Delayed { .. } => HealthState::Delayed,
            Self::Creating { .. } => HealthState::Creating,
            Self::Running => HealthState::Running,
            Self::Starting { .. } | Self::Rising { .. } => HealthState::Starting,
            Self::Healthy { .. } | Self::Checked { healthy: true, .. } => HealthState::Healthy,
            Self::Unhealthy { .. } | Self::Checked { healthy: false, .. } => HealthState::Unhealthy,
            Self::NeverHealthy { .. } => HealthState::NeverHealthy,
            Self::Stopping => HealthState::Stopping,
        }
    }
}

impl Display for StatusText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.state().word();
        match self {
            Self::Delayed { restarts, delay } => {
                write!(f, "{word} {restarts} times in a row, next start in {delay}")
            }
            Self::Creating { so_far } => write!(f, "{word} the container for {so_far}"),
            Self::Running | Self::Stopping => f.write_str(word),
            Self::Starting { found, checks } | Self::Healthy { found, checks } => {
                write!(f, "{word}: {found}, {}", Checks(*checks))
            }
            Self::Rising { successes, threshold, found, checks } => {
                let healthy = HealthState::Healthy.word();
                let checks = Checks(*checks);
                write!(f, "{word}: {healthy} {successes}/{threshold}: {found}, {checks}")
            }
            Self::Unhealthy { failures, retries, found } => {
                write!(f, "{word} {failures}/{retries}: {found}")
            }
            Self::NeverHealthy { after, found } => write!(f, "{word} in {after}: {found}"),
            Self::Checked { healthy: _, found } => write!(f, "{word}: {found}"),
        }
    }
}

struct Checks(u64);

impl Display for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("1 check"),
            checks => write!(f, "{checks} checks"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_known_by_its_beginning() {
        let found: &dyn Display = &"500: unhealthy";
        let time: &dyn Display = &"3 s";
        for (status, text) in [
            (
                StatusText::Delayed { restarts: 4, delay: time },
                "restarted 4 times in a row, next start in 3 s",
            ),
            (StatusText::Creating { so_far: time }, "creating the container for 3 s"),
            (StatusText::Running, "running"),
            (StatusText::Starting { found, checks: 1 }, "starting: 500: unhealthy, 1 check"),
            (
                StatusText::Rising { successes: 1, threshold: 2, found, checks: 2 },
                "starting: healthy 1/2: 500: unhealthy, 2 checks",
            ),
            (StatusText::Healthy { found: &"200", checks: 3 }, "healthy: 200, 3 checks"),
            (
                StatusText::Unhealthy { failures: 1, retries: 3, found },
                "unhealthy 1/3: 500: unhealthy",
            ),
            (
                StatusText::NeverHealthy { after: time, found },
                "never healthy in 3 s: 500: unhealthy",
            ),
            (StatusText::Stopping, "stopping"),
            (StatusText::Checked { healthy: true, found: &"200" }, "healthy: 200"),
            (StatusText::Checked { healthy: false, found: &"500" }, "unhealthy: 500"),
        ] {
            assert_eq!(status.to_string(), text);
            assert_eq!(HealthState::of(text), Some(status.state()), "{text}");
            let fault = text.starts_with("unhealthy") || text.starts_with("never");
            assert_eq!(status.state().finds_fault(), fault, "{text}");
        }
        for other in ["", "unhealthily", "runs", "my healthy service"] {
            assert_eq!(HealthState::of(other), None, "{other}");
        }
    }
}
