//! Crontab expressions (crontab(5)), read as Debian's cron reads them.

mod events;
mod field;
mod instead;
mod reading;

use std::fmt;
use std::str::FromStr;

pub(super) use events::even;
pub(super) use field::Field;
pub(crate) use reading::Reading;

use self::field::{RULES, Refusal};
use crate::error::{Invalid, shown};

/// The `@` words, with the expressions that they mean.
const WORDS: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];
const REBOOT: &str = "@reboot";

/// A crontab expression of five fields, or one of cron's `@` words.
///
/// It is what Debian's cron accepts and would run: an expression that is never due, such as `0 0 30 2 *`, is
/// refused. Its `Display` is the text that was read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Expression {
    text: String,
    /// `None` for `@reboot`.
    times: Option<Times>,
}

/// The five fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Times {
    pub(super) minutes: Field,
    pub(super) hours: Field,
    pub(super) days: Field,
    pub(super) months: Field,
    pub(super) weekdays: Field,
}

/// The days of its months on which an expression is due. No list in it has all values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Days {
    /// Every day.
    Every,
    /// Days of the month.
    OfMonth(Field),
    /// Days of the week.
    OfWeek(Field),
    /// Days that are in both lists.
    Both(Field, Field),
    /// Days that are in one of the lists.
    Either(Field, Field),
}

impl Expression {
    /// Returns the text as it was read.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns whether it is `@reboot`: due when the host boots, and at no other time.
    pub fn is_at_boot(&self) -> bool {
        self.times.is_none()
    }

    /// Returns the fields; `None` for `@reboot`.
    pub(super) fn times(&self) -> Option<Times> {
        self.times
    }

    /// Returns cron's `@` words.
    pub(crate) fn words() -> impl Iterator<Item = &'static str> {
        WORDS.into_iter().map(|(word, _)| word).chain([REBOOT])
    }
}

impl Times {
    fn parse(text: &str) -> Result<Self, Invalid> {
        let parts: Vec<_> = text.split([' ', '\t']).filter(|part| !part.is_empty()).collect();
        let Ok(parts) = <[&str; 5]>::try_from(parts.as_slice()) else {
            let hint = instead::of_count(&parts);
            return Err(
                refuse(text, &format!("it has {} fields, not five", parts.len())).hint(hint)
            );
        };
        let field = |index: usize| {
            let rules = &RULES[index];
            Field::parse(parts[index], rules).map_err(|(item, Refusal { why, instead })| {
                let reading = Reading::of(text).in_words();
                let why = format!("{} in the {}: {why}{reading}", shown(&item), rules.what);
                refuse(text, &why).hint(instead::of_item(parts, rules, &item, instead))
            })
        };
        let times = Self {
            minutes: field(0)?,
            hours: field(1)?,
            days: field(2)?,
            months: field(3)?,
            weekdays: field(4)?,
        };
        if times.day_rule().is_none() {
            let why = "none of its months has such a day, so it would never run";
            return Err(refuse(text, why).hint(instead::LENGTHS));
        }
        Ok(times)
    }

    /// Returns how day of month and day of week combine; `None` if no day matches.
    ///
    /// Debian's cron requires both if one of the fields begins with `*`, else either. Every month has every day
    /// of the week, and in some years 29 February is that day.
    pub(super) fn day_rule(self) -> Option<Days> {
        let Self { days, weekdays, .. } = self;
        let both = days.star || weekdays.star;
        match (days.is_full(), weekdays.is_full()) {
            (true, false) if both => Some(Days::OfWeek(weekdays)),
            (false, true) if both => self.has_its_days().then_some(Days::OfMonth(days)),
            (true, _) | (_, true) => Some(Days::Every),
            (false, false) if both => self.has_its_days().then_some(Days::Both(days, weekdays)),
            (false, false) if self.has_its_days() => Some(Days::Either(days, weekdays)),
            (false, false) => Some(Days::OfWeek(weekdays)),
        }
    }

    /// Returns whether one of its months has one of its days.
    fn has_its_days(self) -> bool {
        let first = self.days.values().first().copied().unwrap_or(u8::MAX);
        let longest = self.months.values().into_iter().map(longest).max();
        longest.is_some_and(|longest| first <= longest)
    }
}

/// Returns the most days that a month can have.
fn longest(month: u8) -> u8 {
    match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn refuse(text: &str, why: &str) -> Invalid {
    Invalid::new(format!("{} is not a crontab expression: {why}", shown(text)))
}

impl FromStr for Expression {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let odd = |c: &char| c.is_control() && *c != '\t';
        if text.chars().any(|c| odd(&c)) {
            return Err(refuse(text, "it contains a control character").hint(instead::FORMS));
        }
        if text == REBOOT {
            return Ok(Self { text: text.to_owned(), times: None });
        }
        let word = WORDS.into_iter().find(|(word, _)| *word == text);
        let fields = match word {
            Some((_, fields)) => fields,
            None if text.starts_with('@') => {
                let refused = refuse(text, "cron does not know this word");
                return Err(refused.hint(instead::of_word(text)));
            }
            None => text,
        };
        Ok(Self { text: text.to_owned(), times: Some(Times::parse(fields)?) })
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}
