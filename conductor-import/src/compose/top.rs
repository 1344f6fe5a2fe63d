//! What becomes of the keys outside of services: networks, volumes, secrets, configs.

use conductor_core::definition::Runtime;

use super::project::{Project, is_external};
use crate::node::{Entry, Node};
use crate::report::{Origin, Report};

/// The keys of a Compose file that are read. `include` has been resolved.
const KEYS: [&str; 7] =
    ["version", "name", "services", "networks", "volumes", "secrets", "configs"];

/// Reports keys outside of services that are not carried over, if a service that is imported uses them.
pub(crate) fn report(project: &Project<'_>, report: &mut Report) {
    for entry in project.root.as_map().unwrap_or_default() {
        if !KEYS.contains(&entry.key.as_str()) && !entry.key.starts_with("x-") {
            let message = format!("left out: conductor does not know the key {}", entry.key);
            report.leave_out(&Origin::new(entry.at, &entry.key), message, "");
        }
    }
    networks(project, report);
    volumes(project, report);
}

fn entries<'n>(project: &Project<'n>, kind: &str) -> &'n [Entry] {
    project.root.get(kind).and_then(Node::as_map).unwrap_or_default()
}

fn networks(project: &Project<'_>, report: &mut Report) {
    for network in entries(project, "networks") {
        let origin = Origin::new(network.at, format!("networks.{}", network.key));
        if !uses_network(project, &network.key) {
            continue;
        }
        let engine = match project.runtime() {
            Runtime::Podman => "podman",
            _ => "docker",
        };
        let make = |options: &str| {
            format!(
                "make it before: {engine} network create {options} {}",
                project.network(&network.key)
            )
        };
        let is_bridge = is_bridge(&network.value);
        if is_bridge && !is_external(Some(&network.value)) {
            carried(project, &network.value, &origin, &make("OPTIONS"), report);
        }
        for key in network.value.as_map().unwrap_or_default() {
            let origin = origin.key(&key.key, key.at);
            match key.key.as_str() {
                "name" | "external" | "labels" | "attachable" => {}
                "internal" | "enable_ipv6" | "ipam" | "driver_opts" if is_bridge => {}
                "driver" if matches!(key.value.as_text(), Some("bridge" | "default") | None) => {}
                "driver" => report.leave_out(
                    &origin,
                    "left out: a network with this driver gives containers addresses outside of the host",
                    make("--driver=NAME"),
                ),
                "internal" if key.value.as_bool() != Some(true) => {}
                "internal" => report.leave_out(
                    &origin,
                    "left out: it keeps containers from reaching other networks than this one",
                    make("--internal"),
                ),
                "enable_ipv6" | "enable_ipv4" if key.value.as_bool() == Some(key.key == "enable_ipv4") => {}
                "ipam" | "driver_opts" if key.value.as_map().is_none_or(<[Entry]>::is_empty) => {}
                "ipam" => report.leave_out(
                    &origin,
                    "left out: it sets the addresses of the network",
                    make("--subnet=RANGE"),
                ),
                other if other.starts_with("x-") => {}
                other => report.leave_out(&origin, format!("left out: it sets {other} of the network"), make("--OPTION")),
            }
        }
    }
}

/// Reports what a definition has no key for of a network whose other settings it has.
fn carried(
    project: &Project<'_>,
    network: &Node,
    origin: &Origin,
    make: &str,
    report: &mut Report,
) {
    let make = format!("{make}, and remove from the definitions what they say of it");
    let at = |origin: &Origin, entry: &Entry| origin.key(&entry.key, entry.at);
    if let Some(ipam) = network.entry("ipam") {
        let origin = at(origin, ipam);
        let keys = ipam.value.as_map().unwrap_or_default();
        let known = |entry: &&Entry| match entry.key.as_str() {
            "config" => true,
            "driver" => matches!(entry.value.as_text(), Some("default") | None),
            _ => entry.key.starts_with("x-"),
        };
        let ranges = ranges(network).flat_map(|it| it.as_map().unwrap_or_default());
        let inner = ranges.filter(|it| !["subnet", "gateway"].contains(&it.key.as_str()));
        for entry in keys.iter().filter(|entry| !known(entry)).chain(inner) {
            let message = format!("left out: it sets {} of the addresses", entry.key);
            report.leave_out(&at(&origin, entry), message, make.clone());
        }
        let given = self::ranges(network).filter_map(|range| range.text_of("subnet"));
        for subnet in given.filter(|subnet| !counts(network, subnet)) {
            let message =
                format!("{subnet} is not needed: without enable_ipv6, docker does not use it");
            report.note(&origin, message);
        }
    }
    let Some(options) = network.entry("driver_opts") else { return };
    let origin = at(origin, options);
    for option in options.value.as_map().unwrap_or_default() {
        if !has_option(project.runtime(), &option.key) {
            let message = format!("left out: podman has no option {}", option.key);
            report.leave_out(&at(&origin, option), message, "");
        }
    }
}

/// Returns whether a network is a bridge, which containers of one host share.
pub(crate) fn is_bridge(network: &Node) -> bool {
    matches!(network.text_of("driver"), Some("bridge" | "default") | None)
}

/// Returns the ranges of a network.
pub(crate) fn ranges(network: &Node) -> impl Iterator<Item = &Node> {
    let config = network.get("ipam").and_then(|ipam| ipam.get("config"));
    config.map_or(&[][..], Node::items).iter()
}

/// Returns whether docker uses a range or a gateway: one of IPv6 only with `enable_ipv6`.
pub(crate) fn counts(network: &Node, text: &str) -> bool {
    !text.contains(':') || network.get("enable_ipv6").and_then(Node::as_bool) == Some(true)
}

/// Returns whether the engine has an option of a bridge. podman has few of those of docker.
pub(crate) fn has_option(runtime: Runtime, name: &str) -> bool {
    !(runtime == Runtime::Podman && name.starts_with("com.docker."))
        || ["com.docker.network.bridge.name", "com.docker.network.driver.mtu"].contains(&name)
}

fn uses_network(project: &Project<'_>, name: &str) -> bool {
    project.services.iter().any(|(service, _)| match service.value.get("networks") {
        Some(networks) => {
            networks.entry(name).is_some()
                || networks.items().iter().any(|it| it.as_text() == Some(name))
        }
        None => name == "default" && service.value.get("network_mode").is_none(),
    })
}

fn volumes(project: &Project<'_>, report: &mut Report) {
    for volume in entries(project, "volumes") {
        if !project.volume_users.contains_key(&volume.key) || device(&volume.value).is_some() {
            continue;
        }
        let origin = Origin::new(volume.at, format!("volumes.{}", volume.key));
        for key in volume.value.as_map().unwrap_or_default() {
            let origin = origin.key(&key.key, key.at);
            match key.key.as_str() {
                "name" | "external" | "labels" => {}
                "driver" if matches!(key.value.as_text(), Some("local" | "default") | None) => {}
                "driver_opts" if key.value.as_map().is_none_or(<[Entry]>::is_empty) => {}
                "driver" | "driver_opts" => report.leave_out(
                    &origin,
                    "left out: it says where the data of the volume is",
                    "mount the file system on the host, and write its path in place of the volume",
                ),
                other if other.starts_with("x-") => {}
                other => report.leave_out(
                    &origin,
                    format!("left out: it sets {other} of the volume"),
                    "",
                ),
            }
        }
    }
}

/// Returns the directory of a volume that is only another name for it: `driver_opts` with `o: bind`.
pub(crate) fn device(volume: &Node) -> Option<&str> {
    let options = volume.get("driver_opts")?;
    let is_bind =
        options.text_of("o").is_some_and(|o| o.split(',').any(|it| it == "bind" || it == "rbind"));
    is_bind.then(|| options.text_of("device")).flatten()
}
