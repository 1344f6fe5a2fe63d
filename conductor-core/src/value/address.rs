//! Addresses at which instances are reached.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use super::path::HostPath;
use super::port::Port;
use crate::error::{Invalid, shown};
use crate::text::{Numbers, written_as_text};

/// An IP address of the host; `0.0.0.0` and `::` are all its addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenAddress(IpAddr);

impl ListenAddress {
    /// Returns address and port as in URLs and in `--publish`: `127.0.0.1:80`, `[::1]:80`.
    pub fn with_port(self, port: Port) -> String {
        SocketAddr::new(self.0, port.number()).to_string()
    }

    /// Returns the address at which the host itself reaches a listener on this address.
    #[must_use]
    pub fn reached_at(self) -> Self {
        match self.0 {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Self(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Self(Ipv6Addr::LOCALHOST.into()),
            _ => self,
        }
    }
}

/// 127.0.0.1, which only the host itself reaches, and so a proxy on it.
impl Default for ListenAddress {
    fn default() -> Self {
        Self(Ipv4Addr::LOCALHOST.into())
    }
}

impl From<IpAddr> for ListenAddress {
    fn from(address: IpAddr) -> Self {
        Self(address)
    }
}

impl From<ListenAddress> for IpAddr {
    fn from(address: ListenAddress) -> Self {
        address.0
    }
}

impl FromStr for ListenAddress {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        text.parse().map(Self).map_err(|_| {
            Invalid::new(format!("{} is not an IP address", shown(text)))
                .hint("write 127.0.0.1 for this host only, 0.0.0.0 for all addresses, or socket")
        })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What the instances of a service listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Listen {
    /// An address, with a port for each instance.
    Address(ListenAddress),
    /// A unix socket for each instance.
    Socket,
}

/// How [`Listen::Socket`] is written.
const SOCKET: &str = "socket";

impl Default for Listen {
    fn default() -> Self {
        Self::Address(ListenAddress::default())
    }
}

impl FromStr for Listen {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text == SOCKET {
            return Ok(Self::Socket);
        }
        text.parse().map(Self::Address).map_err(|_| {
            Invalid::new(format!("{} is neither an IP address nor socket", shown(text)))
                .hint("write 127.0.0.1 for this host only, 0.0.0.0 for all addresses, or socket")
        })
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Socket => f.write_str(SOCKET),
        }
    }
}

written_as_text!(
    Listen,
    "^(socket|[0-9A-Fa-f:.]{2,45})$",
    numbers: Numbers::Refused,
    "An IP address of the host, where 0.0.0.0 and :: stand for all of them; or socket."
);

/// Where the host reaches an instance.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Endpoint {
    /// At its port.
    Tcp {
        /// The address that it listens on.
        listen: ListenAddress,
        /// The port.
        port: Port,
    },
    /// At a unix socket.
    Socket(HostPath),
}

impl Endpoint {
    /// Returns the port, if it has one.
    pub fn port(&self) -> Option<Port> {
        match self {
            Self::Tcp { port, .. } => Some(*port),
            Self::Socket(_) => None,
        }
    }

    /// Returns the address at which the host reaches the instance, if it has a port.
    pub fn socket_address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp { listen, port } => {
                Some(SocketAddr::new(listen.reached_at().0, port.number()))
            }
            Self::Socket(_) => None,
        }
    }

    /// Returns the socket, if it is one.
    pub fn socket(&self) -> Option<&HostPath> {
        match self {
            Self::Tcp { .. } => None,
            Self::Socket(path) => Some(path),
        }
    }
}

/// As nginx has it: `127.0.0.1:20001`, `unix:/run/web.sock`.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { listen, port } => f.write_str(&listen.reached_at().with_port(*port)),
            Self::Socket(path) => write!(f, "unix:{path}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_urls_have_them() {
        let port = "80".parse().unwrap();
        for (text, reached) in [
            ("127.0.0.1", "127.0.0.1:80"),
            ("0.0.0.0", "127.0.0.1:80"),
            ("10.0.0.5", "10.0.0.5:80"),
            ("::", "[::1]:80"),
        ] {
            let address: ListenAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
            assert_eq!(address.reached_at().with_port(port), reached);
        }
        for text in ["socket", "127.0.0.1", "::"] {
            assert_eq!(text.parse::<Listen>().unwrap().to_string(), text);
        }
        for bad in ["", "localhost", "127.0.0.1:80", "127.0.0", "[::1]", "1.2.3.4\n"] {
            assert!(bad.parse::<ListenAddress>().is_err(), "{bad:?}");
            assert!(bad.parse::<Listen>().is_err(), "{bad:?}");
        }
    }
}
