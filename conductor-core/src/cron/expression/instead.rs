//! Hints: what to write instead of what cron refuses.

use super::Expression;
use super::field::{DAYS, Rules};
use crate::value::Span;

/// The forms of an expression.
pub(super) const FORMS: &str = "write five fields, as in \"*/30 * * * *\", or one of @hourly, @daily, \
                                @weekly, @monthly, @yearly, @reboot";
/// The forms of a field.
const FIELD: &str = "a field is *, a number, a range a-b or a list; /step only after * or a range";

/// How long months are.
pub(super) const LENGTHS: &str =
    "February has at most 29 days; April, June, September and November have 30";

/// Returns the hint for a wrong number of fields.
pub(super) fn of_count(parts: &[&str]) -> String {
    let zone = parts.first().and_then(|part| part.split_once('='));
    if let Some(("TZ" | "CRON_TZ", zone)) = zone {
        return format!(
            "write timezone: {zone} beside the schedule, which is \"{}\"",
            parts[1..].join(" ")
        );
    }
    match parts {
        // Spring and Quartz begin with the second, and Quartz may end with the year.
        ["0", five @ ..] | ["0", five @ .., "*" | "?"] if in_five(five).is_some() => {
            format!(
                "cron has no seconds and no years; write \"{}\"",
                in_five(five).unwrap_or_default()
            )
        }
        [_, _, _, _, _, _] | [_, _, _, _, _, _, _] => {
            "cron has no seconds and no years; write calendar: \"*-*-* *:*:00..30/30\"".to_owned()
        }
        _ => FORMS.to_owned(),
    }
}

/// Returns the five fields after the second of a scheduler that has one, if cron reads them in the same way. Not
/// with numbers of days of the week: Quartz counts them from 1, Spring from 0.
fn in_five(fields: &[&str]) -> Option<String> {
    let [.., week] = fields else { return None };
    let fields: Vec<_> =
        fields.iter().map(|field| if *field == "?" { "*" } else { *field }).collect();
    let text = fields.join(" ");
    let is_same = !week.contains(|c: char| c.is_ascii_digit());
    (is_same && text.parse::<Expression>().is_ok()).then_some(text)
}

/// Returns the hint for an `@` word that cron does not know.
pub(super) fn of_word(word: &str) -> String {
    let known = Expression::words().find(|known| known.eq_ignore_ascii_case(word.trim()));
    if let Some(known) = known {
        return format!("write {known}");
    }
    let Some(interval) = word.strip_prefix("@every").map(str::trim) else {
        return FORMS.to_owned();
    };
    // Go's durations, which Kubernetes' and Nomad's users write, are spans of systemd as well.
    match interval.parse::<Span>() {
        Ok(interval) if interval.duration().as_secs() > 0 => {
            format!("write every: {interval} in place of schedule")
        }
        _ => "write every: 5min in place of schedule, for five minutes after each run".to_owned(),
    }
}

/// Returns the hint for an element of a field. For an extension of another scheduler that systemd can
/// express, it is the whole expression as calendar events.
pub(super) fn of_item(
    parts: [&str; 5],
    rules: &Rules,
    item: &str,
    instead: Option<String>,
) -> String {
    let extension = match rules.what {
        "day of month" => of_day(item).map(|days| in_calendar(parts, 2, item, &days)),
        "day of week" => of_weekday(item).map(|days| in_calendar(parts, 4, item, &days)),
        _ => None,
    };
    // OpenBSD's cron and cronie, and Jenkins.
    if item.contains('~') || item == "H" || item.starts_with("H/") || item.starts_with("H(") {
        return "write a fixed value, and for a random delay of each run jitter: 30min".to_owned();
    }
    match (extension.flatten(), instead) {
        (Some(hint), _) => hint,
        (None, Some(instead)) => format!("write {instead}"),
        (None, None) if item == "?" => "write *".to_owned(),
        (None, None) => FIELD.to_owned(),
    }
}

/// The days of a calendar event: those of the week, and the separator and day of the month.
type Day = (&'static str, String);

/// Converts `L`, `LW` and `15W` of Quartz.
fn of_day(item: &str) -> Option<Vec<Day>> {
    let item = item.to_ascii_uppercase();
    match item.as_str() {
        "L" => return Some(vec![("", "~01".to_owned())]),
        "LW" | "WL" => {
            return Some(vec![("Mon..Fri ", "~01".to_owned()), ("Fri ", "~02,03".to_owned())]);
        }
        _ => {}
    }
    let day: u8 = item.strip_suffix('W')?.parse().ok()?;
    match day {
        // The nearest working day is in the same month.
        1 => Some(vec![("Mon..Fri ", "-01".to_owned()), ("Mon ", "-02,03".to_owned())]),
        2..=27 => Some(vec![
            ("Mon..Fri ", format!("-{day:02}")),
            ("Fri ", format!("-{:02}", day - 1)),
            ("Mon ", format!("-{:02}", day + 1)),
        ]),
        _ => None,
    }
}

/// Converts `5L` and `5#2` of Quartz, with cron's numbers of days.
fn of_weekday(item: &str) -> Option<Vec<Day>> {
    const NAMES: [&str; 7] = ["Sun ", "Mon ", "Tue ", "Wed ", "Thu ", "Fri ", "Sat "];
    let item = item.to_ascii_lowercase();
    let name = |text: &str| {
        let index = DAYS.iter().position(|name| *name == text);
        NAMES.get(index.or_else(|| {
            text.parse().ok().map(|day: usize| day % 7).filter(|_| text <= "7" && text.len() == 1)
        })?)
    };
    if let Some(day) = item.strip_suffix('l') {
        return Some(vec![(name(day)?, "~07/1".to_owned())]);
    }
    let (day, number) = item.split_once('#')?;
    let days = match number.parse().ok()? {
        1_u8 => "-01..07",
        2 => "-08..14",
        3 => "-15..21",
        4 => "-22..28",
        5 => "-29..31",
        _ => return None,
    };
    Some(vec![(name(day)?, days.to_owned())])
}

/// Returns a hint with calendar events of these days and the rest of an expression, if the rest is valid. `item`
/// is the element that cron does not know.
fn in_calendar(mut parts: [&str; 5], replaced: usize, item: &str, days: &[Day]) -> Option<String> {
    let others: Vec<_> = parts[replaced].split(',').filter(|other| *other != item).collect();
    let others = others.join(",");
    let known = if others.is_empty() {
        None
    } else {
        let mut known = parts;
        known[replaced] = &others;
        // It may have another one, for which there is a hint once this one is gone.
        Some(known.join(" ").parse::<Expression>().ok()?)
    };
    parts[replaced] = "*";
    let rest: Expression = parts.join(" ").parse().ok()?;
    let [event] = rest.calendar_events(None).try_into().ok()?;
    let event = event.to_string();
    // If the other day field is not *, the two cannot be combined as text.
    let (months, time) = event.strip_prefix("*-")?.split_once("-* ")?;
    let lines: Vec<_> =
        days.iter().map(|(week, day)| format!("\"{week}*-{months}{day} {time}\"")).collect();
    match (lines.as_slice(), known) {
        ([line], None) => Some(format!("write calendar: {line}")),
        (lines, None) => Some(format!("write a job for each: calendar: {}", lines.join(", "))),
        (lines, Some(known)) => Some(format!(
            "write a job for each: schedule: \"{known}\", calendar: {}",
            lines.join(", ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_says_what_the_expression_was_meant_to_be() {
        for (text, hint) in [
            ("0 0 * * 7-1", "write 0-1"),
            ("0 0 * * 7-5/2", "write 0-5/2"),
            ("0 0 * * sat-sun", "write 6,0"),
            ("0 0 * * fri-mon", "write 5-6,0-1"),
            (
                "0 0 1,L * *",
                "write a job for each: schedule: \"0 0 1 * *\", calendar: \"*-*~01 00:00:00\"",
            ),
            ("0 0 L * *", "write calendar: \"*-*~01 00:00:00\""),
            (
                "0 0 * * 1,5L",
                "write a job for each: schedule: \"0 0 * * 1\", calendar: \"Fri *-*~07/1 00:00:00\"",
            ),
            ("TZ=UTC 0 0 * * *", "write timezone: UTC beside the schedule, which is \"0 0 * * *\""),
            ("H H * * *", "write a fixed value, and for a random delay of each run jitter: 30min"),
            (
                "0~30 0 * * *",
                "write a fixed value, and for a random delay of each run jitter: 30min",
            ),
            ("0 */5 * * * ?", "cron has no seconds and no years; write \"*/5 * * * *\""),
            (
                "0 0 12 * * mon-fri *",
                "cron has no seconds and no years; write \"0 12 * * mon-fri\"",
            ),
            ("@every 10m", "write every: 10min in place of schedule"),
            ("@every 1h30m", "write every: 1h 30min in place of schedule"),
            (
                "@every soon",
                "write every: 5min in place of schedule, for five minutes after each run",
            ),
            // Monday with Spring, Sunday with Quartz.
            (
                "0 0 12 ? * 1",
                "cron has no seconds and no years; write calendar: \"*-*-* *:*:00..30/30\"",
            ),
        ] {
            let refused = text.parse::<Expression>().unwrap_err();
            assert_eq!(refused.hint.as_deref(), Some(hint), "{text}");
        }
    }
}
