//! Times in a form for people.

use std::fmt;
use std::time::Duration;

/// Shows a time as in `3 ms`, `1.5 s`, `65 s`, `12 min`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spoken(pub(crate) Duration);

impl fmt::Display for Spoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rounded up, so that nothing takes 0 ms.
        let millis = self.0.as_micros().div_ceil(1000);
        match millis {
            0..1000 => write!(f, "{millis} ms"),
            1000..10_000 if millis % 1000 >= 100 => {
                write!(f, "{}.{} s", millis / 1000, millis % 1000 / 100)
            }
            1000..300_000 => write!(f, "{} s", millis / 1000),
            300_000.. => write!(f, "{} min", millis / 60_000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said() {
        for (micros, said) in [
            (0, "0 ms"),
            (200, "1 ms"),
            (3000, "3 ms"),
            (999_001, "1 s"),
            (1_500_000, "1.5 s"),
            (2_040_000, "2 s"),
            (65_900_000, "65 s"),
            (720_000_000, "12 min"),
        ] {
            assert_eq!(Spoken(Duration::from_micros(micros)).to_string(), said);
        }
    }
}
