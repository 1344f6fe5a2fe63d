//! Calendar events in systemd's syntax (systemd.time(7), "Calendar Events").

mod chain;
mod clock;
mod component;
mod next;
mod parse;
mod weekdays;

use std::fmt;
use std::str::FromStr;

pub(super) use weekdays::Weekdays;

use self::component::{Chain, Component};
use crate::error::{Invalid, shown};

/// The zone that systemd knows without a file, in upper or lower case.
const UTC: &str = "UTC";

/// A calendar event: the points in time of an `OnCalendar=`.
///
/// It is read by the rules of systemd 257, and written in the normalized form of `systemd-analyze calendar`.
/// A time zone is only a name; whether the host has it is checked when times are computed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CalendarEvent {
    fields: Fields,
    /// The name of a time zone, or `UTC`.
    zone: Option<String>,
}

/// The pattern of a point in time. Seconds are in microseconds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Fields {
    weekdays: Weekdays,
    /// Whether days count from the end of the month: 1 is the last one.
    from_the_end: bool,
    year: Chain,
    month: Chain,
    day: Chain,
    hour: Chain,
    minute: Chain,
    second: Chain,
}

impl CalendarEvent {
    fn new(fields: Fields) -> Self {
        Self { fields, zone: None }
    }

    /// Creates an event at full minutes of every year from bounded lists.
    pub(super) fn from_lists(weekdays: Weekdays, lists: Lists) -> Self {
        let Lists { months, days, hours, minutes } = lists;
        Self::new(Fields {
            weekdays,
            from_the_end: false,
            year: Chain::default(),
            month: months.into_chain(),
            day: days.into_chain(),
            hour: hours.into_chain(),
            minute: minutes.into_chain(),
            second: Chain::one(0),
        })
    }

    /// Returns the name of the event's time zone, if it has one: of the IANA database, or `UTC`.
    pub fn time_zone(&self) -> Option<&str> {
        self.zone.as_deref()
    }

    /// Returns the event with an end for each of its repetitions. Without an end, systemd skips the first
    /// value of each round: `*:0/7` does not elapse at 00:00, and `*:0..56/7` does.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        let Fields { weekdays: _, from_the_end, year: _, month, day, hour, minute, second } =
            &mut self.fields;
        for (chain, most) in [(month, 12), (hour, 23), (minute, 59)] {
            chain.bound(most);
        }
        // From the end of a month, such a repetition continues to its last day.
        if !*from_the_end {
            day.bound(31);
        }
        if *second != Chain::every_second() {
            second.bound(60 * component::SECOND - 1);
        }
        self
    }

    /// Returns the event in a time zone, which replaces its own.
    #[must_use]
    pub fn in_time_zone(mut self, zone: &str) -> Self {
        let zone = if zone.eq_ignore_ascii_case(UTC) { UTC } else { zone };
        self.zone = Some(zone.to_owned());
        self
    }
}

/// The values of one unit of time in a crontab expression.
#[derive(Debug, Clone)]
pub(super) enum List {
    /// Any value.
    Any,
    /// Single values, and ranges with first value, last value and a step that reaches the last one.
    Of(Vec<Span>),
}

/// One element of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Span {
    One(u8),
    Range { first: u8, last: u8, step: u8 },
}

/// The values of all units of time in a crontab expression.
pub(super) struct Lists {
    pub(super) months: List,
    pub(super) days: List,
    pub(super) hours: List,
    pub(super) minutes: List,
}

impl List {
    fn into_chain(self) -> Chain {
        let component = |span| match span {
            Span::One(value) => Component::one(value.into()),
            Span::Range { first, last, step } => {
                Component { start: first.into(), stop: Some(last.into()), repeat: step.into() }
            }
        };
        let mut chain = match self {
            Self::Any => Chain::default(),
            Self::Of(spans) => Chain(spans.into_iter().map(component).collect()),
        };
        chain.normalize();
        chain
    }
}

impl FromStr for CalendarEvent {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        parse::parse(text).map_err(|why| {
            let hint = match text.parse::<super::Expression>() {
                Ok(_) => "that is a crontab expression: write it with the key schedule",
                Err(_) => "see systemd.time(7), for example Mon..Fri 09:00",
            };
            Invalid::new(format!("{} is not a calendar event: {why}", shown(text))).hint(hint)
        })
    }
}

impl fmt::Display for CalendarEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fields, zone } = self;
        let Fields { weekdays, from_the_end, year, month, day, hour, minute, second } = fields;
        if *weekdays != Weekdays::ALL {
            write!(f, "{weekdays} ")?;
        }
        let dash = if *from_the_end { '~' } else { '-' };
        write!(f, "{}-{}{dash}{} ", year.display(4), month.display(2), day.display(2))?;
        write!(f, "{}:{}:{}", hour.display(2), minute.display(2), second.display_seconds())?;
        match zone {
            Some(zone) => write!(f, " {zone}"),
            None => Ok(()),
        }
    }
}
