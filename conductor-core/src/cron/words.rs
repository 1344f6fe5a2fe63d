//! Crontab expressions in plain English.

use super::Expression;
use super::calendar::Span;
use super::expression::{Days, Field, Times, even};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
/// The most times of day that are written out.
const TIMES: usize = 6;

impl Expression {
    /// Returns in words when it is due: `at 04:00, Monday to Friday`.
    pub fn in_words(&self) -> String {
        let Some(times) = self.times() else { return "when the host boots".to_owned() };
        let (time, is_list) = time_of_day(times.minutes, times.hours);
        match (days(times), is_list) {
            (Some(days), _) => format!("{time}, {days}"),
            (None, true) => format!("{time} every day"),
            (None, false) => time,
        }
    }
}

/// Returns the times of day in words, and whether they are written out.
fn time_of_day(minutes: Field, hours: Field) -> (String, bool) {
    let (m, h) = (minutes.values(), hours.values());
    if m.len() * h.len() <= TIMES && !hours.is_full() {
        let all = h.iter().flat_map(|h| m.iter().map(move |m| format!("{h:02}:{m:02}")));
        return (format!("at {}", joined(&all.collect::<Vec<_>>(), "and")), true);
    }
    if let ([minute], Some((first, last, step))) = (m.as_slice(), spaced(&h))
        && step > 1
    {
        let clock = |hour: u8| format!("{hour:02}:{minute:02}");
        let text = match 24 - last + first == step {
            true => format!("every {step} hours from {}", clock(first)),
            false => format!(
                "every {step} hours from {} to {}{}",
                clock(first),
                clock(last),
                over(hours, "day")
            ),
        };
        return (text, false);
    }
    let every = match spaced(&m) {
        Some((0, 59, 1)) => Some("every minute".to_owned()),
        Some((first, last, step)) if 60 - last + first == step => {
            Some(format!("every {step} minutes"))
        }
        _ => None,
    };
    let first = m.first().copied().unwrap_or_default();
    let last = m.last().copied().unwrap_or_default();
    if hours.is_full() {
        let text = match (every, m.as_slice()) {
            (Some(every), _) if first == 0 => every,
            (Some(every), _) => format!("{every} from minute {first} of every hour"),
            (None, [0]) => "every hour, on the hour".to_owned(),
            (None, _) => format!("{} of every hour{}", at_minutes(&m), over(minutes, "hour")),
        };
        return (text, false);
    }
    if let (Some(every), Some((from, to, 1))) = (&every, spaced(&h)) {
        return (format!("{every} from {from:02}:{first:02} to {to:02}:{last:02}"), false);
    }
    let of = match h.as_slice() {
        [hour] => format!("hour {hour}"),
        _ => format!("hours {}", listed(&h, |h| h.to_string(), "and")),
    };
    let hours_over = over(hours, "day");
    let text = match every {
        Some(every) if first == 0 => format!("{every} in {of}{hours_over}"),
        Some(every) => format!("{every} from minute {first} in {of}{hours_over}"),
        None => format!("{}{} of {of}{hours_over}", at_minutes(&m), over(minutes, "hour")),
    };
    (text, false)
}

fn at_minutes(minutes: &[u8]) -> String {
    match (minutes, spaced(minutes)) {
        ([minute], _) => format!("at minute {minute}"),
        (_, Some((first, last, 1))) => format!("every minute from {first} to {last}"),
        (_, Some((first, last, step))) => {
            format!("every {step} minutes from minute {first} to {last}")
        }
        _ => format!("at minutes {}", listed(minutes, |m| m.to_string(), "and")),
    }
}

/// Returns the days in words; `None` for every day.
fn days(times: Times) -> Option<String> {
    let months = times.months.values();
    let month = |month: u8| MONTHS[usize::from(month - 1)].to_owned();
    let restart = over(times.months, "year");
    let months =
        (!times.months.is_full()).then(|| format!("{}{restart}", listed(&months, month, "and")));
    let of_month = |days: Field| {
        let values = days.values();
        let many = if values.len() == 1 { "day" } else { "days" };
        format!("on {many} {}{}", listed(&values, |d| d.to_string(), "and"), over(days, "month"))
    };
    let in_months = months.as_ref().map_or_else(String::new, |months| format!(" in {months}"));
    let of = format!(" of {}", months.as_deref().unwrap_or("the month"));
    match times.day_rule() {
        None => None,
        Some(Days::Every) => months.map(|months| format!("every day in {months}")),
        Some(Days::OfMonth(days)) => Some(of_month(days) + &of),
        Some(Days::OfWeek(days)) => Some(weekdays(days, "and") + &in_months),
        Some(Days::Both(days, week)) => {
            Some(format!("{}{of}, but only if that is {}", of_month(days), weekdays(week, "or")))
        }
        Some(Days::Either(days, week)) => {
            let (days, week) = (of_month(days), weekdays(week, "and"));
            Some(format!("{days}{of} and also every {week}{in_months} (either is enough)"))
        }
    }
}

fn weekdays(field: Field, and: &str) -> String {
    let mut days: Vec<_> = field.values().into_iter().map(|day| (day + 6) % 7).collect();
    days.sort_unstable();
    runs(&days, |day| DAYS[usize::from(day)].to_owned(), and)
}

/// Returns the first value, the last value and the step of three or more evenly spaced values.
fn spaced(values: &[u8]) -> Option<(u8, u8, u8)> {
    match (even(values), values) {
        (Some(Span::Range { first, last, step }), _) => Some((first, last, step)),
        // Two values that divide the hour count as evenly spaced.
        (None, [0, 30]) => Some((0, 30, 30)),
        (None, [first, second]) if first + 1 == *second => Some((*first, *second, 1)),
        _ => None,
    }
}

/// Returns a remark if a step through the whole field does not divide it evenly.
fn over(field: Field, unit: &str) -> String {
    let Some((first, last, step)) = spaced(&field.values()) else { return String::new() };
    let whole = field.star && first == field.least && last + step > field.most;
    // Months have 28 to 31 days.
    let divides = unit != "month" && (field.most - field.least + 1).is_multiple_of(step);
    match whole && step > 1 && !divides {
        true => format!(" (starting over every {unit})"),
        false => String::new(),
    }
}

/// Returns values in words, with their step or as ranges.
fn listed(values: &[u8], name: impl Fn(u8) -> String, and: &str) -> String {
    match spaced(values) {
        Some((first, last, step)) if step > 1 && values.len() > 3 => {
            format!("{} to {} in steps of {step}", name(first), name(last))
        }
        _ => runs(values, name, and),
    }
}

/// Returns values in words, three and more in a row as a range.
fn runs(values: &[u8], name: impl Fn(u8) -> String, and: &str) -> String {
    let runs = values.chunk_by(|one, next| one + 1 == *next);
    let parts = runs.flat_map(|run| match run {
        [first, _, .., last] => vec![format!("{} to {}", name(*first), name(*last))],
        _ => run.iter().map(|value| name(*value)).collect(),
    });
    joined(&parts.collect::<Vec<_>>(), and)
}

fn joined(parts: &[String], and: &str) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} {and} {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_said_in_words() {
        for (text, words) in [
            ("* * * * *", "every minute"),
            ("*/30 * * * *", "every 30 minutes"),
            (
                "*/7 * * * *",
                "every 7 minutes from minute 0 to 56 of every hour (starting over every hour)",
            ),
            ("5-55/10 * * * *", "every 10 minutes from minute 5 of every hour"),
            ("0-30/10 * * * *", "every 10 minutes from minute 0 to 30 of every hour"),
            ("3,9,20 * * * *", "at minutes 3, 9 and 20 of every hour"),
            ("@hourly", "every hour, on the hour"),
            ("17 * * * *", "at minute 17 of every hour"),
            ("0 4 * * 1-5", "at 04:00, Monday to Friday"),
            ("0 4 * * sat,7", "at 04:00, Saturday and Sunday"),
            ("0,30 4,16 * * *", "at 04:00, 04:30, 16:00 and 16:30 every day"),
            ("15 */2 * * *", "every 2 hours from 00:15"),
            ("0 */5 * * *", "at 00:00, 05:00, 10:00, 15:00 and 20:00 every day"),
            ("0 */3 * * 1", "every 3 hours from 00:00, Monday"),
            ("0 9-17 * * *", "at minute 0 of hours 9 to 17"),
            ("*/15 9-17 * * *", "every 15 minutes from 09:00 to 17:45"),
            ("* 1,5 * * *", "every minute in hours 1 and 5"),
            (
                "*/7 3 * * *",
                "every 7 minutes from minute 0 to 56 (starting over every hour) of hour 3",
            ),
            ("@yearly", "at 00:00, on day 1 of January"),
            ("0 0 1,15 * *", "at 00:00, on days 1 and 15 of the month"),
            ("0 0 * 6-8 *", "at 00:00, every day in June to August"),
            (
                "0 0 * */5 1",
                "at 00:00, Monday in January, June and November (starting over every year)",
            ),
            (
                "0 0 13 * 5",
                "at 00:00, on day 13 of the month and also every Friday (either is enough)",
            ),
            (
                "0 0 */2 * 1,3",
                "at 00:00, on days 1 to 31 in steps of 2 (starting over every month) of the month, \
                 but only if that is Monday or Wednesday",
            ),
            ("@reboot", "when the host boots"),
        ] {
            assert_eq!(text.parse::<Expression>().unwrap().in_words(), words, "{text}");
        }
    }
}
