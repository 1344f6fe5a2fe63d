//! Crontab expressions (crontab(5)), read as Debian's cron reads them.

mod events;
mod field;
mod instead;

use std::fmt;
use std::str::FromStr;

pub(super) use events::even;
pub(super) use field::Field;

use self::field::{RULES, Refusal};
use crate::error::{Invalid, shown};

/// The words that stand for an expression, with what they stand for.
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
/// It is what Debian's cron accepts and would run: one that never comes true, as `0 0 30 2 *`, is refused.
/// It is written as it was read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Expression {
    text: String,
    /// `None` at the start of the host.
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

/// On which days of its months an expression is due. No list in it is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Days {
    /// On every one.
    Every,
    /// On days of the month.
    OfMonth(Field),
    /// On days of the week.
    OfWeek(Field),
    /// On those that are in both lists.
    Both(Field, Field),
    /// On those that are in one of the lists.
    Either(Field, Field),
}

impl Expression {
    /// Returns the text as it was read.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns whether it is due at the start of the host and at no time by the clock.
    pub fn is_at_boot(&self) -> bool {
        self.times.is_none()
    }

    /// Returns the fields; `None` at the start of the host.
    pub(super) fn times(&self) -> Option<Times> {
        self.times
    }

    /// Returns the words that cron has for expressions.
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
                let why = format!("{} in the {}: {why}", shown(&item), rules.what);
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
            let why = "no month that it names has such a day, so it would never run";
            return Err(refuse(text, why).hint(instead::LENGTHS));
        }
        Ok(times)
    }

    /// Says how day of month and day of week go together; `None` if no day ever comes.
    ///
    /// Debian's cron wants both if one of the fields begins with `*`, and else either. A day of the week
    /// comes in every month, and on the 29th of February, too.
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

    /// Returns whether any of its months has any of its days.
    fn has_its_days(self) -> bool {
        let first = self.days.values().first().copied().unwrap_or(u8::MAX);
        let longest = self.months.values().into_iter().map(longest).max();
        longest.is_some_and(|longest| first <= longest)
    }
}

/// Returns how many days a month has at most.
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
