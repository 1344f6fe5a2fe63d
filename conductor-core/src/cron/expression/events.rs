//! From a crontab expression to calendar events.

use super::{Days, Expression, Field, Times};
use crate::cron::CalendarEvent;
use crate::cron::calendar::{List, Lists, Span, Weekdays};

impl Expression {
    /// Returns the calendar events that are due when the expression is: none for `@reboot`, one, or two if
    /// either of day of month and day of week is enough. A timer gets all of them.
    ///
    /// They have the time zone, if there is one. Every range in them has an end, because systemd 252 to 257 skip
    /// values of a range without an end.
    pub fn calendar_events(&self, timezone: Option<&str>) -> Vec<CalendarEvent> {
        let events = self.times().map_or_else(Vec::new, events).into_iter();
        let in_zone = events.map(|event| match timezone {
            Some(zone) => event.in_time_zone(zone),
            None => event,
        });
        in_zone.collect()
    }
}

fn events(times: Times) -> Vec<CalendarEvent> {
    let Times { minutes, hours, months, days: _, weekdays: _ } = times;
    let event = |days: Option<Field>, weekdays: Option<Field>| {
        let lists = Lists {
            months: list(months),
            days: days.map_or(List::Any, list),
            hours: list(hours),
            minutes: list(minutes),
        };
        CalendarEvent::from_lists(weekdays.map_or(Weekdays::ALL, from_monday), lists)
    };
    match times.day_rule() {
        None => Vec::new(),
        Some(Days::Every) => vec![event(None, None)],
        Some(Days::OfMonth(days)) => vec![event(Some(days), None)],
        Some(Days::OfWeek(weekdays)) => vec![event(None, Some(weekdays))],
        Some(Days::Both(days, weekdays)) => vec![event(Some(days), Some(weekdays))],
        Some(Days::Either(days, weekdays)) => {
            vec![event(Some(days), None), event(None, Some(weekdays))]
        }
    }
}

/// Converts days of the week that count from Sunday to days that count from Monday.
fn from_monday(weekdays: Field) -> Weekdays {
    Weekdays::new(weekdays.values().into_iter().fold(0, |bits, day| bits | 1 << ((day + 6) % 7)))
}

/// Returns values as one range if they are evenly spaced, else with a range for three and more in a
/// row.
fn list(field: Field) -> List {
    if field.is_full() {
        return List::Any;
    }
    let values = field.values();
    if let Some(range) = even(&values) {
        return List::Of(vec![range]);
    }
    let runs = values.chunk_by(|one, next| one + 1 == *next);
    List::Of(runs.flat_map(run).collect())
}

/// Returns a range of three or more values, if they are evenly spaced.
pub(in crate::cron) fn even(values: &[u8]) -> Option<Span> {
    let [first, second, .., last] = *values else { return None };
    let step = second - first;
    let evenly = values.len() > 2 && values.windows(2).all(|pair| pair[1] - pair[0] == step);
    evenly.then_some(Span::Range { first, last, step })
}

fn run(values: &[u8]) -> Vec<Span> {
    match even(values) {
        Some(range) => vec![range],
        None => values.iter().copied().map(Span::One).collect(),
    }
}
