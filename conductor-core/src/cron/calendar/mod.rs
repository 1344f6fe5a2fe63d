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

/// The zone that systemd knows without a file, in any case of its letters.
const UTC: &str = "UTC";

/// A calendar event: the points in time that an `OnCalendar=` stands for.
///
/// It is read by the rules of systemd 257, and written in the form that `systemd-analyze calendar` calls
/// normalized. A time zone is a name only: whether a host knows it shows when times are computed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CalendarEvent {
    fields: Fields,
    /// The name of a time zone, or `UTC`.
    zone: Option<String>,
}

/// What a point in time has to match. Seconds are in microseconds.
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

    /// Makes an event at full minutes of every year from bounded lists.
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

    /// Returns the name of the time zone that the event names, if it does: of the IANA database, or `UTC`.
    pub fn time_zone(&self) -> Option<&str> {
        self.zone.as_deref()
    }

    /// Returns the event with an end for each of its repetitions, without which systemd leaves out the first
    /// value of each round: `*:0/7` has no midnight, and `*:0..56/7` has.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        let Fields { weekdays: _, from_the_end, year: _, month, day, hour, minute, second } =
            &mut self.fields;
        for (chain, most) in [(month, 12), (hour, 23), (minute, 59)] {
            chain.bound(most);
        }
        // From the end of a month, such a repetition goes on to its last day.
        if !*from_the_end {
            day.bound(31);
        }
        if *second != Chain::every_second() {
            second.bound(60 * component::SECOND - 1);
        }
        self
    }

    /// Returns the event in a time zone, in place of the one it names.
    #[must_use]
    pub fn in_time_zone(mut self, zone: &str) -> Self {
        let zone = if zone.eq_ignore_ascii_case(UTC) { UTC } else { zone };
        self.zone = Some(zone.to_owned());
        self
    }
}

/// What a crontab expression says of one unit of time.
#[derive(Debug, Clone)]
pub(super) enum List {
    /// Any value.
    Any,
    /// Single values, and ranges with first and last value and the step, which leads to the last one.
    Of(Vec<Span>),
}

/// One element of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Span {
    One(u8),
    Range { first: u8, last: u8, step: u8 },
}

/// What a crontab expression says of all of them.
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
