//! Days of the week in a calendar event.

use std::fmt;

/// The days of the week, from Monday, with systemd's short names.
const NAMES: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
/// What follows the short name in the long name.
const ENDINGS: [&str; 7] = ["day", "sday", "nesday", "rsday", "day", "urday", "day"];
const ALL: u8 = 0b111_1111;

/// A set of days of the week; all of them if none was named. Bit 0 is Monday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::cron) struct Weekdays(u8);

impl Weekdays {
    /// Every day.
    pub(in crate::cron) const ALL: Self = Self(ALL);

    /// Creates a set from one bit for each day, from Monday. No bit means all days.
    pub(in crate::cron) fn new(bits: u8) -> Self {
        match bits & ALL {
            0 => Self::ALL,
            bits => Self(bits),
        }
    }

    /// Returns whether a day is in the set; 0 is Monday.
    pub(super) fn contains(self, day: u8) -> bool {
        self.0 >> day & 1 == 1
    }

    /// Reads the days that a calendar event begins with, and returns the rest of the text.
    ///
    /// As in `parse_weekdays()` of systemd, a range may also be written with `-`, and a list may end with a
    /// comma.
    pub(super) fn parse(text: &str) -> Result<(Self, &str), String> {
        let mut bits = 0;
        let mut rest = text;
        let mut range = None;
        loop {
            let Some((day, length)) = leading_day(rest) else {
                return match bits {
                    0 => Ok((Self::ALL, text)),
                    _ => Err("a day of the week is missing after , or ..".to_owned()),
                };
            };
            let from = range.unwrap_or(day);
            if from > day {
                return Err(format!(
                    "the range of days {}..{} runs backwards",
                    NAMES[usize::from(from)],
                    NAMES[usize::from(day)]
                ));
            }
            bits |= (from..=day).fold(0, |bits, day| bits | 1 << day);
            rest = &rest[length..];
            let opens = |length| match range {
                None => Ok((Some(day), length)),
                Some(_) => Err("a range of days has two last days".to_owned()),
            };
            let length = match rest.as_bytes() {
                [] | [b' ', ..] => return Ok((Self::new(bits), rest.trim_start_matches(' '))),
                [b'.', b'.', ..] => {
                    let (next, length) = opens(2)?;
                    range = next;
                    length
                }
                [b'-', ..] => {
                    let (next, length) = opens(1)?;
                    range = next;
                    length
                }
                [b',', ..] => {
                    range = None;
                    1
                }
                _ => return Err("a day of the week has more letters than its name".to_owned()),
            };
            rest = &rest[length..];
            if rest.is_empty() || rest.starts_with(' ') {
                return match range {
                    None => Ok((Self::new(bits), rest.trim_start_matches(' '))),
                    Some(_) => Err("a range of days has no last day".to_owned()),
                };
            }
        }
    }
}

/// Returns the day with which a text begins, in its long or its short form, and the length of its name.
fn leading_day(text: &str) -> Option<(u8, usize)> {
    let begins = |text: &str, with: &str| {
        text.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with))
    };
    let index = NAMES.iter().position(|name| begins(text, name))?;
    let short = NAMES[index].len();
    let length = match begins(&text[short..], ENDINGS[index]) {
        true => short + ENDINGS[index].len(),
        false => short,
    };
    Some((u8::try_from(index).unwrap_or_default(), length))
}

impl fmt::Display for Weekdays {
    /// Writes the days as systemd does: three and more in a row as a range.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        let mut day = 0;
        while day < 7 {
            if !self.contains(day) {
                day += 1;
                continue;
            }
            let last = (day..7).take_while(|day| self.contains(*day)).last().unwrap_or(day);
            let name = |day: u8| NAMES[usize::from(day)];
            match last - day {
                0 => write!(f, "{comma}{}", name(day))?,
                1 => write!(f, "{comma}{},{}", name(day), name(last))?,
                _ => write!(f, "{comma}{}..{}", name(day), name(last))?,
            }
            comma = ",";
            day = last + 1;
        }
        Ok(())
    }
}
