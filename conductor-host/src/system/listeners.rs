//! The TCP ports that are in use on this host (`proc_pid_net(5)`).

use std::collections::BTreeSet;
use std::path::Path;

use conductor_core::error::{PathContext as _, PathError};

/// The state of a listening socket in `/proc/net/tcp`.
const LISTEN: &str = "0A";

/// Returns all listening ports of IPv4 and IPv6, on any address.
///
/// # Errors
/// `/proc` cannot be read. A missing table, as on a kernel without IPv6, is not an error.
pub fn listening_ports() -> Result<BTreeSet<u16>, PathError> {
    let mut ports = BTreeSet::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let path = Path::new(table);
        if path.exists() {
            ports.extend(parse(&std::fs::read_to_string(path).at("read", path)?));
        }
    }
    Ok(ports)
}

fn parse(table: &str) -> impl Iterator<Item = u16> {
    table.lines().skip(1).filter_map(|line| {
        let mut columns = line.split_whitespace().skip(1);
        let local = columns.next()?;
        let state = columns.nth(1)?;
        let (_, port) = local.rsplit_once(':')?;
        (state == LISTEN).then(|| u16::from_str_radix(port, 16).ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_seen() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(listening_ports().unwrap().contains(&port));
        drop(listener);
        assert!(!listening_ports().unwrap().contains(&port));
    }
}
