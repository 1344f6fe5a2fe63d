//! The schedule of a job: crontab expressions (crontab(5)), calendar events and time zones.

use std::fmt;
use std::str::FromStr;

use crate::cron::{CalendarEvent, Expression};
use crate::error::{Invalid, shown};
use crate::text::{Numbers, text_type, written_as_text};

/// A crontab expression of five fields, or one of cron's `@` words; see [`Expression`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Crontab(Expression);

impl Crontab {
    /// Returns the expression.
    pub fn expression(&self) -> &Expression {
        &self.0
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl From<Expression> for Crontab {
    fn from(expression: Expression) -> Self {
        Self(expression)
    }
}

impl FromStr for Crontab {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        text.parse().map(Self)
    }
}

impl fmt::Display for Crontab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

written_as_text!(
    Crontab,
    crontab_pattern(),
    numbers: Numbers::Refused,
    "A crontab expression: minute, hour, day of month, month, day of week; or @hourly, @daily, ..."
);

/// A calendar event in systemd's own syntax (systemd.time(7)), as it was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Calendar {
    text: String,
    event: CalendarEvent,
}

impl Calendar {
    /// Returns the event.
    pub fn event(&self) -> &CalendarEvent {
        &self.event
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Calendar {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Ok(Self { text: text.to_owned(), event: text.parse()? })
    }
}

impl fmt::Display for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

written_as_text!(
    Calendar,
    "^[A-Za-z0-9*@][A-Za-z0-9*:,./~ _+-]*$",
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

/// Returns the form of an expression; `FromStr` checks the numbers in its fields.
fn crontab_pattern() -> String {
    const NUMBERS: &str = "[0-9*,/-]+";
    const NAMES: &str = "[A-Za-z0-9*,/-]+";
    const GAP: &str = "[ \\t]+";
    let fields = [NUMBERS, NUMBERS, NUMBERS, NAMES, NAMES].join(GAP);
    let words: Vec<_> = Expression::words().collect();
    format!("^({}|[ \\t]*{fields}[ \\t]*)$", words.join("|"))
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
