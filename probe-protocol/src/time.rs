//! Times on the command line: a whole number with its unit.

use std::time::Duration;

use crate::error::ValueError;

/// The longest time: about a century, so that sums cannot overflow.
const LONGEST_MILLIS: u64 = 3_000_000_000_000;

/// Returns a time in seconds if it is whole seconds, else as [`write_millis`] does.
pub fn write(time: Duration) -> String {
    match time.subsec_nanos() {
        0 => format!("{}s", time.as_secs()),
        _ => write_millis(time),
    }
}

/// Returns a time in milliseconds, rounded up.
pub fn write_millis(time: Duration) -> String {
    format!("{}ms", time.as_nanos().div_ceil(1_000_000))
}

/// Reads a time such as `1500ms`, `5s`, `2min` or `1h`.
///
/// # Errors
/// It has another form.
pub fn read(text: &str) -> Result<Duration, ValueError> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| ValueError::Time)?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "min" => 60_000,
        "h" => 3_600_000,
        _ => return Err(ValueError::Time),
    };
    let number = number.checked_mul(millis).filter(|millis| *millis < LONGEST_MILLIS);
    number.map(Duration::from_millis).ok_or(ValueError::Time)
}

/// Reads a time that is not zero.
///
/// # Errors
/// It is not a time, or it is zero.
pub fn read_above_zero(text: &str) -> Result<Duration, ValueError> {
    read(text).and_then(|time| if time.is_zero() { Err(ValueError::Zero) } else { Ok(time) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        for (text, millis) in
            [("1500ms", 1500), ("0s", 0), ("5s", 5000), ("2min", 120_000), ("1h", 3_600_000)]
        {
            assert_eq!(read(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for bad in ["", "5", "s", "-5s", "1.5s", "5 s", "5m", "5S", "99999999999h", "1é"] {
            assert_eq!(read(bad), Err(ValueError::Time), "{bad}");
        }
        assert_eq!(read_above_zero("0ms"), Err(ValueError::Zero));
    }

    #[test]
    fn times_are_written_and_never_cut_short() {
        for (micros, written) in [
            (0, "0s"),
            (5_000_000, "5s"),
            (90_000_000, "90s"),
            (1_500_000, "1500ms"),
            (1001, "2ms"),
        ] {
            assert_eq!(write(Duration::from_micros(micros)), written);
        }
        assert_eq!(write_millis(Duration::from_secs(2)), "2000ms");
        assert_eq!(write_millis(Duration::from_micros(1)), "1ms");
    }
}
