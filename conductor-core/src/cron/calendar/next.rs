//! The next time at which a calendar event elapses, computed as systemd does.
//!
//! The search goes from the largest unit to the smallest, and begins again whenever one of them changed. It
//! follows `find_next()` of systemd 257 in every step, with its bugs, because that decides what a timer does:
//! a repetition without an end skips values right after midnight (`*:0/7` does not elapse at 00:00), and so
//! does a timer at a time that a change of the clocks skips.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::clock::{Clock, Time};
use super::component::{Chain, Component, SECOND};
use super::{CalendarEvent, Fields};

/// The last year in which a timer of systemd elapses.
const LAST_YEAR: i32 = 2199;
/// The number of rounds after which systemd gives up.
const ROUNDS: usize = 1000;

impl CalendarEvent {
    /// Returns the first time after `after` at which the event elapses; `None` if it does not elapse again.
    ///
    /// `zone` is the time zone of the event, or that of the host if the event has none. A time that the clocks
    /// skip is left out. Of a time that they show twice, the first counts; the second counts only if `after`
    /// is between the two.
    pub fn next_after(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let begin = after.as_microsecond().checked_add(1)?;
        let begin = Timestamp::from_microsecond(begin).ok()?;
        let (clock, time) = Clock::at(begin, zone);
        Search { fields: &self.fields, clock, time }.run()
    }
}

/// The state of a search.
struct Search<'a> {
    fields: &'a Fields,
    clock: Clock<'a>,
    time: Time,
}

/// Whether the search continues with the next smaller unit.
enum Advance {
    GoOn,
    /// Begin again, from the current time of the search.
    Again,
}

impl Search<'_> {
    fn run(mut self) -> Option<Timestamp> {
        for _ in 0..ROUNDS {
            if let Some(real) = self.clock.real(self.time) {
                self.time = real;
            }
            if self.round()? {
                return self.clock.timestamp(self.time);
            }
        }
        None
    }

    /// Goes through all units, and returns whether the time matches.
    fn round(&mut self) -> Option<bool> {
        let fields = self.fields;
        match find(&fields.year, self.time.year, None)? {
            year if year != self.time.year => self.time = Time::first_of_month(year, 1),
            _ => {}
        }
        let Some(Advance::GoOn) = self.step() else { return None };

        let found = find(&fields.month, self.time.month, None);
        if let Some(month) = found
            && month != self.time.month
        {
            self.time = Time::first_of_month(self.time.year, month);
        }
        if let Some(again) = self.settled(found, Time::next_year) {
            return Some(again);
        }

        let length = fields.from_the_end.then(|| self.time.days_in_month()).flatten();
        let found = find(&fields.day, self.time.day, length);
        if let Some(day) = found
            && day != self.time.day
        {
            self.time = self.time.at_day(day);
        }
        if let Some(again) = self.settled(found, Time::next_month) {
            return Some(again);
        }

        if !self.time.is_on(fields.weekdays) {
            self.time = self.time.next_day();
            return Some(false);
        }

        let found = find(&fields.hour, self.time.hour, None);
        if let Some(hour) = found
            && hour != self.time.hour
        {
            self.time = Time { hour, minute: 0, micros: 0, ..self.time };
        }
        if let Some(again) = self.settled(found, Time::next_day) {
            return Some(again);
        }

        let found = find(&fields.minute, self.time.minute, None);
        if let Some(minute) = found
            && minute != self.time.minute
        {
            self.time = Time { minute, micros: 0, ..self.time };
        }
        if let Some(again) = self.settled(found, Time::next_hour) {
            return Some(again);
        }

        let found = find(&fields.second, self.time.micros, None);
        if let Some(micros) = found {
            self.time.micros = micros;
        }
        if let Some(again) = self.settled(found, Time::next_minute) {
            return Some(again);
        }
        Some(true)
    }

    /// Returns what to do after a unit: `None` to continue, else to begin again, with the next value of the next
    /// larger unit if this one has none.
    fn settled(&mut self, found: Option<i32>, next: fn(Time) -> Time) -> Option<bool> {
        match found.and_then(|_| self.step()) {
            Some(Advance::GoOn) => None,
            Some(Advance::Again) => Some(false),
            None => {
                self.time = next(self.time);
                Some(false)
            }
        }
    }

    /// Checks whether the clocks show the time that was found; if not, moves it to where they continue.
    ///
    /// Of the smaller units, only the next one is then reset. This is why systemd skips 00:00 of `*:0/7`,
    /// which it reaches as 23:63. `None` if there is no such time.
    fn step(&mut self) -> Option<Advance> {
        if self.time.year > LAST_YEAR {
            return None;
        }
        let mut real = self.clock.real(self.time)?;
        let time = self.time;
        if real == time {
            return Some(Advance::GoOn);
        }
        let later = if real.year != time.year {
            real.month = 1;
            real.year > time.year
        } else if real.month != time.month {
            real.day = 1;
            real.month > time.month
        } else if real.day != time.day {
            real.hour = 0;
            real.day > time.day
        } else if real.hour != time.hour {
            real.minute = 0;
            real.hour > time.hour
        } else if real.minute != time.minute {
            real.micros %= SECOND;
            real.minute > time.minute
        } else {
            real.micros > time.micros
        };
        if !later {
            return None;
        }
        self.time = real;
        Some(Advance::Again)
    }
}

/// Returns the first value of a list that is at least `least`; `least` itself if there is no list.
///
/// `length` is that of the month, for days that count from its end.
fn find(chain: &Chain, least: i32, length: Option<i32>) -> Option<i32> {
    if chain.0.is_empty() {
        return Some(least);
    }
    let values = chain.0.iter().filter_map(|component| {
        let Component { start, stop, repeat } = *component;
        let from_the_end = |day: i32, length: i32| (length + 1 - day > 0).then(|| length + 1 - day);
        let (start, stop) = match (length, stop) {
            (None, stop) => (start, stop),
            (Some(length), None) => (from_the_end(start, length)?, None),
            // The last day of a range counts from the end, so it is the first one.
            (Some(length), Some(stop)) => {
                (from_the_end(stop, length)?, Some(from_the_end(start, length)?))
            }
        };
        if start >= least {
            return Some(start);
        }
        let steps = (repeat > 0).then(|| (least - start + repeat - 1) / repeat)?;
        let value = start + steps * repeat;
        stop.is_none_or(|stop| value <= stop).then_some(value)
    });
    values.min()
}
