//! Refuses a start while another process listens at the service's address.
//!
//! Otherwise a container that was left behind would answer the checks of the service, which cannot listen
//! because of it.

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::check::socket::Endpoint;

/// The timeout of the connection that shows whether a process listens.
const PATIENCE: Duration = Duration::from_millis(500);

/// Another process already listens.
#[derive(Debug, thiserror::Error)]
#[error("{endpoint} is in use before {program} was started: {holder}")]
pub(crate) struct Occupied {
    endpoint: Endpoint,
    program: String,
    holder: Holder,
}

#[derive(Debug)]
enum Holder {
    Process { pid: u32, name: String },
    Unknown { hint: String },
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process { pid, name } => write!(f, "process {pid} ({name}) listens on it"),
            Self::Unknown { hint } => {
                write!(f, "another process listens on it; find it with \"{hint}\"")
            }
        }
    }
}

/// Checks that no other process listens at the program's address.
pub(crate) fn refuse(endpoint: &Endpoint, program: &str) -> Result<(), Occupied> {
    if endpoint.connect(Instant::now().checked_add(PATIENCE)).is_err() {
        return Ok(());
    }
    let inodes = listeners(endpoint);
    // A socket that systemd holds for the service (systemd.socket(5)) is the service's own.
    if holds(Path::new("/proc/self"), &inodes) {
        return Ok(());
    }
    let holder = holder(&inodes).unwrap_or_else(|| Holder::Unknown { hint: hint(endpoint) });
    Err(Occupied { endpoint: endpoint.clone(), program: program.to_owned(), holder })
}

fn hint(endpoint: &Endpoint) -> String {
    match endpoint {
        Endpoint::Tcp(address) => format!("ss -ltnp sport = :{}", address.port()),
        Endpoint::Unix(path) => format!("ss -lxp src {}", path.display()),
    }
}

/// Returns the inodes of the sockets that listen there.
fn listeners(endpoint: &Endpoint) -> HashSet<String> {
    let read = |table: &str| fs::read_to_string(format!("/proc/net/{table}")).unwrap_or_default();
    let tables = match endpoint {
        Endpoint::Tcp(_) => [read("tcp"), read("tcp6")],
        Endpoint::Unix(_) => [read("unix"), String::new()],
    };
    let mut inodes = HashSet::new();
    for line in tables.iter().flat_map(|table| table.lines().skip(1)) {
        let inode = match endpoint {
            Endpoint::Tcp(address) => tcp_listener(line, *address),
            Endpoint::Unix(path) => unix_listener(line, path),
        };
        inodes.extend(inode.map(|inode| format!("socket:[{inode}]")));
    }
    inodes
}

/// Reads a line of /proc/net/tcp or tcp6 (`proc_net(5)`).
fn tcp_listener(line: &str, wanted: SocketAddr) -> Option<&str> {
    const LISTEN: &str = "0A";
    let fields: Vec<_> = line.split_ascii_whitespace().collect();
    let (&local, &state, &inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
    let (host, port) = local.split_once(':')?;
    if state != LISTEN || u16::from_str_radix(port, 16).ok()? != wanted.port() {
        return None;
    }
    // The kernel prints words of 32 bits in the byte order of the processor.
    let words = (0..host.len() / 8).map(|word| host.get(word * 8..word * 8 + 8));
    let words =
        words.map(|word| u32::from_str_radix(word?, 16).ok()).collect::<Option<Vec<_>>>()?;
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    let host = match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(bytes) => IpAddr::V4(Ipv4Addr::from(bytes)),
        Err(_) => Ipv6Addr::from(<[u8; 16]>::try_from(bytes.as_slice()).ok()?).to_canonical(),
    };
    (host == wanted.ip() || host.is_unspecified()).then_some(inode)
}

/// Reads a line of /proc/net/unix.
fn unix_listener<'a>(line: &'a str, wanted: &Path) -> Option<&'a str> {
    const LISTENS: &str = "00010000";
    let mut fields = line.split_ascii_whitespace();
    let flags = fields.nth(3)?;
    let inode = fields.nth(2)?;
    let path = fields.next()?;
    (flags == LISTENS && Path::new(path) == wanted).then_some(inode)
}

fn holder(inodes: &HashSet<String>) -> Option<Holder> {
    let processes = fs::read_dir("/proc").ok()?.flatten();
    processes.into_iter().find_map(|process| {
        let pid = process.file_name().to_str()?.parse().ok()?;
        let path = process.path();
        let name = || fs::read_to_string(path.join("comm")).unwrap_or_default().trim().to_owned();
        holds(&path, inodes).then(|| Holder::Process { pid, name: name() })
    })
}

/// Returns whether a process has one of the sockets open, as far as this process may see.
fn holds(process: &Path, inodes: &HashSet<String>) -> bool {
    let Ok(descriptors) = fs::read_dir(process.join("fd")) else { return false };
    let links = descriptors.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
    links.into_iter().any(|link| link.to_str().is_some_and(|link| inodes.contains(link)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_the_kernel_are_read() {
        let v4 = "   0: 0100007F:4E21 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0";
        let any6 = "   1: 00000000000000000000000000000000:4E21 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4712 1 0";
        let local6 = any6.replacen(&"0".repeat(32), "00000000000000000000000001000000", 1);
        let address = |text: &str| text.parse().unwrap();
        if cfg!(target_endian = "little") {
            assert_eq!(tcp_listener(v4, address("127.0.0.1:20001")), Some("4711"));
            assert_eq!(tcp_listener(&local6, address("[::1]:20001")), Some("4712"));
        }
        assert_eq!(tcp_listener(any6, address("127.0.0.1:20001")), Some("4712"));
        assert_eq!(tcp_listener(&local6, address("127.0.0.1:20001")), None);
        assert_eq!(tcp_listener(v4, address("127.0.0.1:20002")), None);
        assert_eq!(tcp_listener(&v4.replace(" 0A ", " 01 "), address("127.0.0.1:20001")), None);
        let unix = "0000000000000000: 00000002 00000000 00010000 0001 01 4713 /run/app.sock";
        assert_eq!(unix_listener(unix, Path::new("/run/app.sock")), Some("4713"));
        assert_eq!(unix_listener(unix, Path::new("/run/other.sock")), None);
    }
}
