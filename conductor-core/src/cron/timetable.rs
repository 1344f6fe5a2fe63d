//! The times of several calendar events, as of a timer with several `OnCalendar=`.

use std::iter;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::CalendarEvent;

/// Calendar events, each in its time zone. If several elapse at the same time, that is one time.
#[derive(Debug, Clone)]
pub struct Timetable {
    events: Vec<(CalendarEvent, TimeZone)>,
}

impl Timetable {
    /// Creates a timetable. `zone` returns the time zone of a name, and for no name that of the host.
    ///
    /// # Errors
    /// The error of `zone` for a name that it does not know.
    pub fn new<E>(
        events: impl IntoIterator<Item = CalendarEvent>,
        mut zone: impl FnMut(Option<&str>) -> Result<TimeZone, E>,
    ) -> Result<Self, E> {
        let events = events.into_iter().map(|event| {
            let zone = zone(event.time_zone())?;
            Ok((event, zone))
        });
        Ok(Self { events: events.collect::<Result<_, E>>()? })
    }

    /// Returns the first time after `after`; `None` if there is none.
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        self.events.iter().filter_map(|(event, zone)| event.next_after(after, zone)).min()
    }

    /// Returns all times after `after`, in order.
    pub fn times_after(&self, after: Timestamp) -> impl Iterator<Item = Timestamp> {
        iter::successors(self.next_after(after), |last| self.next_after(*last))
    }
}
