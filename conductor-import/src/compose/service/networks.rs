//! Networks, and the names under which a service is found in them.

use conductor_core::definition::Runtime;

use super::Conversion;
use crate::draft::{Item, Val};
use crate::node::{Entry, Node};
use crate::report::Origin;

pub(crate) fn networks(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    match entry.value.as_map() {
        Some(entries) => {
            for network in entries {
                let origin = origin.key(&network.key, network.at);
                attach(c, &network.key, Some(&network.value), &origin);
            }
        }
        None => {
            for (origin, item) in super::texts(&entry.value, origin) {
                match item.as_text() {
                    Some(name) => attach(c, name, None, &origin),
                    None => c.wrong(item, &origin, "the name of a network"),
                }
            }
        }
    }
}

fn attach(c: &mut Conversion<'_>, name: &str, node: Option<&Node>, origin: &Origin) {
    if name != "default" && c.project.resource("networks", name).is_none() {
        c.note(origin, format!("the file defines no network {name}"));
    }
    let mut aliases = Vec::new();
    if let Some(node) = node {
        let given = node.get("aliases").map_or(&[][..], Node::items);
        aliases.extend(given.iter().filter_map(Node::as_text).map(str::to_owned));
        for entry in node.as_map().unwrap_or_default() {
            let origin = origin.key(&entry.key, entry.at);
            match entry.key.as_str() {
                "aliases" | "priority" | "gw_priority" => {}
                "ipv4_address" | "ipv6_address" => c.leave_out(
                    &origin,
                    "it gives the container a fixed address in the network",
                    "name the service in place of its address",
                ),
                _ if entry.key.starts_with("x-") => {}
                other => c.leave_out(&origin, &format!("it sets {other} of the connection"), ""),
            }
        }
    }
    let network = c.project.network(name);
    add(c, &network, &aliases, origin);
}

fn add(c: &mut Conversion<'_>, network: &str, aliases: &[String], origin: &Origin) {
    let item = |text: &String| Item {
        key: String::new(),
        value: Val::Text(text.clone()),
        origin: origin.clone(),
    };
    // Dropped or written as a list at the end.
    let inner = match aliases {
        [] => Vec::new(),
        aliases => vec![Item {
            key: "aliases".to_owned(),
            value: Val::List(aliases.iter().map(item).collect()),
            origin: origin.clone(),
        }],
    };
    c.draft.put("networks", network, Val::Map(inner), origin);
}

pub(crate) fn network_mode(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    match entry.value.as_text().unwrap_or_default() {
        mode @ ("host" | "none") => c.draft.text("network_mode", mode, origin),
        "bridge" | "default" => {
            c.note(origin, "not needed: the engine's own network is that without networks");
        }
        mode if mode.starts_with("service:") || mode.starts_with("container:") => c.leave_out(
            origin,
            "the container is in the network namespace of another one, with its address and ports",
            "put both into one network; what must share an address has to be one container",
        ),
        _ => c.wrong(&entry.value, origin, "a network mode"),
    }
}

pub(crate) fn container_name(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    // Whether the container can have it depends on other keys.
    if entry.value.as_text().is_none() {
        c.wrong(&entry.value, origin, "a name");
    }
}

/// Sets the name of the container, unless several may run at the same time. Returns the name if it has to be an alias.
///
/// Compose never has two containers of such a name, and conductor's proxy and `start-first` are of no use then. So
/// whoever writes them wants two.
fn name_container(c: &mut Conversion<'_>, origin: &Origin) -> Option<(String, Origin)> {
    let entry = c.node.entry("container_name")?;
    let (name, origin) = (entry.value.as_text()?.to_owned(), origin.key(&entry.key, entry.at));
    if c.runtime() == Runtime::Native {
        c.note(&origin, "not needed: a native service has no container");
        return None;
    }
    if !may_run_twice(c) {
        c.draft.text("container_name", name, &origin);
        return None;
    }
    if name != c.draft.id.as_str() {
        c.note(&origin, "a name in its networks; the container itself is named after its unit");
    }
    Some((name, origin))
}

/// Returns whether two containers of the service may run at the same time, or one only until its command has ended.
fn may_run_twice(c: &Conversion<'_>) -> bool {
    let is_start_first = |deploy: &Val| match deploy {
        Val::Map(items) => items
            .iter()
            .any(|it| it.key == "order" && it.value == Val::Text("start-first".to_owned())),
        _ => false,
    };
    let own = c.node.get(super::extension::KEY);
    let own = |key: &str| own.and_then(|own| own.get(key));
    let order = own("deploy").and_then(|deploy| deploy.text_of("order"));
    c.draft.has("type")
        || c.draft.has("instances")
        || c.draft.get("deploy").is_some_and(is_start_first)
        || ["type", "instances", "proxy"].iter().any(|key| own(key).is_some())
        || order == Some("start-first")
}

/// Adds the default network, and the names that other services use.
pub(super) fn finish(c: &mut Conversion<'_>, origin: &Origin) {
    let alias = name_container(c, origin);
    if c.runtime() == Runtime::Native {
        return;
    }
    if c.get("networks").is_none() && c.get("network_mode").is_none() && others_share_default(c) {
        let network = c.project.network("default");
        add(c, &network, &[], origin);
    }
    let mut names: Vec<(String, Origin)> = Vec::new();
    let id = c.draft.id.to_string();
    if c.name != id {
        names.push((c.name.to_owned(), origin.clone()));
    }
    names.extend(alias.filter(|(name, _)| *name != id && *name != c.name));
    // The names of a Quadlet container in all of its networks.
    for alias in c.node.get("x-aliases").map_or(&[][..], Node::items) {
        names.extend(
            alias.as_text().map(|text| (text.to_owned(), Origin::new(alias.at, "NetworkAlias"))),
        );
    }
    let Some(Val::Map(mut networks)) = c.draft.get("networks").cloned() else { return };
    for network in &mut networks {
        let Val::Map(inner) = &mut network.value else { continue };
        let mut aliases = match inner.pop() {
            Some(Item { value: Val::List(aliases), .. }) => aliases,
            _ => Vec::new(),
        };
        for (name, origin) in &names {
            let (key, value) = (String::new(), Val::Text(name.clone()));
            aliases.push(Item { key, value, origin: origin.clone() });
        }
        let mut seen = Vec::new();
        aliases.retain(|alias| {
            let is_new = !seen.contains(&alias.value) && alias.value != Val::Text(id.clone());
            seen.push(alias.value.clone());
            is_new
        });
        if !aliases.is_empty() {
            let (key, value) = ("aliases".to_owned(), Val::List(aliases));
            inner.push(Item { key, value, origin: network.origin.clone() });
        }
    }
    let is_plain = |network: &Item| matches!(&network.value, Val::Map(inner) if inner.is_empty());
    let value = match networks.iter().all(is_plain) {
        true => Val::List(
            networks
                .iter()
                .map(|network| Item {
                    key: String::new(),
                    value: Val::Text(network.key.clone()),
                    origin: network.origin.clone(),
                })
                .collect(),
        ),
        false => Val::Map(networks),
    };
    let origin = c.node.entry("networks").map_or(origin.clone(), |it| origin.key(&it.key, it.at));
    c.draft.set("networks", value, &origin);
}

/// Returns whether another service is in the default network: one alone needs none.
fn others_share_default(c: &Conversion<'_>) -> bool {
    if !c.project.has_default_network {
        return false;
    }
    c.project.services.iter().any(|(other, _)| {
        let names = other.value.get("networks");
        let is_in = match names {
            Some(names) => {
                names.entry("default").is_some()
                    || names.items().iter().any(|name| name.as_text() == Some("default"))
            }
            None => other.value.get("network_mode").is_none(),
        };
        other.key != c.name && is_in
    })
}
