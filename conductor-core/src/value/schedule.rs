//! When a job runs: crontab expressions (crontab(5)), calendar events and time zones.

use crate::error::{Invalid, shown};
use crate::text::{Numbers, text_type};

text_type!(
    /// A crontab expression of five fields, or one of cron's `@` words.
    ///
    /// It accepts what Debian's cron accepts, and refuses with a reason what that refuses.
    Crontab,
    check_crontab,
    crontab_pattern(),
    numbers: Numbers::Refused,
    "A crontab expression: minute, hour, day of month, month, day of week; or @hourly, @daily, ..."
);

text_type!(
    /// A calendar event in systemd's own syntax (systemd.time(7)).
    Calendar,
    check_calendar,
    "^ *[A-Za-z0-9*:,./~_+-][A-Za-z0-9*:,./~ _+-]*$",
    numbers: Numbers::Refused,
    "A calendar event in systemd's syntax: Mon..Fri 09:00."
);

text_type!(
    /// A time zone of the IANA database, such as `Europe/London`.
    TimeZone,
    check_time_zone,
    r"^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$",
    numbers: Numbers::Refused,
    "A time zone of the IANA database, for example Europe/London."
);

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const WORDS: [&str; 8] =
    ["@reboot", "@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];

struct FieldRules {
    what: &'static str,
    least: u8,
    most: u8,
    names: &'static [&'static str],
}

const FIELDS: [FieldRules; 5] = [
    FieldRules { what: "minute", least: 0, most: 59, names: &[] },
    FieldRules { what: "hour", least: 0, most: 23, names: &[] },
    FieldRules { what: "day of month", least: 1, most: 31, names: &[] },
    FieldRules { what: "month", least: 1, most: 12, names: &MONTHS },
    FieldRules { what: "day of week", least: 0, most: 7, names: &DAYS },
];

/// The shape of an expression; which numbers a field takes is left to the check.
fn crontab_pattern() -> String {
    const NUMBERS: &str = "[0-9*,/-]+";
    const NAMES: &str = "[A-Za-z0-9*,/-]+";
    const GAP: &str = "[ \\t]+";
    let fields = [NUMBERS, NUMBERS, NUMBERS, NAMES, NAMES].join(GAP);
    format!("^({}|[ \\t]*{fields}[ \\t]*)$", WORDS.join("|"))
}

fn check_crontab(text: &str) -> Result<(), Invalid> {
    const HINT: &str = "write five fields, as in \"*/30 * * * *\", or one of @hourly, @daily, \
                        @weekly, @monthly, @yearly, @reboot";
    let refuse =
        |why: &str| Invalid::new(format!("{} is not a crontab expression: {why}", shown(text)));
    if text.chars().any(|c| c.is_control() && c != '\t') {
        return Err(refuse("it contains a control character").hint(HINT));
    }
    if text.starts_with('@') {
        return match WORDS.contains(&text) {
            true => Ok(()),
            false => Err(refuse("cron does not know this word").hint(HINT)),
        };
    }
    let fields: Vec<_> = text.split([' ', '\t']).filter(|field| !field.is_empty()).collect();
    if fields.len() != FIELDS.len() {
        return Err(refuse(&format!("it has {} fields, not five", fields.len())).hint(HINT));
    }
    for (field, rules) in fields.iter().zip(&FIELDS) {
        for item in field.split(',') {
            check_item(item, rules).map_err(|why| {
                refuse(&format!("{} in the {}: {why}", shown(item), rules.what)).hint(
                    "a field is *, a number, a range a-b or a list; /step only after * or a range",
                )
            })?;
        }
    }
    Ok(())
}

fn check_item(item: &str, rules: &FieldRules) -> Result<(), String> {
    let (range, step) = match item.split_once('/') {
        Some((range, step)) => (range, Some(step)),
        None => (item, None),
    };
    if let Some(step) = step {
        let number = step.parse::<u8>().ok().filter(|_| step.bytes().all(|b| b.is_ascii_digit()));
        if number.is_none_or(|step| step == 0) {
            return Err("the step is not a number above 0".to_owned());
        }
        if range != "*" && !range.contains('-') {
            return Err("a step needs * or a range before it".to_owned());
        }
    }
    if range == "*" {
        return Ok(());
    }
    match range.split_once('-') {
        None => value(range, rules).map(drop),
        Some((first, last)) => match (value(first, rules)?, value(last, rules)?) {
            (first, last) if first > last => Err("the range runs backwards".to_owned()),
            _ => Ok(()),
        },
    }
}

fn value(text: &str, rules: &FieldRules) -> Result<u8, String> {
    let FieldRules { least, most, names, .. } = rules;
    let lower = text.to_ascii_lowercase();
    if let Some(index) = names.iter().position(|name| *name == lower) {
        return Ok(u8::try_from(index).unwrap_or(0) + least);
    }
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse::<u8>() {
        Ok(number) if plain && (*least..=*most).contains(&number) => Ok(number),
        _ => Err(format!("not {least} to {most}")),
    }
}

fn check_calendar(text: &str) -> Result<(), Invalid> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "*:,./~ _+-".contains(c);
    match !text.trim().is_empty() && text.chars().all(allowed) {
        true => Ok(()),
        false => Err(Invalid::new(format!("{} is not a calendar event", shown(text)))
            .hint("see systemd.time(7), for example Mon..Fri 09:00")),
    }
}

fn check_time_zone(text: &str) -> Result<(), Invalid> {
    let part = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "_+-".contains(c))
    };
    match text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.split('/').all(part) {
        true => Ok(()),
        false => Err(Invalid::new(format!("{} is not a time zone", shown(text)))
            .hint("for example Europe/London or UTC")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_debian_cron_accepts_passes() {
        for good in [
            "*/30 * * * *",
            "0 0 1,15 * sun",
            "1-5/2\t2 * JAN-mar 1-5",
            "@daily",
            "@reboot",
            "59 23 31 12 7",
            "*/2,13 0-23 * * *",
        ] {
            assert!(good.parse::<Crontab>().is_ok(), "{good:?}");
        }
    }

    #[test]
    fn what_debian_cron_refuses_is_refused() {
        for bad in [
            "",
            "* * * *",
            "* * * * * *",
            "5/10 * * * *",
            "1,,5 * * * *",
            "@every 5m",
            "0 0 * january *",
            "22-2 * * * *",
            "0 0 * * sat-sun",
            "1-5#2 * * * *",
            "*-5 * * * *",
            "1.5 * * * *",
            "60 * * * *",
            "* * 0 * *",
            "*/0 * * * *",
            "* * * * *\n",
            "+5 * * * *",
        ] {
            assert!(bad.parse::<Crontab>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn calendars_and_zones_stay_on_one_line() {
        assert!("Mon..Fri 09:00".parse::<Calendar>().is_ok());
        assert!("daily\nExecStart=x".parse::<Calendar>().is_err());
        assert!("Europe/London".parse::<TimeZone>().is_ok());
        for bad in ["", "../../etc/passwd", "Europe/", "a b"] {
            assert!(bad.parse::<TimeZone>().is_err(), "{bad:?}");
        }
    }
}
