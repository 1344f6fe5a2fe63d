//! TCP ports and ranges of them.

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

use crate::error::{Invalid, shown};
use crate::text::{Numbers, written_as_text};

/// A TCP port, 1 to 65535.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port(NonZeroU16);

impl Port {
    /// Returns the number.
    pub fn number(self) -> u16 {
        self.0.get()
    }
}

impl FromStr for Port {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let plain = !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
        match text.parse() {
            Ok(number) if plain => Ok(Self(number)),
            _ => Err(Invalid::new(format!("{} is not a port", shown(text)))
                .hint("a port is a number from 1 to 65535")),
        }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

written_as_text!(
    Port,
    "^([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$",
    numbers: Numbers::Whole(1, 65535),
    "A TCP port, 1 to 65535."
);

/// The ports that conductor gives to instances, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortRange {
    first: Port,
    last: Port,
}

impl PortRange {
    /// Returns every port of the range, lowest first.
    pub fn ports(self) -> impl Iterator<Item = Port> {
        (self.first.number()..=self.last.number()).filter_map(NonZeroU16::new).map(Port)
    }
}

/// 20000-29999: below Linux's ephemeral ports (from 32768), above the ports of common services.
impl Default for PortRange {
    fn default() -> Self {
        let port = |number| NonZeroU16::new(number).map_or(Port(NonZeroU16::MIN), Port);
        Self { first: port(20_000), last: port(29_999) }
    }
}

impl FromStr for PortRange {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refuse = || {
            Invalid::new(format!("{} is not a range of ports", shown(text)))
                .hint("write FIRST-LAST, for example 20000-29999")
        };
        let (first, last) = text.split_once('-').ok_or_else(refuse)?;
        let (first, last) = (first.trim_matches(' ').parse()?, last.trim_matches(' ').parse()?);
        if first > last { Err(refuse()) } else { Ok(Self { first, last }) }
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

written_as_text!(
    PortRange,
    "^ *[0-9]{1,5} *- *[0-9]{1,5} *$",
    numbers: Numbers::Refused,
    "A range of TCP ports, both ends included: 20000-29999."
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_1_to_65535() {
        for bad in ["0", "70000", "-1", "+80", "80 ", "", "http", "080"] {
            assert!(bad.parse::<Port>().is_err(), "{bad:?}");
        }
        assert_eq!("65535".parse::<Port>().unwrap().number(), 65535);
    }

    #[test]
    fn ranges_have_an_order() {
        let range: PortRange = "20000-20002".parse().unwrap();
        assert_eq!(range.ports().map(Port::number).collect::<Vec<_>>(), [20000, 20001, 20002]);
        assert_eq!(PortRange::default().to_string(), "20000-29999");
        for bad in ["2-1", "1", "0-5", "a-b"] {
            assert!(bad.parse::<PortRange>().is_err(), "{bad:?}");
        }
    }
}
