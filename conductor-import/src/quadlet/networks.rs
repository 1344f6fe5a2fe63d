//! Translates `[Network]` to the keys of Compose.

use super::unit::{Line, words};
use crate::node::{Entry, Node, Value};

/// The keys that are carried over, or mean nothing for a definition.
pub(super) const KNOWN: [&str; 7] =
    ["NetworkName", "Label", "Internal", "IPv6", "Subnet", "Gateway", "Options"];

/// The argument of podman that names the bridge.
const BRIDGE_NAME: &str = "--interface-name=";

/// Returns how a network is made.
pub(super) fn settings(lines: &[Line]) -> Vec<Entry> {
    let mut entries = Vec::new();
    let lines = || lines.iter().filter(|line| line.section == "Network");
    for (key, ours) in [("Internal", "internal"), ("IPv6", "enable_ipv6")] {
        if let Some(line) = lines().rfind(|line| line.key == key) {
            entries.push(entry(ours, Node::text(line.value.as_str(), line.at)));
        }
    }
    let mut ranges = Vec::new();
    for (key, ours) in [("Subnet", "subnet"), ("Gateway", "gateway")] {
        for line in lines().filter(|line| line.key == key) {
            let value = Node::text(line.value.as_str(), line.at);
            ranges.push(Node::new(Value::Map(vec![entry(ours, value)]), line.at));
        }
    }
    // podman has IPv6 as soon as there is a range of it.
    if let Some(six) =
        ranges.iter().find(|it| it.text_of("subnet").is_some_and(|it| it.contains(':')))
        && !entries.iter().any(|entry| entry.key == "enable_ipv6")
    {
        entries.push(entry("enable_ipv6", Node::text("true", six.at)));
    }
    if let Some(at) = ranges.first().map(|range| range.at) {
        let config = entry("config", Node::new(Value::List(ranges), at));
        entries.push(entry("ipam", Node::new(Value::Map(vec![config]), at)));
    }
    let mut options = Vec::new();
    for line in lines() {
        for word in words(&line.value).unwrap_or_default() {
            let option = match (line.key.as_str(), word.strip_prefix(BRIDGE_NAME)) {
                ("Options", _) => word.split_once('='),
                ("PodmanArgs", Some(name)) => Some(("com.docker.network.bridge.name", name)),
                _ => None,
            };
            options.extend(option.map(|(name, value)| entry(name, Node::text(value, line.at))));
        }
    }
    if let Some(at) = options.first().map(|option| option.at) {
        entries.push(entry("driver_opts", Node::new(Value::Map(options), at)));
    }
    entries
}

/// Returns whether a line does nothing but name the bridge.
pub(super) fn is_bridge_name(line: &Line) -> bool {
    let words = words(&line.value).unwrap_or_default();
    line.key == "PodmanArgs" && words.iter().all(|word| word.starts_with(BRIDGE_NAME))
}

fn entry(key: &str, value: Node) -> Entry {
    Entry { key: key.to_owned(), at: value.at, value }
}
