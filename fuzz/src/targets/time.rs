//! Calendar events and crontab expressions.

use std::convert::Infallible;

use conductor_core::cron::{CalendarEvent, Expression, Timetable};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Checks that a calendar event that is accepted is the same after it was written and read again, and that its
/// times are in order.
///
/// # Panics
/// If it is not, or they are not.
pub fn calendar(input: &[u8]) {
    let Some(text) = super::text(input) else { return };
    let Ok(event) = text.parse::<CalendarEvent>() else { return };
    check(&event);
    check(&event.clone().bounded());
    check(&event.in_time_zone("Europe/Berlin"));
}

/// Checks that a crontab expression that is accepted becomes calendar events that are accepted.
///
/// # Panics
/// If it does not.
pub fn expression(input: &[u8]) {
    let Some(text) = super::text(input) else { return };
    let Ok(expression) = text.parse::<Expression>() else { return };
    assert_eq!(expression.to_string(), text);
    assert!(!expression.in_words().is_empty());
    let events = expression.calendar_events(None);
    assert_eq!(events.is_empty(), expression.is_at_boot(), "{text:?}");
    events.iter().for_each(check);
    let clock = expression.clock_changes(&TimeZone::UTC, Timestamp::UNIX_EPOCH);
    assert_eq!(clock, Vec::<String>::new(), "{text:?}");
}

fn check(event: &CalendarEvent) {
    let written = event.to_string();
    let read = written.parse::<CalendarEvent>();
    assert_eq!(read.as_ref(), Ok(event), "{written:?}");
    let zone = |_: Option<&str>| Ok::<_, Infallible>(TimeZone::UTC);
    let Ok(timetable) = Timetable::new([event.clone()], zone);
    let start = Timestamp::UNIX_EPOCH;
    let times: Vec<_> = timetable.times_after(start).take(3).collect();
    assert!(times.is_sorted_by(|one, next| one < next) && times.iter().all(|time| *time > start));
}
