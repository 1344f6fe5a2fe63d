//! Keys that say how the engine runs the container.

use super::{Conversion, texts};
use crate::compose::merge::key_values;
use crate::draft::{Item, Val};
use crate::node::{Entry, Node, Value};
use crate::report::Origin;
use crate::units;

/// Returns the definition's word for a key.
fn word(key: &str) -> &str {
    match key {
        "userns_mode" => "userns",
        key => key,
    }
}

/// Carries a text over.
pub(crate) fn text(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    match entry.value.as_text() {
        Some(text) => c.draft.text(word(&entry.key), text, origin),
        None => c.wrong(&entry.value, origin, "text"),
    }
}

pub(crate) fn user(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    match entry.value.as_text() {
        Some("") => {}
        Some(user) => c.draft.text("user", user, origin),
        None => c.wrong(&entry.value, origin, "a user"),
    }
}

/// Carries `true` over; `false` is the default.
pub(crate) fn flag(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    match entry.value.as_bool() {
        Some(true) => c.draft.plain(&entry.key, true, origin),
        Some(false) => {}
        None => c.wrong(&entry.value, origin, "true or false"),
    }
}

/// A program with a terminal has that as its standard input.
pub(crate) fn stdin_open(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    let has_terminal = c.get("tty").and_then(Node::as_bool) == Some(true);
    match entry.value.as_bool() {
        Some(true) if !has_terminal => c.leave_out(
            origin,
            "the standard input stays open, although nobody writes to it",
            "with tty: true it does, too",
        ),
        Some(_) => {}
        None => c.wrong(&entry.value, origin, "true or false"),
    }
}

/// conductor has the engine add an init process, unless told otherwise.
pub(crate) fn init(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    match entry.value.as_bool() {
        Some(false) => c.draft.plain("init", false, origin),
        Some(true) => {}
        None => c.wrong(&entry.value, origin, "true or false"),
    }
}

/// Carries a list of texts over.
pub(crate) fn list(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    for (origin, item) in texts(&entry.value, origin) {
        match item.as_text() {
            Some(text) if entry.key.starts_with("cap_") => {
                c.draft.push(&entry.key, text.to_ascii_uppercase(), &origin);
            }
            Some(text) => c.draft.push(&entry.key, text, &origin),
            None => c.wrong(item, &origin, "text"),
        }
    }
}

pub(crate) fn tmpfs(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    list(c, entry, origin);
}

pub(crate) fn devices(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    for (origin, item) in texts(&entry.value, origin) {
        let long = item.text_of("source").map(|source| {
            let target = item.text_of("target").unwrap_or(source);
            let permissions =
                item.text_of("permissions").map_or(String::new(), |it| format!(":{it}"));
            format!("{source}:{target}{permissions}")
        });
        match long.or_else(|| item.as_text().map(str::to_owned)) {
            Some(text) => {
                // A definition has no `m`, which allows to make the device file, and is part of the default.
                let text = match text.rsplit_once(':') {
                    Some((device, "rwm" | "mrw" | "rw")) => device.to_owned(),
                    Some((device, "rm" | "mr")) => format!("{device}:r"),
                    _ => text,
                };
                c.draft.push("devices", text, &origin);
            }
            None => c.wrong(item, &origin, "a device"),
        }
    }
}

/// Carries a mapping, or a list of `NAME=VALUE`, over.
pub(crate) fn mapping(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    let values = key_values(entry.value.clone());
    for value in values.as_map().unwrap_or_default() {
        let origin = origin.key(&value.key, value.at);
        let text = value.value.as_text().unwrap_or_default().to_owned();
        c.draft.put(&entry.key, &value.key, Val::Text(text), &origin);
    }
}

pub(crate) fn labels(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    mapping(c, entry, origin);
}

/// Notes labels of proxies, unless the old container is gone before the new one starts, as with Compose.
pub(super) fn note_proxies(c: &mut Conversion<'_>) {
    const PROXIES: [&str; 5] =
        ["traefik.", "caddy", "com.github.nginx-proxy", "nginx-proxy", "swag"];
    let Some(Val::Map(labels)) = c.draft.get("labels") else { return };
    let is_of_proxy = |label: &&Item| PROXIES.iter().any(|it| label.key.starts_with(it));
    let found = labels.iter().find(is_of_proxy).map(|label| label.origin.clone());
    let stops_first = c.draft.has("container_name") || c.draft.has("ports");
    if let Some(origin) = found.filter(|_| !stops_first) {
        c.note(
            &origin,
            "a proxy that reads labels finds the containers, also old ones during a deploy; \
             conductor's proxy switches from one to the other",
        );
    }
}

pub(crate) fn ulimits(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    for limit in entry.value.as_map().unwrap_or_default() {
        let origin = origin.key(&limit.key, limit.at);
        let value = match &limit.value.value {
            Value::Map(entries) => Val::Map(
                entries
                    .iter()
                    .map(|entry| Item {
                        key: entry.key.clone(),
                        value: Val::Plain(entry.value.as_text().unwrap_or_default().to_owned()),
                        origin: origin.clone(),
                    })
                    .collect(),
            ),
            _ => Val::Plain(limit.value.as_text().unwrap_or_default().to_owned()),
        };
        let is_number = |text: &str| text.parse::<i64>().is_ok();
        let is_good = match &value {
            Val::Plain(text) => is_number(text),
            Val::Map(items) => {
                items.iter().all(|item| matches!(&item.value, Val::Plain(text) if is_number(text)))
            }
            _ => false,
        };
        match is_good {
            true => c.draft.put("ulimits", &limit.key, value, &origin),
            false => c.wrong(&limit.value, &origin, "a number, or soft and hard"),
        }
    }
}

pub(crate) fn extra_hosts(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    if let Some(entries) = entry.value.as_map() {
        for host in entries {
            let origin = origin.key(&host.key, host.at);
            // A list merged with a mapping has entries such as `name:address` without a value.
            for address in host.value.items() {
                let address = address.as_text().unwrap_or_default();
                c.draft.push("extra_hosts", format!("{}:{address}", host.key), &origin);
            }
            if host.value.is_null() {
                c.draft.push("extra_hosts", &host.key, &origin);
            }
        }
        return;
    }
    for (origin, item) in texts(&entry.value, origin) {
        match item.as_text() {
            Some(text) => c.draft.push("extra_hosts", text.replacen('=', ":", 1), &origin),
            None => c.wrong(item, &origin, "NAME:ADDRESS"),
        }
    }
}

pub(crate) fn size(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    match entry.value.as_text().and_then(units::bytes) {
        Some(bytes) => c.draft.text(&entry.key, units::size(bytes), origin),
        None => c.wrong(&entry.value, origin, "a size, such as 64m"),
    }
}

/// Devices with the capability `gpu`, in `gpus` or in `deploy.resources.reservations.devices`.
pub(crate) fn gpus(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    if entry.value.as_text() == Some("all") {
        return c.draft.text("gpus", "all", origin);
    }
    for (origin, item) in texts(&entry.value, origin) {
        let capabilities = item.get("capabilities").map_or(&[][..], Node::items);
        let is_gpu =
            capabilities.is_empty() || capabilities.iter().any(|it| it.as_text() == Some("gpu"));
        let count = item.text_of("count").unwrap_or("all");
        let ids = item.get("device_ids").map_or(&[][..], Node::items);
        if !is_gpu {
            c.leave_out(&origin, "it reserves devices of a driver", "devices, or options");
        } else if !ids.is_empty() {
            let ids: Vec<_> = ids.iter().filter_map(Node::as_text).collect();
            c.draft.text("gpus", format!("device={}", ids.join(",")), &origin);
        } else {
            c.draft.text("gpus", if count == "-1" { "all" } else { count }, &origin);
        }
    }
}

pub(crate) fn logging(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    match entry.value.text_of("driver") {
        Some("none") => c.leave_out(origin, "what the container writes is not kept", ""),
        Some("json-file" | "local" | "journald") | None => {
            c.note(origin, "the journal keeps what it writes, within the limits of journald");
        }
        Some(driver) => {
            let does = format!("it sends what the container writes to {driver}");
            c.leave_out(
                origin,
                &does,
                "the journal keeps it: forward that with systemd or a log shipper",
            );
        }
    }
}

pub(crate) fn pull(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    match entry.value.as_text() {
        Some("missing" | "if_not_present") => {}
        Some(policy @ ("always" | "never")) => c.draft.text("pull", policy, origin),
        // That conductor builds none is said of the build.
        Some("build") if c.get("build").is_some() => {}
        _ => c.leave_out(
            origin,
            "it says when the image is pulled again",
            "conductor apply --pull always",
        ),
    }
}

/// Which program of the engine runs the container.
pub(crate) fn runtime_of(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    match entry.value.as_text() {
        Some("runc" | "crun") => {}
        Some(name) => c.draft.push("options", format!("--runtime={name}"), origin),
        None => c.wrong(&entry.value, origin, "a name"),
    }
}

/// Replaces a key by one option of the engine for each value.
pub(crate) fn option(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    let name = match entry.key.as_str() {
        "dns_opt" => "--dns-option",
        "domainname" => "--domainname",
        "mac_address" => "--mac-address",
        "device_cgroup_rules" => "--device-cgroup-rule",
        "cgroup" => "--cgroupns",
        "uts" => "--uts",
        "mem_swappiness" => "--memory-swappiness",
        _ => return c.wrong(&entry.value, origin, "a key with an option"),
    };
    for (origin, item) in texts(&entry.value, origin) {
        match item.as_text() {
            Some(text) => c.draft.push("options", format!("{name}={text}"), &origin),
            None => c.wrong(item, &origin, "text"),
        }
    }
}

/// Replaces a mapping by options of the engine.
pub(crate) fn options(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    let name = match entry.key.as_str() {
        "annotations" => "--annotation",
        _ => "--storage-opt",
    };
    let values = key_values(entry.value.clone());
    for value in values.as_map().unwrap_or_default() {
        let origin = origin.key(&value.key, value.at);
        let text = value.value.as_text().unwrap_or_default();
        c.draft.push("options", format!("{name}={}={text}", value.key), &origin);
    }
}
