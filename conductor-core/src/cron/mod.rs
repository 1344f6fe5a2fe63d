//! When something runs: crontab expressions, systemd's calendar events, and from the one to the other.
//!
//! Nothing here knows what time it is or which time zones a host has; both are the caller's.

mod calendar;
mod changes;
mod expression;
mod timetable;
mod words;

pub use calendar::CalendarEvent;
pub use expression::Expression;
pub use timetable::Timetable;
