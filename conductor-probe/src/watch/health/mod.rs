//! The state that follows from results of checks: starting, ready, healthy, unhealthy.

use std::time::{Duration, Instant};

use probe_protocol::restarts::REST;
use probe_protocol::{StatusText, Timing};

use crate::check::{Healthy, Unhealthy};
use crate::notify::Message;
use crate::spoken::Spoken;

/// The results so far.
#[derive(Debug)]
pub(crate) struct HealthTracker {
    timing: Timing,
    /// When the start period began.
    began: Instant,
    ready: bool,
    successes: u32,
    failures: u32,
    /// Whether a check succeeded during the start.
    seen_healthy: bool,
    /// When a failure during the start was last counted.
    counted: Option<Instant>,
    healthy_since: Option<Instant>,
    checks: u64,
}

/// What follows from one result.
#[derive(Debug)]
pub(crate) enum Transition {
    /// Not healthy yet.
    Starting(Unhealthy),
    /// Healthy, but not often enough to be ready.
    Rising { successes: u32, healthy: Healthy },
    /// Ready as of now.
    Ready(Healthy),
    /// Still healthy.
    Healthy(Healthy),
    /// Failed several times in a row, but not too often.
    Failing { failures: u32, reason: Unhealthy },
    /// Failed too often.
    Unhealthy { failures: u32, reason: Unhealthy },
    /// Did not become healthy in time.
    NeverHealthy { after: Duration, reason: Unhealthy },
}

impl HealthTracker {
    /// Begins the start period.
    pub(crate) fn new(timing: Timing, now: Instant) -> Self {
        Self {
            timing,
            began: now,
            ready: false,
            successes: 0,
            failures: 0,
            seen_healthy: false,
            counted: None,
            healthy_since: None,
            checks: 0,
        }
    }

    /// Adds the lines for systemd about a transition.
    pub(crate) fn tell(&self, event: &Transition, message: &mut Message) {
        let checks = self.checks;
        let Timing { retries, success_threshold: threshold, .. } = self.timing;
        match event {
            Transition::Starting(found) => message.status(StatusText::Starting { found, checks }),
            Transition::Rising { successes, healthy: found } => message
                .status(StatusText::Rising { successes: *successes, threshold, found, checks }),
            Transition::Ready(found) | Transition::Healthy(found) => {
                message.status(StatusText::Healthy { found, checks }).line("WATCHDOG=1")
            }
            // The checks continue.
            Transition::Failing { failures, reason: found } => message
                .status(StatusText::Unhealthy { failures: *failures, retries, found })
                .line("WATCHDOG=1"),
            Transition::Unhealthy { failures, reason: found } => message
                .status(StatusText::Unhealthy { failures: *failures, retries, found })
                .line("WATCHDOG=trigger"),
            Transition::NeverHealthy { after, reason: found } => message
                .status(StatusText::NeverHealthy { after: &Spoken(*after), found })
                .line("WATCHDOG=trigger"),
        };
    }

    /// Returns whether the service has been healthy for long enough to reset the count of restarts.
    pub(crate) fn at_rest(&self, now: Instant) -> bool {
        self.ready
            && self.healthy_since.is_some_and(|since| now.saturating_duration_since(since) >= REST)
    }

    /// Adds the result of a check that ended now.
    pub(crate) fn observe(
        &mut self,
        now: Instant,
        result: Result<Healthy, Unhealthy>,
    ) -> Transition {
        self.checks += 1;
        match result {
            Ok(healthy) => self.success(now, healthy),
            Err(reason) => self.failure(now, reason),
        }
    }

    fn success(&mut self, now: Instant, healthy: Healthy) -> Transition {
        self.failures = 0;
        self.healthy_since.get_or_insert(now);
        if self.ready {
            return Transition::Healthy(healthy);
        }
        self.successes += 1;
        self.seen_healthy = true;
        self.ready = self.successes >= self.timing.success_threshold;
        match self.ready {
            true => Transition::Ready(healthy),
            false => Transition::Rising { successes: self.successes, healthy },
        }
    }

    fn failure(&mut self, now: Instant, reason: Unhealthy) -> Transition {
        self.successes = 0;
        self.healthy_since = None;
        if self.ready {
            self.failures += 1;
            let failures = self.failures;
            return match failures < self.timing.retries {
                true => Transition::Failing { failures, reason },
                false => Transition::Unhealthy { failures, reason },
            };
        }
        let after = now.saturating_duration_since(self.began);
        let counts = self.seen_healthy || after >= self.timing.start_period;
        // Checks are frequent while the service starts. If each failure counted, a start period of 0 would
        // leave it a few milliseconds. So at most one in each interval counts, as later.
        let due = self.counted.is_none_or(|counted| now >= counted + self.timing.interval);
        if counts && due {
            self.failures += 1;
            self.counted = Some(now);
        }
        match self.failures < self.timing.retries {
            true => Transition::Starting(reason),
            false => Transition::NeverHealthy { after, reason },
        }
    }

    /// Returns how long a check that starts now may take.
    ///
    /// A connection that was opened while a container's network started may be answered a second later, or never.
    /// So checks of a service that starts are aborted early and repeated. Each gets half the time since the
    /// start.
    pub(crate) fn patience(&self, now: Instant) -> Duration {
        const LEAST: Duration = Duration::from_millis(40);
        let timeout = self.timing.timeout;
        match self.ready {
            true => timeout,
            false => (now.saturating_duration_since(self.began) / 2).max(LEAST).min(timeout),
        }
    }

    /// Returns the time from the end of a check, which took `took`, to the next.
    ///
    /// While the service starts it is short, so that readiness is noticed immediately: at most 15 ms in the first
    /// minute, later a four-thousandth of the time since the start.
    pub(crate) fn pause(&self, now: Instant, took: Duration) -> Duration {
        let interval = self.timing.interval;
        if self.ready {
            return interval.saturating_sub(took).max(interval / 4);
        }
        let elapsed = now.saturating_duration_since(self.began);
        let pause = (elapsed / 4).min(Duration::from_millis(15)).max(elapsed / 4000);
        pause.max(Duration::from_millis(2)).min(interval)
    }
}

#[cfg(test)]
mod tests;
