//! Local time in a time zone, computed as `mktime` of libc does.

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use super::component::SECOND;
use super::weekdays::Weekdays;

/// A date and time of day; months count from 1. It may not exist: the hour may be 24, the day 31 June.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Time {
    pub(super) year: i32,
    pub(super) month: i32,
    pub(super) day: i32,
    pub(super) hour: i32,
    pub(super) minute: i32,
    /// Microseconds within the minute.
    pub(super) micros: i32,
}

impl Time {
    fn of(local: DateTime) -> Self {
        Self {
            year: local.year().into(),
            month: local.month().into(),
            day: local.day().into(),
            hour: local.hour().into(),
            minute: local.minute().into(),
            micros: i32::from(local.second()) * SECOND + local.subsec_nanosecond() / 1000,
        }
    }

    pub(super) fn first_of_month(year: i32, month: i32) -> Self {
        Self { year, month, day: 1, hour: 0, minute: 0, micros: 0 }
    }

    pub(super) fn at_day(self, day: i32) -> Self {
        Self { day, ..Self::first_of_month(self.year, self.month) }
    }

    pub(super) fn next_year(self) -> Self {
        Self::first_of_month(self.year + 1, 1)
    }

    pub(super) fn next_month(self) -> Self {
        Self::first_of_month(self.year, self.month + 1)
    }

    pub(super) fn next_day(self) -> Self {
        self.at_day(self.day + 1)
    }

    pub(super) fn next_hour(self) -> Self {
        Self { hour: self.hour + 1, minute: 0, micros: 0, ..self }
    }

    pub(super) fn next_minute(self) -> Self {
        Self { minute: self.minute + 1, micros: 0, ..self }
    }

    /// Returns the normalized date: 31 June is 1 July.
    fn date(self) -> Option<Date> {
        let months = self.month - 1;
        let year = i16::try_from(self.year + months.div_euclid(12)).ok()?;
        let month = i8::try_from(months.rem_euclid(12) + 1).ok()?;
        Date::new(year, month, 1).ok()?.checked_add((self.day - 1).days()).ok()
    }

    pub(super) fn days_in_month(self) -> Option<i32> {
        Some(self.at_day(1).date()?.days_in_month().into())
    }

    pub(super) fn is_on(self, weekdays: Weekdays) -> bool {
        let day = self.date().map(|date| date.weekday().to_monday_zero_offset());
        day.and_then(|day| u8::try_from(day).ok()).is_some_and(|day| weekdays.contains(day))
    }

    /// Returns the normalized date and time: 24:00 is 00:00 of the next day.
    fn datetime(self) -> Option<DateTime> {
        let minutes = i64::from(self.hour) * 60 + i64::from(self.minute);
        let micros = minutes * 60 * i64::from(SECOND) + i64::from(self.micros);
        let midnight = self.date()?.to_datetime(jiff::civil::Time::midnight());
        midnight.checked_add(SignedDuration::from_micros(micros)).ok()
    }
}

/// Local time in a time zone.
///
/// `offset` is that of the last step of the search. libc begins with it: of a time that the clocks show
/// twice, it returns the one on the same side of the change.
pub(super) struct Clock<'a> {
    zone: &'a TimeZone,
    offset: Offset,
}

impl<'a> Clock<'a> {
    /// Creates the local time of a timestamp.
    pub(super) fn at(time: Timestamp, zone: &'a TimeZone) -> (Self, Time) {
        let offset = zone.to_offset(time);
        (Self { zone, offset }, Time::of(offset.to_datetime(time)))
    }

    /// Returns a time itself, or the time that the clocks show instead if it does not exist.
    pub(super) fn real(&mut self, time: Time) -> Option<Time> {
        let timestamp = self.timestamp(time)?;
        Some(Time::of(self.offset.to_datetime(timestamp)))
    }

    pub(super) fn timestamp(&mut self, time: Time) -> Option<Timestamp> {
        let local = time.datetime()?;
        let offset = match self.zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Fold { before: _, after } if after == self.offset => after,
            // In a gap: as long after its end as the time is after its begin.
            AmbiguousOffset::Gap { before, after: _ }
            | AmbiguousOffset::Fold { before, after: _ } => before,
        };
        let timestamp = offset.to_timestamp(local).ok()?;
        self.offset = self.zone.to_offset(timestamp);
        Some(timestamp)
    }
}
