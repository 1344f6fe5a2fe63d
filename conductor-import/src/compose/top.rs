//! What becomes of the keys outside of services: networks, volumes, secrets, configs.

use conductor_core::definition::Runtime;

use super::project::Project;
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
        for key in network.value.as_map().unwrap_or_default() {
            let origin = origin.key(&key.key, key.at);
            match key.key.as_str() {
                "name" | "external" | "labels" | "attachable" => {}
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
