//! Addresses, read without a resolver: the static probe has none.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::error::ValueError;

/// Returns the address of a host that is written as an address or as `localhost`.
///
/// # Errors
/// It is another name.
pub fn host(name: &str) -> Result<IpAddr, ValueError> {
    let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    match bare.parse() {
        Ok(address) => Ok(address),
        Err(_) if name == "localhost" => Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        Err(_) => Err(ValueError::Name(name.to_owned())),
    }
}

/// Reads `HOST:PORT`.
///
/// # Errors
/// It has another form, or the host is a name.
pub fn address(text: &str) -> Result<SocketAddr, ValueError> {
    let (name, port) = text.rsplit_once(':').ok_or(ValueError::Address)?;
    let port = port.parse().ok().filter(|port| *port != 0).ok_or(ValueError::Address)?;
    if name.contains(':') && !name.starts_with('[') {
        return Err(ValueError::Address);
    }
    host(name).map(|host| SocketAddr::new(host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_need_no_resolver() {
        for (text, read) in [
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("localhost:8080", "127.0.0.1:8080"),
            ("[::1]:443", "[::1]:443"),
        ] {
            assert_eq!(address(text), Ok(read.parse().unwrap()), "{text}");
        }
        for bad in ["127.0.0.1", "::1:80", "127.0.0.1:0", "127.0.0.1:99999", ":80:"] {
            assert_eq!(address(bad), Err(ValueError::Address), "{bad}");
        }
        assert_eq!(address("example.org:80"), Err(ValueError::Name("example.org".to_owned())));
    }
}
