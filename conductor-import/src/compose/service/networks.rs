//! Networks, and the names under which a service is found in them.

use conductor_core::definition::Runtime;

use super::Conversion;
use crate::compose::project::is_external;
use crate::compose::top;
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
    let mut own = Vec::new();
    if let Some(node) = node {
        let given = node.get("aliases").map_or(&[][..], Node::items);
        let aliases: Vec<_> = given.iter().filter_map(Node::as_text).map(str::to_owned).collect();
        own.extend((!aliases.is_empty()).then(|| list("aliases", &aliases, origin)));
        for entry in node.as_map().unwrap_or_default() {
            let origin = origin.key(&entry.key, entry.at);
            match entry.key.as_str() {
                "aliases" | "priority" | "gw_priority" => {}
                "ipv4_address" | "ipv6_address" => match entry.value.as_text() {
                    Some(address) => own.push(Item {
                        key: entry.key.clone(),
                        value: Val::Text(address.to_owned()),
                        origin,
                    }),
                    None => c.wrong(&entry.value, &origin, "an address"),
                },
                _ if entry.key.starts_with("x-") => {}
                other => c.leave_out(&origin, &format!("it sets {other} of the connection"), ""),
            }
        }
    }
    add(c, name, own, origin);
}

/// Adds a network of the project, with what the service is in it, and how the network is made.
fn add(c: &mut Conversion<'_>, name: &str, mut own: Vec<Item>, origin: &Origin) {
    own.extend(settings(c, name));
    // Dropped or written as a list at the end.
    c.draft.put("networks", &c.project.network(name), Val::Map(own), origin);
}

fn list(key: &str, texts: &[String], origin: &Origin) -> Item {
    let item = |text: &String| Item {
        key: String::new(),
        value: Val::Text(text.clone()),
        origin: origin.clone(),
    };
    let value = Val::List(texts.iter().map(item).collect());
    Item { key: key.to_owned(), value, origin: origin.clone() }
}

/// Returns how a network is made, as a definition says it. Each service in the network says the same.
fn settings(c: &Conversion<'_>, name: &str) -> Vec<Item> {
    let Some(entry) = c.project.resource("networks", name) else { return Vec::new() };
    let network = &entry.value;
    if c.runtime() == Runtime::Native || is_external(Some(network)) || !top::is_bridge(network) {
        return Vec::new();
    }
    let at = |key: &str| {
        let origin = Origin::new(entry.at, format!("networks.{name}"));
        network.entry(key).map_or(origin.clone(), |it| origin.key(key, it.at))
    };
    let mut items = Vec::new();
    for key in ["internal", "enable_ipv6"] {
        if network.get(key).and_then(Node::as_bool) == Some(true) {
            let value = Val::Plain("true".to_owned());
            items.push(Item { key: key.to_owned(), value, origin: at(key) });
        }
    }
    for (key, inner) in [("subnets", "subnet"), ("gateways", "gateway")] {
        let texts: Vec<_> = top::ranges(network)
            .filter_map(|range| range.text_of(inner).map(str::to_owned))
            .filter(|text| top::counts(network, text))
            .collect();
        items.extend((!texts.is_empty()).then(|| list(key, &texts, &at("ipam"))));
    }
    let options = network.get("driver_opts").and_then(Node::as_map).unwrap_or_default();
    let options: Vec<_> = options
        .iter()
        .filter(|option| top::has_option(c.runtime(), &option.key))
        .filter_map(|option| {
            let value = Val::Text(option.value.as_text()?.to_owned());
            let origin = at("driver_opts").key(&option.key, option.at);
            Some(Item { key: option.key.clone(), value, origin })
        })
        .collect();
    if !options.is_empty() {
        let (key, origin) = ("driver_opts".to_owned(), at("driver_opts"));
        items.push(Item { key, value: Val::Map(options), origin });
    }
    items
}

pub(crate) fn network_mode(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    match entry.value.as_text().unwrap_or_default() {
        mode @ ("host" | "none") => c.draft.text("network_mode", mode, origin),
        "bridge" | "default" => {
            c.note(origin, "not needed: the engine's own network is that without networks");
        }
        mode if mode.starts_with("service:") || mode.starts_with("container:") => c.leave_out(
            origin,
            "the container shares the address of another one, and goes out only through it",
            "with podman, put both into one pod; or both into one network, but if the other one is a VPN, leave both to Compose: here it would go out directly",
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
        add(c, "default", Vec::new(), origin);
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
        let given = inner.iter().position(|item| item.key == "aliases");
        let mut aliases = match given.map(|index| inner.remove(index)) {
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
            inner.insert(0, Item { key, value, origin: network.origin.clone() });
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
