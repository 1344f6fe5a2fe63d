//! What came of all the requests.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::client::Asked;

/// What is more than asked for, even on a busy machine.
const SLOW: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(crate) struct Report {
    requests: u64,
    retried: u64,
    failed: BTreeMap<String, u64>,
    slowest: Duration,
    /// When somebody waited long for an answer, and how long, in milliseconds.
    slow: Vec<(u64, u64)>,
    /// What was answered, with when first and last.
    answers: BTreeMap<String, (u64, u64)>,
}

impl Report {
    pub(crate) fn add(&mut self, asked: Asked) {
        self.requests += 1;
        self.retried += u64::from(asked.retried);
        self.slowest = self.slowest.max(asked.took);
        let now = now();
        if asked.took > SLOW {
            self.slow.push((now, milliseconds(asked.took)));
        }
        match asked.answer {
            Ok(answer) => self.answers.entry(answer).or_insert((now, now)).1 = now,
            Err(kind) => {
                *self.failed.entry(kind).or_default() += 1;
                // What fails at once is not asked a million times.
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }

    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.requests += other.requests;
        self.retried += other.retried;
        self.slowest = self.slowest.max(other.slowest);
        self.slow.extend(other.slow);
        for (kind, count) in other.failed {
            *self.failed.entry(kind).or_default() += count;
        }
        for (answer, (first, last)) in other.answers {
            let both = self.answers.entry(answer).or_insert((first, last));
            *both = (both.0.min(first), both.1.max(last));
        }
        self
    }

    pub(crate) fn to_json(&self) -> Value {
        let answers: serde_json::Map<_, _> = self
            .answers
            .iter()
            .map(|(answer, (first, last))| (answer.clone(), json!({"first": first, "last": last})))
            .collect();
        json!({
            "requests": self.requests,
            "retried": self.retried,
            "failed": self.failed,
            "slowest": milliseconds(self.slowest),
            "slow": self.slow,
            "answers": answers,
        })
    }
}

/// Returns the milliseconds since 1970.
pub(crate) fn now() -> u64 {
    milliseconds(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
