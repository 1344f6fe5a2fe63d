//! Where a timer differs from cron at a change of the clocks.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

use super::Expression;

/// How far ahead changes of the clocks are searched, in seconds: a year.
const AHEAD: i64 = 366 * 86_400;

impl Expression {
    /// Returns how a timer differs from Debian's cron when the clocks of a time zone change, within a year.
    ///
    /// At times that the clocks skip, the timer does not elapse; cron runs right after, unless minute or hour has
    /// a `*`. At times that the clocks show twice, the timer elapses once; cron runs twice if there is a `*`.
    pub fn clock_changes(&self, zone: &TimeZone, after: Timestamp) -> Vec<String> {
        let Some(times) = self.times() else { return Vec::new() };
        let wildcard = times.minutes.star || times.hours.star;
        let changes = zone.following(after);
        let changes =
            changes.take_while(|change| change.timestamp().as_second() - after.as_second() < AHEAD);
        let notes = changes.filter_map(|change| {
            let at = change.timestamp();
            let before = zone.to_offset(Timestamp::from_second(at.as_second() - 1).ok()?);
            self.note(at, before, change.offset(), wildcard)
        });
        notes.collect()
    }

    fn note(&self, at: Timestamp, before: Offset, now: Offset, wildcard: bool) -> Option<String> {
        let jump = i64::from(now.seconds()) - i64::from(before.seconds());
        // The skipped or repeated times, by the offset before the change.
        let (from, to) =
            (at.as_second().min(at.as_second() + jump), at.as_second().max(at.as_second() + jump));
        if jump == 0 || wildcard == (jump > 0) {
            return None;
        }
        let zone = TimeZone::fixed(before);
        let begin = Timestamp::from_microsecond(from * 1_000_000 - 1).ok()?;
        let events = self.calendar_events(None);
        let first = events.iter().filter_map(|event| event.next_after(begin, &zone)).min()?;
        if first.as_second() >= to {
            return None;
        }
        let local = zone.to_datetime(first).strftime("%Y-%m-%d %H:%M").to_string();
        Some(match jump > 0 {
            true => {
                format!("the clocks skip {local}: the timer skips it, cron would run right after")
            }
            false => format!(
                "the clocks show {local} twice: the timer elapses once, cron would run twice"
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes(text: &str) -> Vec<String> {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let after = "2026-01-01T00:00:00Z".parse().unwrap();
        text.parse::<Expression>().unwrap().clock_changes(&zone, after)
    }

    #[test]
    fn only_what_cron_does_otherwise_is_noted() {
        assert_eq!(
            notes("30 2 * * *"),
            ["the clocks skip 2026-03-29 02:30: the timer skips it, cron would run right after"]
        );
        assert_eq!(
            notes("*/30 * * * *"),
            [
                "the clocks show 2026-10-25 02:00 twice: the timer elapses once, cron would run twice"
            ]
        );
        for none in
            ["30 4 * * *", "0 3 * * *", "30 1 * * *", "*/5 9-17 * * *", "@reboot", "30 2 * * 1"]
        {
            assert!(notes(none).is_empty(), "{none}");
        }
    }
}
