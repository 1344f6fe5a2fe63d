//! Reads a calendar event by the rules of `calendar_spec_from_string()` of systemd.

use super::chain::chain;
use super::component::{Chain, Component, CountedFrom, SECOND};
use super::weekdays::Weekdays;
use super::{CalendarEvent, Fields, UTC};

/// The years that systemd accepts.
const YEARS: (i32, i32) = (1970, 2199);

/// Reads a calendar event, or returns why systemd would not.
pub(super) fn parse(text: &str) -> Result<CalendarEvent, String> {
    if let Some(odd) = text.chars().find(|c| !c.is_ascii() || c.is_ascii_control()) {
        return Err(format!("it cannot contain {odd:?}"));
    }
    let (rest, zone) = split_zone(text);
    if rest.is_empty() {
        return Err("it is empty".to_owned());
    }
    let (mut fields, zone) = match shorthand(rest) {
        Some(fields) => (fields, zone),
        None => written_out(rest, zone)?,
    };
    fields.normalize();
    fields.check()?;
    Ok(CalendarEvent { fields, zone: zone.map(str::to_owned) })
}

/// Splits off the time zone at the end, in the form in which systemd prints it.
///
/// systemd looks for a file of that name. Here every text with the form of a name is a zone: no other part
/// begins with a letter after a space.
fn split_zone(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(' ') {
        Some((rest, zone)) if zone.eq_ignore_ascii_case(UTC) => (rest, Some(UTC)),
        Some((rest, zone)) if is_zone(zone) => (rest, Some(zone)),
        _ => (text, None),
    }
}

fn is_zone(text: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+-".contains(&b))
    };
    text.starts_with(|c: char| c.is_ascii_uppercase()) && text.split('/').all(part)
}

fn shorthand(word: &str) -> Option<Fields> {
    let every_second = Fields {
        weekdays: Weekdays::ALL,
        from_the_end: false,
        year: Chain::default(),
        month: Chain::default(),
        day: Chain::default(),
        hour: Chain::default(),
        minute: Chain::default(),
        second: Chain::one(0),
    };
    let minutely = every_second;
    let hourly = Fields { minute: Chain::one(0), ..minutely.clone() };
    let daily = Fields { hour: Chain::one(0), ..hourly.clone() };
    let monthly = Fields { day: Chain::one(1), ..daily.clone() };
    let in_months = |months: &[i32]| {
        let month = Chain(months.iter().copied().map(Component::one).collect());
        Fields { month, ..monthly.clone() }
    };
    let fields = match word.to_ascii_lowercase().as_str() {
        "minutely" => minutely,
        "hourly" => hourly,
        "daily" => daily,
        "weekly" => Fields { weekdays: Weekdays::new(1), ..daily },
        "monthly" => monthly,
        "yearly" | "annually" | "anually" => in_months(&[1]),
        "quarterly" => in_months(&[1, 4, 7, 10]),
        "biannually" | "bi-annually" | "semiannually" | "semi-annually" => in_months(&[1, 7]),
        _ => return None,
    };
    Some(fields)
}

/// Reads an event other than a single word. Seconds since 1970 are in UTC, whatever zone follows.
fn written_out<'a>(text: &str, zone: Option<&'a str>) -> Result<(Fields, Option<&'a str>), String> {
    let (weekdays, rest) = Weekdays::parse(text)?;
    if let Some(seconds) = rest.strip_prefix('@') {
        return Ok((moment(seconds, weekdays)?, Some(UTC)));
    }
    let (date, rest) = date(rest)?;
    let (hour, minute, second) = time(rest)?;
    let Date { year, month, day, from_the_end } = date;
    Ok((Fields { weekdays, from_the_end, year, month, day, hour, minute, second }, zone))
}

/// Reads seconds since 1970, and returns them in UTC.
fn moment(text: &str, weekdays: Weekdays) -> Result<Fields, String> {
    let seconds = text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
    let moment = seconds.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    let moment = moment.ok_or("a number of seconds since 1970 is missing after @")?;
    let moment = jiff::tz::Offset::UTC.to_datetime(moment);
    let one = |value: i8| Chain::one(i32::from(value));
    Ok(Fields {
        weekdays,
        from_the_end: false,
        year: Chain::one(i32::from(moment.year())),
        month: one(moment.month()),
        day: one(moment.day()),
        hour: one(moment.hour()),
        minute: one(moment.minute()),
        second: Chain::one(i32::from(moment.second()) * SECOND),
    })
}

#[derive(Default)]
struct Date {
    year: Chain,
    month: Chain,
    day: Chain,
    from_the_end: bool,
}

/// Reads a date, if there is one, and returns the rest of the text.
fn date(text: &str) -> Result<(Date, &str), String> {
    if text.is_empty() {
        return Ok((Date::default(), text));
    }
    let (first, rest) = chain(text, 1)?;
    let after = |rest: &str| {
        rest.chars().next().map_or("the end".to_owned(), |found| format!("{:?}", found.to_string()))
    };
    let (from_the_end, rest) = match rest.as_bytes() {
        // It was an hour.
        [] | [b':', ..] => return Ok((Date::default(), text)),
        [b'~', ..] => (true, &rest[1..]),
        [b'-', ..] => (false, &rest[1..]),
        _ => {
            return Err(format!(
                "expected -, ~ or : after {first_text:?}, found {}",
                after(rest),
                first_text = &text[..text.len() - rest.len()]
            ));
        }
    };
    let (second, rest) = chain(rest, 1)?;
    if rest.is_empty() || rest.starts_with(' ') {
        let date = Date { year: Chain::default(), month: first, day: second, from_the_end };
        return Ok((date, rest.trim_start_matches(' ')));
    }
    if from_the_end {
        return Err("~ is allowed only between month and day".to_owned());
    }
    let (from_the_end, rest) = match rest.as_bytes() {
        [b'~', ..] => (true, &rest[1..]),
        [b'-', ..] => (false, &rest[1..]),
        _ => return Err(format!("expected - or ~ after the month, found {}", after(rest))),
    };
    let (third, rest) = chain(rest, 1)?;
    if !rest.is_empty() && !rest.starts_with(' ') {
        return Err(format!("expected a space after the day, found {}", after(rest)));
    }
    let date = Date { year: first, month: second, day: third, from_the_end };
    Ok((date, rest.trim_start_matches(' ')))
}

/// Reads a time of day; midnight if there is none.
fn time(text: &str) -> Result<(Chain, Chain, Chain), String> {
    if text.is_empty() {
        return Ok((Chain::one(0), Chain::one(0), Chain::one(0)));
    }
    let colon = |rest: &str| -> Result<usize, String> {
        match rest.starts_with(':') {
            true => Ok(1),
            false => Err(format!(
                "{text:?} is not a time of day: hours, minutes and seconds have : between them"
            )),
        }
    };
    let (hour, rest) = chain(text, 1)?;
    let (minute, rest) = chain(&rest[colon(rest)?..], 1)?;
    if rest.is_empty() {
        return Ok((hour, minute, Chain::one(0)));
    }
    let (second, rest) = chain(&rest[colon(rest)?..], SECOND)?;
    match rest {
        "" => Ok((hour, minute, second)),
        _ => Err(format!("{rest:?} follows the seconds; only a time zone may follow")),
    }
}

impl Fields {
    fn normalize(&mut self) {
        for component in &mut self.year.0 {
            component.start = century(component.start);
            component.stop = component.stop.map(century);
        }
        let Self { weekdays: _, from_the_end, year, month, day, hour, minute, second } = self;
        *from_the_end &= *day != Chain::default();
        for chain in [year, month, day, hour, minute, second] {
            chain.normalize();
        }
    }

    fn check(&self) -> Result<(), String> {
        let Self { weekdays: _, from_the_end, year, month, day, hour, minute, second } = self;
        let end = if *from_the_end { CountedFrom::MonthEnd } else { CountedFrom::Start };
        for (chain, least, most, end, what) in [
            (year, YEARS.0, YEARS.1, CountedFrom::Start, "year"),
            (month, 1, 12, CountedFrom::Start, "month"),
            (day, 1, 31, end, "day"),
            (hour, 0, 23, CountedFrom::Start, "hour"),
            (minute, 0, 59, CountedFrom::Start, "minute"),
            (second, 0, 60 * SECOND - 1, CountedFrom::Start, "second"),
        ] {
            if !chain.is_within(least, most, end) {
                let most = match (what, end) {
                    ("second", _) => 59,
                    (_, CountedFrom::MonthEnd) => 28,
                    (_, CountedFrom::Start) => most,
                };
                return Err(format!(
                    "a {what} is not from {least} to {most}, a range runs backwards, or a step is too large"
                ));
            }
        }
        Ok(())
    }
}

/// Returns a year of two digits as one of this century or of the last one.
fn century(year: i32) -> i32 {
    match year {
        0..70 => year + 2000,
        70..100 => year + 1900,
        _ => year,
    }
}
