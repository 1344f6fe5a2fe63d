//! Fixed ports of the host: `[[ADDRESS:]HOST:]INSIDE[/PROTOCOL]`, as in Compose.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use super::address::ListenAddress;
use super::port::Port;
use crate::error::{Invalid, shown};
use crate::text::{Numbers, written_as_text};

/// The protocol of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    /// Returns its name in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// A port of the host that a service always has, or several in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixedPort {
    /// The address of the host; `None` for all.
    pub address: Option<ListenAddress>,
    /// The first port of the host, if it is written.
    pub host: Option<Port>,
    /// The first port on which the program listens.
    pub inside: Port,
    /// How many ports there are.
    pub count: u16,
    /// The protocol.
    pub protocol: Protocol,
}

impl FixedPort {
    /// Returns one port of the host on which something listens.
    pub fn listening(protocol: Protocol, address: IpAddr, port: Port) -> Self {
        Self { address: Some(address.into()), host: None, inside: port, count: 1, protocol }
    }

    /// Returns the first port of the host.
    pub fn first(&self) -> Port {
        self.host.unwrap_or(self.inside)
    }

    /// Returns the ports of the host.
    pub fn numbers(&self) -> impl Iterator<Item = u16> {
        let first = self.first().number();
        first..=first.saturating_add(self.count - 1)
    }

    /// Returns whether it has a TCP port of this number.
    pub fn is_tcp(&self, port: Port) -> bool {
        self.protocol == Protocol::Tcp && self.numbers().any(|number| number == port.number())
    }

    /// Returns where the host itself reaches one of its ports.
    pub fn reached_at(&self, port: Port) -> SocketAddr {
        let address = self.address.unwrap_or_default().reached_at();
        SocketAddr::new(address.into(), port.number())
    }

    /// Returns the first port of the host that two cannot have at the same time, if there is one. On `::`, a program
    /// listens on all addresses of IPv4, too.
    pub fn shared_with(&self, other: &Self) -> Option<u16> {
        let meets = self.protocol == other.protocol && is_shared(self.address, other.address);
        let mut numbers = self.numbers().filter(|_| meets);
        numbers.find(|number| other.numbers().any(|other| other == *number))
    }
}

fn is_shared(one: Option<ListenAddress>, other: Option<ListenAddress>) -> bool {
    let (Some(one), Some(other)) = (one.map(IpAddr::from), other.map(IpAddr::from)) else {
        return true;
    };
    let covers =
        |one: IpAddr, other: IpAddr| one.is_unspecified() && (one.is_ipv6() || other.is_ipv4());
    one == other || covers(one, other) || covers(other, one)
}

impl FromStr for FixedPort {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        const HINT: &str = "write HOST:INSIDE, for example 8080:80; 127.0.0.1:8080:80 or [::1]:8080:80 for one \
                            address, /udp at the end for UDP";
        let refuse = |why: &str| {
            Invalid::new(format!("{} is not a port of the host: {why}", shown(text))).hint(HINT)
        };
        let (ports, protocol) = match text.rsplit_once('/') {
            None | Some((_, "tcp")) => (text.strip_suffix("/tcp").unwrap_or(text), Protocol::Tcp),
            Some((ports, "udp")) => (ports, Protocol::Udp),
            Some((_, other)) => return Err(refuse(&format!("{} is not tcp or udp", shown(other)))),
        };
        let (address, ports) = match ports.strip_prefix('[') {
            Some(rest) => {
                let (address, ports) =
                    rest.split_once("]:").ok_or_else(|| refuse("] is missing"))?;
                if !address.contains(':') {
                    return Err(refuse("brackets are for an address of IPv6"));
                }
                (Some(address), ports)
            }
            None => match ports.split(':').count() {
                1 | 2 => (None, ports),
                3 => match ports.split_once(':') {
                    Some((address, ports)) => (Some(address), ports),
                    None => (None, ports),
                },
                _ => return Err(refuse("an address of IPv6 needs brackets")),
            },
        };
        let address = match address.map(str::parse::<ListenAddress>) {
            Some(Err(invalid)) => return Err(refuse(&invalid.message)),
            Some(Ok(address)) => Some(address),
            None => None,
        };
        let range = |text: &str| {
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            match (first.parse::<Port>(), last.parse::<Port>()) {
                (Ok(first), Ok(last)) if first <= last => {
                    Ok((first, last.number() - first.number() + 1))
                }
                (Err(invalid), _) | (_, Err(invalid)) => Err(refuse(&invalid.message)),
                _ => Err(refuse(&format!("{} ends before it begins", shown(text)))),
            }
        };
        let (host, (inside, count)) = match ports.split_once(':') {
            Some((host, inside)) => (Some(range(host)?), range(inside)?),
            None if address.is_some() => {
                return Err(refuse("it has an address, and one port only"));
            }
            None => (None, range(ports)?),
        };
        if host.is_some_and(|(_, other)| other != count) {
            return Err(refuse("the ranges differ in length"));
        }
        Ok(Self { address, host: host.map(|(first, _)| first), inside, count, protocol })
    }
}

impl fmt::Display for FixedPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, host, inside, count, protocol } = self;
        let range = |first: &Port| match count {
            1 => first.to_string(),
            count => format!("{first}-{}", first.number().saturating_add(count - 1)),
        };
        match address.map(IpAddr::from) {
            Some(IpAddr::V6(address)) => write!(f, "[{address}]:")?,
            Some(IpAddr::V4(address)) => write!(f, "{address}:")?,
            None => {}
        }
        if let Some(host) = host {
            write!(f, "{}:", range(host))?;
        } else if address.is_some() {
            write!(f, "{}:", range(inside))?;
        }
        f.write_str(&range(inside))?;
        match protocol {
            Protocol::Tcp => Ok(()),
            Protocol::Udp => f.write_str("/udp"),
        }
    }
}

written_as_text!(
    FixedPort,
    "^(((([0-9]{1,3}\\.){3}[0-9]{1,3}|\\[[0-9A-Fa-f:.]{2,45}\\]):)?[1-9][0-9]{0,4}(-[1-9][0-9]{0,4})?:)?[1-9][0-9]{0,4}(-[1-9][0-9]{0,4})?(/(tcp|udp))?$",
    numbers: Numbers::Whole(1, 65535),
    "A port of the host and the port inside: 8080:80, 127.0.0.1:5432:5432, 53:53/udp."
);

#[cfg(test)]
mod tests {
    use super::*;

    fn port(text: &str) -> FixedPort {
        text.parse().unwrap_or_else(|invalid| panic!("{text}: {invalid}"))
    }

    #[test]
    fn ports_are_read_and_printed() {
        for (text, printed) in [
            ("8080:80", "8080:80"),
            ("8080:80/tcp", "8080:80"),
            ("127.0.0.1:5432:5432", "127.0.0.1:5432:5432"),
            ("53:53/udp", "53:53/udp"),
            ("[::1]:80:80", "[::1]:80:80"),
            ("8000-8002:9000-9002/udp", "8000-8002:9000-9002/udp"),
            ("9100", "9100"),
        ] {
            assert_eq!(port(text).to_string(), printed);
            assert_eq!(port(printed), port(text));
        }
        for bad in [
            "",
            "80:",
            ":80",
            "0:80",
            "70000:80",
            "8080:80/sctp",
            "8080:80/",
            "localhost:80:80",
            "127.0.0.1:80",
            "::1:80:80",
            "[::1]:80",
            "[::1:80:80",
            "[127.0.0.1]:80:80",
            "1.2.3.4::80",
            "8002-8000:2-0",
            "8000-8002:80",
            "80 :80",
            "80:80\n",
        ] {
            assert!(bad.parse::<FixedPort>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn two_cannot_have_one_port() {
        let shared = |one: &str, other: &str| {
            let found = port(one).shared_with(&port(other));
            assert_eq!(found, port(other).shared_with(&port(one)), "{one} {other}");
            found
        };
        assert_eq!(shared("80:80", "80:8080"), Some(80));
        assert_eq!(shared("80:80", "127.0.0.1:80:1"), Some(80));
        assert_eq!(shared("0.0.0.0:80:80", "127.0.0.1:80:80"), Some(80));
        assert_eq!(shared("[::]:80:80", "127.0.0.1:80:80"), Some(80));
        assert_eq!(shared("80-85:80-85", "85-90:5-10"), Some(85));
        for (one, other) in [
            ("80:80", "80:80/udp"),
            ("80:80", "8080:80"),
            ("127.0.0.1:80:80", "127.0.0.2:80:80"),
            ("0.0.0.0:80:80", "[::1]:80:80"),
        ] {
            assert_eq!(shared(one, other), None, "{one} {other}");
        }
    }

    #[test]
    fn the_host_reaches_it() {
        let at =
            |text: &str, number: &str| port(text).reached_at(number.parse().unwrap()).to_string();
        assert_eq!(at("8080:80", "8080"), "127.0.0.1:8080");
        assert_eq!(at("[::]:8080:80", "8080"), "[::1]:8080");
        assert_eq!(at("10.0.0.5:80-82:80-82", "81"), "10.0.0.5:81");
    }
}
