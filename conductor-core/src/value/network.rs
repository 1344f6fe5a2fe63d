//! Names and addresses of hosts, as a container sees them.

use std::net::IpAddr;

use crate::error::{Invalid, shown};
use crate::text::{Numbers, text_type};

/// The engines' word for the address of the host.
const GATEWAY: &str = "host-gateway";

text_type!(
    /// The name that a container has for itself (hostname(7)).
    HostName,
    check_host_name,
    "^(?=.{1,64}$)[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?(\\.[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?)*$",
    numbers: Numbers::Refused,
    "The name of a host: letters, digits, '-', '_' and '.', at most 64 characters."
);

text_type!(
    /// A domain in which names are looked up (resolv.conf(5), `search`), or `.` for none.
    SearchDomain,
    check_domain,
    "^(\\.|(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9])?(\\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9])?)*\\.?)$",
    numbers: Numbers::Refused,
    "A domain, such as internal.example; a dot alone for none."
);

text_type!(
    /// The address of a name server.
    NameServer,
    check_name_server,
    "^[0-9A-Fa-f:.]{2,45}$",
    numbers: Numbers::Refused,
    "The IPv4 or IPv6 address of a name server."
);

text_type!(
    /// A name and its address for `/etc/hosts`: `NAME:ADDRESS`.
    ExtraHost,
    check_extra_host,
    "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}[:=](host-gateway|\\[?[0-9A-Fa-f:.]{2,45}\\]?)$",
    numbers: Numbers::Refused,
    "A name and its address for /etc/hosts: NAME:ADDRESS, or NAME:host-gateway for the host."
);

fn is_name(text: &str, longest: usize) -> bool {
    // The engines take an underscore, too, and so do Compose files.
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    let is_label = |label: &str| {
        !label.is_empty()
            && label.chars().all(plain)
            && !label.starts_with(['-', '_'])
            && !label.ends_with(['-', '_'])
    };
    text.len() <= longest && text.split('.').all(is_label)
}

fn check_host_name(text: &str) -> Result<(), Invalid> {
    match is_name(text, 64) {
        true => Ok(()),
        false => Err(Invalid::new(format!("{} is not the name of a host", shown(text)))
            .hint("use letters, digits, '-', '_' and '.', at most 64 characters")),
    }
}

fn check_domain(text: &str) -> Result<(), Invalid> {
    // Names of services may have an underscore: _tcp.internal.
    let plain = text.strip_suffix('.').unwrap_or(text);
    let is_label = |label: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        label.chars().all(inner)
            && label.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && (label == "_" || label.ends_with(|c: char| c.is_ascii_alphanumeric()))
    };
    match text == "." || (text.len() <= 253 && plain.split('.').all(is_label)) {
        true => Ok(()),
        false => Err(Invalid::new(format!("{} is not a domain", shown(text)))
            .hint("write for example internal.example, or a dot for none")),
    }
}

fn check_name_server(text: &str) -> Result<(), Invalid> {
    text.parse::<IpAddr>().map(drop).map_err(|_| {
        Invalid::new(format!("{} is not the address of a name server", shown(text)))
            .hint("write an IPv4 or IPv6 address, such as 10.0.0.53")
    })
}

fn check_extra_host(text: &str) -> Result<(), Invalid> {
    let refuse = || {
        Invalid::new(format!("{} is not a name and its address", shown(text)))
            .hint("write NAME:ADDRESS, or NAME:host-gateway for the host itself")
    };
    let (name, address) = text.split_once([':', '=']).ok_or_else(refuse)?;
    let first = name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let is_address = bare.unwrap_or(address).parse::<IpAddr>().is_ok();
    match first && plain && name.len() <= 253 && (is_address || address == GATEWAY) {
        true => Ok(()),
        false => Err(refuse()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_narrow() {
        for good in ["web", "web-1.example", "1a", "shop_db"] {
            assert!(good.parse::<HostName>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "a..b", "_a", "a b", ".", "a.", &"a".repeat(65)] {
            assert!(bad.parse::<HostName>().is_err(), "{bad:?}");
        }
        for good in
            ["db:10.0.0.5", "db=10.0.0.5", "host.docker.internal:host-gateway", "a:::1", "a:[::1]"]
        {
            assert!(good.parse::<ExtraHost>().is_ok(), "{good}");
        }
        for bad in
            ["", "db", "db:", ":1.2.3.4", "db:1.2.3", "db:other", "a b:1.2.3.4", "-a:1.2.3.4"]
        {
            assert!(bad.parse::<ExtraHost>().is_err(), "{bad:?}");
        }
        for good in [".", "internal.example", "_tcp.example."] {
            assert!(good.parse::<SearchDomain>().is_ok(), "{good}");
        }
        for bad in ["", "..", "a b", "-a.example"] {
            assert!(bad.parse::<SearchDomain>().is_err(), "{bad:?}");
        }
        assert!("::1".parse::<NameServer>().is_ok());
        assert!("localhost".parse::<NameServer>().is_err());
    }
}
