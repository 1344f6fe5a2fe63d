//! The values of limits that are plain numbers: weights, rates, processors, and the killer's score.

use std::fmt;
use std::str::FromStr;

use crate::error::{Invalid, shown};
use crate::text::{Numbers, text_type, written_as_text};

/// Declares a whole number with bounds.
macro_rules! number_type {
    ($(#[$meta:meta])* $type:ident: $number:ty, $least:expr, $most:expr, $numbers:expr, $pattern:expr, $description:expr) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type($number);

        impl $type {
            /// Returns the number.
            pub fn number(self) -> $number {
                self.0
            }
        }

        impl FromStr for $type {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                let plain = text.strip_prefix('-').unwrap_or(text);
                let is_plain = !plain.is_empty() && plain.bytes().all(|b| b.is_ascii_digit());
                let number = text.parse().ok().filter(|number| ($least..=$most).contains(number));
                number.filter(|_| is_plain).map(Self).ok_or_else(|| {
                    let message = format!("{} is not a number from {} to {}", shown(text), $least, $most);
                    Invalid::new(message).hint(concat!("write a whole number: ", $description))
                })
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        written_as_text!($type, $pattern, numbers: $numbers, $description);
    };
}

number_type!(
    /// A share of a resource, compared with those of others (systemd.resource-control(5), `CPUWeight=`).
    Weight: u32, 1, 10_000, Numbers::Whole(1, 10_000), "^[0-9]{1,5}$",
    "100 is everybody's own, 200 twice as much"
);

number_type!(
    /// A number of operations per second.
    Iops: u32, 1, 1_000_000_000, Numbers::Whole(1, 1_000_000_000), "^[0-9]{1,10}$",
    "operations per second"
);

number_type!(
    /// How early the kernel kills a process if there is no memory left (proc(5), `oom_score_adj`).
    OomScore: i16, -1000, 1000, Numbers::AsWritten, "^-?[0-9]{1,4}$",
    "-1000 is never, 1000 is first"
);

text_type!(
    /// Numbers of processors (systemd.resource-control(5), `AllowedCPUs=`).
    CpuSet,
    check_cpus,
    "^[0-9]{1,4}(-[0-9]{1,4})?(,[0-9]{1,4}(-[0-9]{1,4})?)*$",
    numbers: Numbers::Whole(0, 8191),
    "Numbers of processors, from 0: 0-3,7."
);

fn check_cpus(text: &str) -> Result<(), Invalid> {
    let number = |text: &str| {
        let digits = (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u16>().ok().filter(|number| digits && *number < 8192)
    };
    let is_part = |part: &str| match part.split_once('-') {
        Some((first, last)) => number(first).zip(number(last)).is_some_and(|(a, b)| a <= b),
        None => number(part).is_some(),
    };
    match text.split(',').all(is_part) {
        true => Ok(()),
        false => Err(Invalid::new(format!("{} is not a list of processors", shown(text)))
            .hint("write numbers from 0 and ranges: 0-3,7")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_bounds() {
        assert_eq!("100".parse::<Weight>().unwrap().number(), 100);
        assert_eq!("-500".parse::<OomScore>().unwrap().to_string(), "-500");
        for bad in ["", "0", "-1", "10001", "1.5", "+5", "a"] {
            assert!(bad.parse::<Weight>().is_err(), "{bad:?}");
        }
        assert!("-1001".parse::<OomScore>().is_err());
        for good in ["0", "0-3", "0,2,4-7"] {
            assert!(good.parse::<CpuSet>().is_ok(), "{good}");
        }
        for bad in ["", "-", "3-1", "0-", "a", "0,,1", "9000", "0 1"] {
            assert!(bad.parse::<CpuSet>().is_err(), "{bad:?}");
        }
    }
}
