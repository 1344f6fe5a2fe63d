//! Ports of the host.

use super::{Conversion, texts};
use crate::node::{Entry, Node};
use crate::report::Origin;

/// One published port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) address: Option<String>,
    /// The port of the host; `None` for one that the engine chooses.
    pub(crate) host: Option<u16>,
    pub(crate) container: u16,
    pub(crate) protocol: String,
}

pub(crate) fn ports(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    if c.node.text_of("network_mode") == Some("host") {
        return c.note(
            origin,
            "not needed: with network_mode: host the program has the ports of the host",
        );
    }
    let items: Vec<_> = texts(&entry.value, origin).map(|(at, item)| (at, item.clone())).collect();
    let mut chosen = false;
    for (origin, item) in items {
        let Some(found) = published(&item) else {
            c.wrong(&item, &origin, "a port");
            continue;
        };
        c.unknown(
            &item,
            &origin,
            &["target", "published", "host_ip", "protocol", "mode", "app_protocol", "name"],
        );
        let Some((first, last)) = found.first().zip(found.last()) else { continue };
        let udp =
            if first.protocol == "tcp" { String::new() } else { format!("/{}", first.protocol) };
        let range = |first: u16, last: u16| match first == last {
            true => first.to_string(),
            false => format!("{first}-{last}"),
        };
        let inside = range(first.container, last.container);
        match (first.host, last.host) {
            (Some(first_host), Some(last_host)) => {
                let address = first.address.as_ref().map_or(String::new(), |it| format!("{it}:"));
                let outside = range(first_host, last_host);
                c.draft.push("ports", format!("{address}{outside}:{inside}{udp}"), &origin);
            }
            _ if udp.is_empty() && !chosen && found.len() == 1 => {
                chosen = true;
                c.draft.plain("port", first.container, &origin);
                c.note(&origin, "port: conductor chooses the port of the host, at 127.0.0.1");
            }
            _ => c.leave_out(
                &origin,
                "it publishes the port on one of the host that the engine chooses",
                &format!("write ports: [\"HOST:{inside}{udp}\"]"),
            ),
        }
    }
}

pub(crate) fn expose(_: &mut Conversion<'_>, _: &Entry, _: &Origin) {
    // Containers in the same network reach all ports of each other.
}

/// Returns the ports of one item in either syntax; several if it has a range.
pub(crate) fn published(item: &Node) -> Option<Vec<Published>> {
    if item.as_map().is_some() {
        let protocol = item.text_of("protocol").unwrap_or("tcp").to_ascii_lowercase();
        let address = item.text_of("host_ip").map(bracketed);
        let host = item.text_of("published").filter(|text| !text.is_empty());
        return ranges(host, item.text_of("target")?, address.as_deref(), &protocol);
    }
    let text = item.as_text()?;
    let (text, protocol) = match text.rsplit_once('/') {
        Some((text, protocol)) => (text, protocol.to_ascii_lowercase()),
        None => (text, "tcp".to_owned()),
    };
    let Some((rest, container)) = text.rsplit_once(':') else {
        return ranges(None, text, None, &protocol);
    };
    let (address, host) = match rest.rsplit_once(':') {
        Some((address, host)) => (Some(bracketed(address)), host),
        // An address without a port of the host: `127.0.0.1::80` has two colons.
        None => (None, rest),
    };
    let host = Some(host).filter(|host| !host.is_empty());
    ranges(host, container, address.as_deref(), &protocol)
}

/// Returns an IPv6 address in brackets.
fn bracketed(address: &str) -> String {
    match address.contains(':') && !address.starts_with('[') {
        true => format!("[{address}]"),
        false => address.to_owned(),
    }
}

fn ranges(
    host: Option<&str>,
    container: &str,
    address: Option<&str>,
    protocol: &str,
) -> Option<Vec<Published>> {
    /// More are a definition that nobody reads.
    const MOST: u16 = 256;
    let range = |text: &str| -> Option<(u16, u16)> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        (first > 0 && first <= last && last - first < MOST).then_some((first, last))
    };
    let inside = range(container)?;
    let outside = host.map_or(Some(None), |host| range(host).map(Some))?;
    let published = |host: Option<u16>, container| Published {
        address: address
            .filter(|address| !address.is_empty() && *address != "0.0.0.0")
            .map(str::to_owned),
        host,
        container,
        protocol: protocol.to_owned(),
    };
    match outside {
        Some((first, last)) if last - first != inside.1 - inside.0 => {
            // One port inside, and a choice outside: the first.
            (inside.0 == inside.1).then(|| vec![published(Some(first), inside.0)])
        }
        _ => Some(
            (0..=inside.1 - inside.0)
                .map(|n| published(outside.map(|(first, _)| first + n), inside.0 + n))
                .collect(),
        ),
    }
}

/// Returns the TCP ports of a service that are published.
pub(super) fn published_tcp(c: &Conversion<'_>) -> Vec<Published> {
    let items = c.get("ports").map_or(&[][..], Node::items);
    let ports = items.iter().filter_map(published).flatten();
    ports.filter(|port| port.protocol == "tcp").collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Place;

    #[test]
    fn both_syntaxes_are_read() {
        for (text, result) in [
            ("8080:80", "- 8080 80 tcp"),
            ("127.0.0.1:5432:5432", "127.0.0.1 5432 5432 tcp"),
            ("53:53/udp", "- 53 53 udp"),
            ("[::1]:80:80", "[::1] 80 80 tcp"),
            ("::1:80:80", "[::1] 80 80 tcp"),
            ("0.0.0.0:80:80", "- 80 80 tcp"),
            ("80", "- - 80 tcp"),
            ("127.0.0.1::80", "127.0.0.1 - 80 tcp"),
            ("3000-3001:4000-4001", "- 3000 4000 tcp, - 3001 4001 tcp"),
            ("8000-9000:80", "?"),
            ("8000-8010:80", "- 8000 80 tcp"),
            ("a:b", "?"),
            ("0:0", "?"),
        ] {
            let shown = |port: &Published| {
                let host = port.host.map_or("-".to_owned(), |host| host.to_string());
                let address = port.address.as_deref().unwrap_or("-");
                format!("{address} {host} {} {}", port.container, port.protocol)
            };
            let found = published(&Node::text(text, Place::default()));
            let found = found.map(|found| found.iter().map(shown).collect::<Vec<_>>().join(", "));
            assert_eq!(found.as_deref().unwrap_or("?"), result, "{text}");
        }
    }
}
