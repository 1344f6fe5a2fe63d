//! Amounts of memory, as in `MemoryMax=` (systemd.resource-control(5)).

use std::fmt;
use std::str::FromStr;

use crate::error::{Invalid, shown};
use crate::text::{Numbers, written_as_text};

/// An amount of memory in bytes, above 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Memory(u64);

/// The suffixes and how far they shift: systemd and Docker both count in powers of 1024.
const SUFFIXES: [(char, u32); 6] =
    [('E', 60), ('P', 50), ('T', 40), ('G', 30), ('M', 20), ('K', 10)];

/// systemd reads more as infinity, and Docker rejects it.
const MOST: u64 = i64::MAX.cast_unsigned();

const HINT: &str = "write 512M, 1.5G or a number of bytes";

impl Memory {
    /// Returns the number of bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for Memory {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refuse = || Invalid::new(format!("{} is not a size", shown(text))).hint(HINT);
        let last = text.chars().next_back().ok_or_else(refuse)?.to_ascii_uppercase();
        let (digits, shift) = match SUFFIXES.iter().find(|(suffix, _)| *suffix == last) {
            Some((_, shift)) => (&text[..text.len() - 1], *shift),
            None if last == 'B' && text.len() > 1 => (&text[..text.len() - 1], 0),
            None => (text, 0),
        };
        // Bytes are whole.
        if shift == 0 && digits.contains('.') {
            return Err(refuse());
        }
        match scale(digits, 1 << shift).ok_or_else(refuse)? {
            bytes if bytes > MOST => {
                Err(Invalid::new(format!("{} is too much", shown(text))).hint("write less than 8E"))
            }
            0 => Err(Invalid::new(format!("{} is not a size above 0", shown(text))).hint(HINT)),
            bytes => Ok(Self(bytes)),
        }
    }
}

/// Returns a decimal such as `1.5` times a unit, computed exactly and rounded down.
pub(super) fn scale(decimal: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = decimal.split_once('.').unwrap_or((decimal, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let parts: u128 = fraction.parse().ok()?;
    let extra = u128::from(unit) * parts / 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    whole.checked_mul(unit)?.checked_add(u64::try_from(extra).ok()?)
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = SUFFIXES.iter().find(|(_, shift)| self.0.is_multiple_of(1 << shift));
        match exact {
            Some((suffix, shift)) => write!(f, "{}{suffix}", self.0 >> shift),
            None => write!(f, "{}", self.0),
        }
    }
}

written_as_text!(
    Memory,
    r"^(?=.*[1-9])[0-9]+([KMGTPEBkmgtpeb]|\.[0-9]{1,9}[KMGTPEkmgtpe])?$",
    numbers: Numbers::Whole(1, MOST),
    "An amount of memory: 512M, 1.5G, or bytes. K, M, G, T, P and E count in powers of 1024."
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_printed() {
        for (text, bytes, printed) in [
            ("512M", 512 << 20, "512M"),
            ("1.5G", 1536 << 20, "1536M"),
            ("1g", 1 << 30, "1G"),
            ("1000", 1000, "1000"),
            ("64B", 64, "64"),
            ("16E", 0, ""),
        ] {
            match text.parse::<Memory>() {
                Ok(memory) => {
                    assert_eq!((memory.bytes(), memory.to_string().as_str()), (bytes, printed));
                    assert_eq!(printed.parse(), Ok(memory));
                }
                Err(_) => assert_eq!(bytes, 0, "{text}"),
            }
        }
    }

    #[test]
    fn what_is_not_a_size_is_refused() {
        for bad in [
            "", "0", "-1", "512Q", "1..5G", ".5G", "5.G", "M", "1e3", "infinity", "½G", "1.5",
            "1.5B", "8E",
        ] {
            assert!(bad.parse::<Memory>().is_err(), "{bad:?}");
        }
    }
}
