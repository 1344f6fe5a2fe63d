//! The ports that are in use on this host (`proc_pid_net(5)`).

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use conductor_core::error::{PathContext as _, PathError};
use conductor_core::value::{FixedPort, Port, Protocol};

/// The tables of sockets, and the state of one that listens: of UDP, one that is not connected.
const TABLES: [(&str, Protocol, &str); 4] = [
    ("/proc/net/tcp", Protocol::Tcp, "0A"),
    ("/proc/net/tcp6", Protocol::Tcp, "0A"),
    ("/proc/net/udp", Protocol::Udp, "07"),
    ("/proc/net/udp6", Protocol::Udp, "07"),
];

/// Returns all listening ports of IPv4 and IPv6, on any address.
///
/// # Errors
/// `/proc` cannot be read. A missing table, as on a kernel without IPv6, is not an error.
pub fn listeners() -> Result<Vec<FixedPort>, PathError> {
    let mut listeners = Vec::new();
    for (table, protocol, state) in TABLES {
        let path = Path::new(table);
        if path.exists() {
            let text = std::fs::read_to_string(path).at("read", path)?;
            let found = parse(&text, state);
            listeners.extend(found.map(|(at, port)| FixedPort::listening(protocol, at, port)));
        }
    }
    Ok(listeners)
}

/// Returns the listening TCP ports, on any address.
///
/// # Errors
/// As for [`listeners`].
pub fn listening_ports() -> Result<BTreeSet<u16>, PathError> {
    let all = listeners()?.into_iter().filter(|port| port.protocol == Protocol::Tcp);
    Ok(all.map(|port| port.first().number()).collect())
}

fn parse<'t>(table: &'t str, listens: &'t str) -> impl Iterator<Item = (IpAddr, Port)> + 't {
    table.lines().skip(1).filter_map(move |line| {
        let mut columns = line.split_whitespace().skip(1);
        let local = columns.next()?;
        let state = columns.nth(1)?;
        let (address, port) = local.rsplit_once(':')?;
        let port = u16::from_str_radix(port, 16).ok()?.to_string().parse().ok()?;
        (state == listens).then_some((read_address(address)?, port))
    })
}

/// Reads an address as the kernel prints it: words of 32 bits, each in the order of the host.
fn read_address(text: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        let word = u32::from_str_radix(text.get(8 * at..8 * at + 8)?, 16).ok()?;
        Some(word.to_ne_bytes())
    };
    match text.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let words = [word(0)?, word(1)?, word(2)?, word(3)?];
            let bytes: [u8; 16] = words.concat().try_into().ok()?;
            // A program that listens at an address of IPv4 with a socket of IPv6.
            Some(Ipv6Addr::from(bytes).to_canonical())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream, UdpSocket};

    use super::*;

    #[test]
    fn a_listener_is_seen() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(listening_ports().unwrap().contains(&port));
        // The client's socket is in the same table, and does not listen.
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let client = stream.local_addr().unwrap();
        let port = client.port().to_string().parse().unwrap();
        let client = FixedPort::listening(Protocol::Tcp, client.ip(), port);
        assert!(!listeners().unwrap().contains(&client));
    }

    #[test]
    fn it_is_seen_with_address_and_protocol() {
        let has = |port: &str| {
            listeners().unwrap().contains(&{
                let port: FixedPort = port.parse().unwrap();
                FixedPort { host: None, ..port }
            })
        };
        let tcp = TcpListener::bind("127.0.0.2:0").unwrap();
        let port = tcp.local_addr().unwrap().port();
        assert!(has(&format!("127.0.0.2:{port}:{port}")));
        let udp = UdpSocket::bind("127.0.0.3:0").unwrap();
        let port = udp.local_addr().unwrap().port();
        assert!(has(&format!("127.0.0.3:{port}:{port}/udp")));
        let mapped = "0000000000000000FFFF00000100007F";
        assert_eq!(read_address(mapped).unwrap().to_string(), "127.0.0.1");
        assert_eq!(read_address(&format!("{:024}01000000", 0)).unwrap().to_string(), "::1");
    }
}
