//! The minute in which most jobs of a crontab start.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::cron::Timetable;
use crate::error::Invalid;
use crate::value::Crontab;

/// The beginning of 2024-01-01, in seconds since 1970.
const MIDNIGHT: i64 = 1_704_067_200;

/// How many jobs may start in one minute without a note: few hosts have fewer processors.
const FEW: usize = 4;

/// Returns a note if many jobs start in one minute.
///
/// It looks at one day, in UTC: a Monday that is the first of a month, so that daily, weekly and monthly jobs start.
pub(super) fn note<'s>(schedules: impl IntoIterator<Item = &'s Crontab>) -> Option<Invalid> {
    let mut minutes: BTreeMap<i64, BTreeSet<usize>> = BTreeMap::new();
    for (index, schedule) in schedules.into_iter().enumerate() {
        let events = schedule.expression().calendar_events(None);
        let Ok(timetable) = Timetable::new(events, |_| Ok::<_, Infallible>(TimeZone::UTC));
        // The first time may be midnight itself.
        let before = Timestamp::from_second(MIDNIGHT - 1).ok()?;
        let times = timetable.times_after(before).map(|time| (time.as_second() - MIDNIGHT) / 60);
        for minute in times.take_while(|minute| *minute < 24 * 60) {
            minutes.entry(minute).or_default().insert(index);
        }
    }
    // Of equally busy minutes, the first.
    let (minute, jobs) = minutes.iter().rev().max_by_key(|(_, jobs)| jobs.len())?;
    let when = format!("{:02}:{:02}", minute / 60, minute % 60);
    (jobs.len() > FEW).then(|| {
        Invalid::new(format!("{} jobs start in one minute ({when})", jobs.len())).hint(
            "add max_parallel: 2 to the definition, or jitter: 5min to jobs that may start later",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note_of(schedules: &[&str]) -> Option<String> {
        let schedules: Vec<Crontab> = schedules.iter().map(|text| text.parse().unwrap()).collect();
        note(&schedules).map(|note| note.message)
    }

    #[test]
    fn a_minute_in_which_many_jobs_start_is_noted() {
        let schedules = ["0 0 * * 1", "@monthly", "*/5 * * * *", "@daily", "25 6 * * *", "@reboot"];
        assert_eq!(note_of(&schedules), None);
        assert_eq!(
            note_of(&[&schedules[..], &["0 */6 * * *"]].concat()).as_deref(),
            Some("5 jobs start in one minute (00:00)")
        );
        assert_eq!(note_of(&["@reboot"; 9]), None);
    }
}
