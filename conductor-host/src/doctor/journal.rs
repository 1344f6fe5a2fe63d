//! journald: what it drops, and what it forgets.

use std::time::Duration;

use conductor_core::unit::Engine;
use conductor_core::value::Span;

use super::{Check, Diagnosis, Facts, Unseeable};

/// journald's own limit (journald.conf(5)).
const DEFAULT: RateLimit = RateLimit { interval: Duration::from_secs(30), burst: 10_000 };
/// What all containers of docker need together, which are one unit for journald.
const OF_CONTAINERS: RateLimit = RateLimit { interval: Duration::from_secs(30), burst: 100_000 };

/// How many lines a unit may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RateLimit {
    /// In what time.
    pub(crate) interval: Duration,
    /// How many; 0 is no limit, as is an interval of 0.
    pub(crate) burst: u64,
}

impl RateLimit {
    /// Returns whether it allows fewer lines than another one, in the same time.
    fn is_below(&self, other: &Self) -> bool {
        let is_limit = self.burst > 0 && !self.interval.is_zero();
        let lines = |limit: &Self, of: &Self| u128::from(limit.burst) * of.interval.as_micros();
        is_limit && lines(self, other) < lines(other, self)
    }
}

/// The settings of journald that matter.
#[derive(Debug, Clone)]
pub(crate) struct Journald {
    /// The limit of units that have none of their own.
    pub(crate) rate: RateLimit,
    /// The limit of `docker.service`, if it has one.
    pub(crate) docker: Option<RateLimit>,
    /// Where it keeps the journal: `Storage=`.
    pub(crate) storage: String,
    /// Whether `/var/log/journal` is there.
    pub(crate) has_directory: bool,
}

impl Journald {
    /// Reads the settings out of what `systemd-analyze cat-config systemd/journald.conf` prints.
    pub(crate) fn parse(text: &str, has_directory: bool) -> Self {
        let (mut rate, mut storage) = (DEFAULT, "auto".to_owned());
        let mut is_journal = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with('[') {
                is_journal = line == "[Journal]";
            }
            let Some((key, value)) = line.split_once('=').filter(|_| is_journal) else { continue };
            let value = value.trim();
            match key.trim() {
                "RateLimitIntervalSec" | "RateLimitInterval" => {
                    rate.interval = value.parse::<Span>().map_or(DEFAULT.interval, Span::duration);
                }
                "RateLimitBurst" => rate.burst = value.parse().unwrap_or(DEFAULT.burst),
                "Storage" if value.is_empty() => "auto".clone_into(&mut storage),
                "Storage" => value.clone_into(&mut storage),
                _ => {}
            }
        }
        Self { rate, docker: None, storage, has_directory }
    }
}

pub(super) fn judge(facts: &Facts, diagnosis: &mut Diagnosis) {
    let journald = match &facts.journald {
        Ok(journald) => journald,
        Err(Unseeable::Denied(reason) | Unseeable::Broken(reason)) => {
            diagnosis.unseen(Check::JournaldRateLimit, reason);
            return diagnosis.unseen(Check::JournalPersistence, reason);
        }
    };
    let Journald { rate, docker, .. } = journald;
    if rate.is_below(&DEFAULT) {
        diagnosis.warning(
            Check::JournaldRateLimit,
            format!(
                "journald drops what a unit writes beyond {} lines in {} s, also the line that says why it failed",
                rate.burst,
                rate.interval.as_secs()
            ),
            "remove RateLimitBurst= and RateLimitIntervalSec= below /etc/systemd/journald.conf, and run systemctl \
             restart systemd-journald",
        );
    }
    if facts.engines.contains(&Engine::Docker) && docker.unwrap_or(*rate).is_below(&OF_CONTAINERS) {
        diagnosis.warning(
            Check::JournaldRateLimit,
            "for journald, all containers of docker are one unit: if one writes much, the lines of all others are \
             dropped",
            "write LogRateLimitIntervalSec=30s and LogRateLimitBurst=1000000 below [Service] into \
             /etc/systemd/system/docker.service.d/conductor.conf, run systemctl daemon-reload, and restart docker",
        );
    }
    persistence(journald, diagnosis);
}

fn persistence(Journald { storage, has_directory, .. }: &Journald, diagnosis: &mut Diagnosis) {
    match storage.as_str() {
        "none" => diagnosis.error(
            Check::JournalPersistence,
            "journald keeps nothing (Storage=none): conductor logs is empty, and no failure has its reason",
            "remove Storage= below /etc/systemd/journald.conf, and run systemctl restart systemd-journald",
        ),
        "persistent" => {}
        "auto" if *has_directory => {}
        _ => diagnosis.warning(
            Check::JournalPersistence,
            "the journal is lost at each reboot: the logs, why a service failed, and the history of jobs",
            "write Storage=persistent below [Journal] into /etc/systemd/journald.conf.d/persistent.conf, and run \
             systemctl restart systemd-journald",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_of_a_setting_counts() {
        let text = "# /etc/systemd/journald.conf\n[Journal]\n#Storage=none\nRateLimitBurst=5\nStorage=volatile\n\
                    [Other]\nStorage=none\n# a.conf\n[Journal]\nRateLimitIntervalSec = 1min\nRateLimitBurst=7\n";
        let found = Journald::parse(text, true);
        assert_eq!(found.rate, RateLimit { interval: Duration::from_mins(1), burst: 7 });
        assert_eq!(found.storage, "volatile");
        let default = Journald::parse("[Journal]\nStorage=\nRateLimitBurst=\n", false);
        assert_eq!((default.rate, default.storage.as_str()), (DEFAULT, "auto"));
    }

    #[test]
    fn limits_are_compared_in_the_same_time() {
        let limit = |seconds, burst| RateLimit { interval: Duration::from_secs(seconds), burst };
        for (limit, below) in [
            (DEFAULT, false),
            (limit(30, 9999), true),
            (limit(60, 10_000), true),
            (limit(3, 1000), false),
            (limit(0, 1), false),
            (limit(30, 0), false),
        ] {
            assert_eq!(limit.is_below(&DEFAULT), below, "{limit:?}");
        }
    }
}
