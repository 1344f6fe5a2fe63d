//! Time spans in systemd's own syntax (systemd.time(7)).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::memory::scale;
use crate::error::{Invalid, shown};
use crate::text::{Numbers, written_as_text};

/// A span of time in microseconds, systemd's resolution; at most a year, so that sums and products of spans
/// cannot overflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(u64);

const SECOND: u64 = 1_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The units of systemd.time(7); the first name of each is the one that is printed.
const UNITS: [(&[&str], u64); 9] = [
    (&["y", "year", "years"], 31_557_600 * SECOND),
    (&["month", "months", "M"], 2_629_800 * SECOND),
    (&["w", "week", "weeks"], 7 * DAY),
    (&["d", "day", "days"], DAY),
    (&["h", "hr", "hour", "hours"], HOUR),
    (&["min", "minute", "minutes", "m"], MINUTE),
    (&["s", "sec", "second", "seconds"], SECOND),
    (&["ms", "msec"], 1000),
    (&["us", "usec", "µs", "μs"], 1),
];

/// The longest span: a year.
const LONGEST: u64 = 31_557_600 * SECOND;

impl Span {
    /// Creates a span of whole seconds.
    pub const fn from_secs(seconds: u32) -> Self {
        Self(seconds as u64 * SECOND)
    }

    /// Creates a span from a duration, in whole microseconds and at most a year.
    pub(crate) fn from_duration(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_micros()).map_or(LONGEST, |micros| micros.min(LONGEST)))
    }

    /// Returns the span as a [`Duration`].
    pub fn duration(self) -> Duration {
        Duration::from_micros(self.0)
    }
}

impl FromStr for Span {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refuse = || {
            Invalid::new(format!("{} is not a time span", shown(text)))
                .hint("write 30s, 1min 30s, 2h or a number of seconds")
        };
        let mut rest = text.trim_matches(' ');
        if rest.is_empty() {
            return Err(refuse());
        }
        let mut total = 0_u64;
        while !rest.is_empty() {
            let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            let (digits, tail) = rest.split_at(number);
            let tail = tail.trim_start_matches(' ');
            let word = tail.find(|c: char| !c.is_alphabetic()).unwrap_or(tail.len());
            let (name, tail) = tail.split_at(word);
            let unit = match name {
                "" => SECOND,
                _ => UNITS.iter().find(|(names, _)| names.contains(&name)).ok_or_else(refuse)?.1,
            };
            let part = scale(digits, unit).ok_or_else(refuse)?;
            total = total.saturating_add(part);
            rest = tail.trim_start_matches(' ');
        }
        if total > LONGEST {
            return Err(Invalid::new(format!("{} is longer than a year", shown(text)))
                .hint("write at most 1y; for no limit, remove the key"));
        }
        Ok(Self(total))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0");
        }
        let mut rest = self.0;
        let mut separator = "";
        for (names, unit) in UNITS {
            if rest >= unit {
                write!(f, "{separator}{}{}", rest / unit, names[0])?;
                rest %= unit;
                separator = " ";
            }
        }
        Ok(())
    }
}

/// Returns the pattern: numbers, each with a unit or with white space before the next.
fn pattern() -> String {
    const NUMBER: &str = r"[0-9]+(\.[0-9]{1,9})?";
    let names: Vec<_> = UNITS.iter().flat_map(|(names, _)| *names).copied().collect();
    let unit = names.join("|");
    format!("^ *{NUMBER}( *({unit}) *{NUMBER}| +{NUMBER})*( *({unit}))? *$")
}

written_as_text!(
    Span,
    pattern(),
    numbers: Numbers::AtLeast(0.0),
    "A time span in systemd's syntax: 30s, 1min 30s, 2h; a bare number is seconds."
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_printed() {
        for (text, micros, printed) in [
            ("5", 5_000_000, "5s"),
            ("1.5s", 1_500_000, "1s 500ms"),
            ("1min 30s", 90_000_000, "1min 30s"),
            ("1m30s", 90_000_000, "1min 30s"),
            ("2 h", 7_200_000_000, "2h"),
            ("0", 0, "0"),
            ("250ms", 250_000, "250ms"),
            ("1y", 31_557_600_000_000, "1y"),
            ("1month", 2_629_800_000_000, "1month"),
        ] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.duration(), Duration::from_micros(micros), "{text}");
            assert_eq!(span.to_string(), printed);
            assert_eq!(printed.parse(), Ok(span));
        }
    }

    #[test]
    fn what_is_no_span_is_refused() {
        for bad in [
            "",
            " ",
            "-5s",
            "5 parsecs",
            "s",
            "1..5s",
            "5s;",
            "99999999999y",
            "5s\n",
            "5\t",
            "1min\r30s",
        ] {
            assert!(bad.parse::<Span>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn no_span_is_longer_than_a_year() {
        for long in ["150y", "1y 1us", "367d", "584542y", "500000y 500000y", "31557601"] {
            let error = long.parse::<Span>().unwrap_err();
            assert!(error.message.ends_with("is longer than a year"), "{long}: {error}");
        }
        assert!("365d 6h".parse::<Span>().is_ok());
    }
}
