//! The addresses of networks: ranges, and single addresses in them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::error::{Invalid, shown};
use crate::text::{Numbers, text_type, written_as_text};

/// A range of addresses: `ADDRESS/LENGTH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subnet {
    first: IpAddr,
    length: u8,
}

impl Subnet {
    /// Returns whether an address is in the range.
    pub fn contains(self, address: NetworkAddress) -> bool {
        match (self.first, address.0) {
            (IpAddr::V4(first), IpAddr::V4(other)) => {
                (first.to_bits() ^ other.to_bits()) & !host_v4(self.length) == 0
            }
            (IpAddr::V6(first), IpAddr::V6(other)) => {
                (first.to_bits() ^ other.to_bits()) & !host_v6(self.length) == 0
            }
            _ => false,
        }
    }

    /// Returns whether two ranges have an address in common.
    pub fn overlaps(self, other: Self) -> bool {
        self.contains(NetworkAddress(other.first)) || other.contains(NetworkAddress(self.first))
    }

    /// Returns whether its addresses are those of IPv6.
    pub fn is_ipv6(self) -> bool {
        self.first.is_ipv6()
    }
}

/// Returns the bits of an address that differ within a range of this length.
fn host_v4(length: u8) -> u32 {
    u32::MAX.checked_shr(length.into()).unwrap_or(0)
}

fn host_v6(length: u8) -> u128 {
    u128::MAX.checked_shr(length.into()).unwrap_or(0)
}

impl FromStr for Subnet {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refuse = || {
            Invalid::new(format!("{} is not a range of addresses", shown(text)))
                .hint("write ADDRESS/LENGTH, for example 172.28.0.0/16 or fd00:1::/64")
        };
        let (first, length) = text.split_once('/').ok_or_else(refuse)?;
        let is_plain = length.bytes().all(|byte| byte.is_ascii_digit()) && !length.starts_with('0');
        let first: IpAddr = first.parse().map_err(|_| refuse())?;
        let length: u8 = length.parse().ok().filter(|_| is_plain).ok_or_else(refuse)?;
        let (longest, start): (u8, IpAddr) = match first {
            IpAddr::V4(it) => (32, Ipv4Addr::from(it.to_bits() & !host_v4(length)).into()),
            IpAddr::V6(it) => (128, Ipv6Addr::from(it.to_bits() & !host_v6(length)).into()),
        };
        if length > longest {
            return Err(refuse());
        }
        match start == first {
            true => Ok(Self { first, length }),
            // The engines differ in what they make of it.
            false => Err(Invalid::new(format!("{first} is not the first address of its range"))
                .hint(format!("write {start}/{length}"))),
        }
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.length)
    }
}

written_as_text!(
    Subnet,
    "^[0-9A-Fa-f:.]{2,45}/[1-9][0-9]{0,2}$",
    numbers: Numbers::Refused,
    "A range of addresses: ADDRESS/LENGTH, where ADDRESS is the first one."
);

/// An address in a network of containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkAddress(IpAddr);

impl NetworkAddress {
    /// Returns whether it is one of IPv6.
    pub fn is_ipv6(self) -> bool {
        self.0.is_ipv6()
    }
}

impl FromStr for NetworkAddress {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let address: IpAddr = text.parse().map_err(|_| {
            Invalid::new(format!("{} is not an IP address", shown(text)))
                .hint("write an address of the network, for example 172.28.0.10")
        })?;
        match address.is_unspecified() || address.is_multicast() || address.is_loopback() {
            true => Err(Invalid::new(format!("no container can have the address {address}"))
                .hint("write an address of the network, for example 172.28.0.10")),
            false => Ok(Self(address)),
        }
    }
}

impl fmt::Display for NetworkAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

written_as_text!(
    NetworkAddress,
    "^[0-9A-Fa-f:.]{2,45}$",
    numbers: Numbers::Refused,
    "An IP address in a network of containers."
);

text_type!(
    /// The name of an option of a network's driver.
    DriverOptionName,
    check_option_name,
    "^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$",
    numbers: Numbers::Refused,
    "The name of an option of the network's driver, such as com.docker.network.driver.mtu."
);

text_type!(
    /// The value of an option of a network's driver.
    DriverOptionValue,
    check_option_value,
    "^[!-~]{1,255}$",
    numbers: Numbers::AsWritten,
    "The value of an option of the network's driver: text without spaces, or a number."
);

fn check_option_name(text: &str) -> Result<(), Invalid> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let first = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    match first && text.len() <= 128 && text.chars().all(plain) {
        true => Ok(()),
        false => Err(Invalid::new(format!("{} is not the name of an option", shown(text)))
            .hint("write for example com.docker.network.driver.mtu, or mtu for podman")),
    }
}

fn check_option_value(text: &str) -> Result<(), Invalid> {
    let is_plain = text.chars().all(|c| c.is_ascii_graphic());
    match is_plain && (1..=255).contains(&text.len()) {
        true => Ok(()),
        false => Err(Invalid::new(format!("{} is not the value of an option", shown(text)))
            .hint("write at most 255 characters of ASCII, without spaces")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subnet_begins_with_its_first_address() {
        for good in ["172.20.0.0/24", "10.0.0.0/8", "fd00:1::/64", "10.0.0.5/32", "::1/128"] {
            assert_eq!(good.parse::<Subnet>().unwrap().to_string(), good);
        }
        let bad = ["", "10.0.0.0", "10.0.0.0/33", "10.0.0.0/0", "10.0.0.0/08", "10.0.0.0/+8"];
        for bad in bad.into_iter().chain(["fd00::/129", "a/8", "10.0.0.0/256", "10.0.0/8", "/8"]) {
            assert!(bad.parse::<Subnet>().is_err(), "{bad:?}");
        }
        let inside = "172.20.0.7/24".parse::<Subnet>().unwrap_err();
        assert_eq!(inside.hint.as_deref(), Some("write 172.20.0.0/24"));
    }

    #[test]
    fn an_address_is_in_one_range_or_another() {
        let subnet: Subnet = "172.20.1.0/24".parse().unwrap();
        for (address, is_in) in [
            ("172.20.1.0", true),
            ("172.20.1.255", true),
            ("172.20.2.0", false),
            ("172.20.0.255", false),
            ("fd00::1", false),
        ] {
            assert_eq!(subnet.contains(address.parse().unwrap()), is_in, "{address}");
        }
        let six: Subnet = "fd00:1::/64".parse().unwrap();
        assert!(six.contains("fd00:1::ffff".parse().unwrap()));
        assert!(!six.contains("fd00:1:0:1::".parse().unwrap()));
        for (other, overlaps) in
            [("172.20.0.0/16", true), ("172.20.1.128/25", true), ("172.20.2.0/24", false)]
        {
            assert_eq!(subnet.overlaps(other.parse().unwrap()), overlaps, "{other}");
        }
        for bad in ["", "0.0.0.0", "127.0.0.1", "::", "224.0.0.1", "10.0.0.0/8", "db"] {
            assert!(bad.parse::<NetworkAddress>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn options_of_a_driver_are_one_word() {
        assert!("com.docker.network.bridge.name".parse::<DriverOptionName>().is_ok());
        for bad in ["", "-a", "a=b", "a b", "a,b", &"a".repeat(129)] {
            assert!(bad.parse::<DriverOptionName>().is_err(), "{bad:?}");
        }
        assert!("1450".parse::<DriverOptionValue>().is_ok());
        for bad in ["", "a b", "a\n", "ä", &"a".repeat(256)] {
            assert!(bad.parse::<DriverOptionValue>().is_err(), "{bad:?}");
        }
    }
}
