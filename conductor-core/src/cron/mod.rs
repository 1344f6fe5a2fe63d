//! Crontab expressions, systemd's calendar events, and the conversion from the one to the other.
//!
//! The caller provides the current time and the time zones of the host.

mod calendar;
mod changes;
mod expression;
mod timetable;
mod words;

pub use calendar::CalendarEvent;
pub use expression::Expression;
pub(crate) use expression::Reading;
pub use timetable::Timetable;
