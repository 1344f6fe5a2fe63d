//! What a service waits for.

use super::{Conversion, texts};
use crate::draft::{Item, Val};
use crate::node::{Entry, Node};
use crate::report::Origin;

pub(crate) fn depends_on(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    match entry.value.as_map() {
        Some(entries) => {
            for dependency in entries {
                let origin = origin.key(&dependency.key, dependency.at);
                add(c, &dependency.key, Some(&dependency.value), &origin);
            }
        }
        None => {
            for (origin, item) in texts(&entry.value, origin) {
                match item.as_text() {
                    Some(name) => add(c, name, None, &origin),
                    None => c.wrong(item, &origin, "the name of a service"),
                }
            }
        }
    }
}

fn add(c: &mut Conversion<'_>, name: &str, node: Option<&Node>, origin: &Origin) {
    let is_required =
        node.and_then(|node| node.get("required")).and_then(Node::as_bool) != Some(false);
    let Some(id) = c.project.id(name).cloned() else {
        if is_required {
            let does = format!("it waits for {name}, which is not imported");
            c.leave_out(
                origin,
                &does,
                &format!("import it together with the file that has {name}"),
            );
        }
        return;
    };
    if let Some(node) = node {
        c.unknown(node, origin, &["condition", "required", "restart"]);
        if node.get("restart").and_then(Node::as_bool) == Some(true) {
            let at = node.entry("restart").map_or(origin.at, |entry| entry.at);
            let does = format!("it is started anew whenever Compose changes {name}");
            c.leave_out(
                &origin.key("restart", at),
                &does,
                &format!("conductor restart --id {}", c.draft.id),
            );
        }
    }
    let other = c.project.services.iter().find(|(entry, _)| entry.key == name);
    let health = other.and_then(|(entry, _)| entry.value.get("healthcheck"));
    let condition = match node.and_then(|node| node.text_of("condition")) {
        Some("service_healthy") if health.is_none() => {
            c.note(origin, format!(
                "waits until {name} has started: its health check is in its image; give it health to wait for that"
            ));
            "started"
        }
        Some("service_healthy") => "healthy",
        Some("service_completed_successfully") => "completed",
        Some("service_started") | None => "started",
        Some(other) => {
            c.leave_out(origin, &format!("it waits for {name} with the condition {other}"), "");
            "started"
        }
    };
    let value = Item {
        key: "condition".to_owned(),
        value: Val::Text(condition.to_owned()),
        origin: origin.clone(),
    };
    c.draft.put("depends_on", id.as_str(), Val::Map(vec![value]), origin);
}

pub(crate) fn links(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    for (origin, item) in texts(&entry.value, origin) {
        let Some(text) = item.as_text() else {
            c.wrong(item, &origin, "the name of a service");
            continue;
        };
        let (name, alias) = text.split_once(':').unwrap_or((text, text));
        add(c, name, None, &origin);
        if alias != name {
            let does = format!("{name} has the name {alias} in this container");
            let instead =
                format!("in the definition of {name}: networks: {{NAME: {{aliases: [{alias}]}}}}");
            c.leave_out(&origin, &does, &instead);
        }
    }
}

/// Writes dependencies as a list if each is only that the other has started.
pub(super) fn finish(c: &mut Conversion<'_>, origin: &Origin) {
    let Some(Val::Map(entries)) = c.draft.get("depends_on").cloned() else { return };
    let is_started = |entry: &Item| {
        matches!(&entry.value, Val::Map(inner)
            if matches!(&inner[..], [Item { value: Val::Text(text), .. }] if text == "started"))
    };
    if entries.iter().all(is_started) {
        let list = entries.iter().map(|entry| Item {
            key: String::new(),
            value: Val::Text(entry.key.clone()),
            origin: entry.origin.clone(),
        });
        let key = ["depends_on", "links"].iter().find_map(|key| c.node.entry(key));
        let origin = key.map_or(origin.clone(), |entry| origin.key(&entry.key, entry.at));
        c.draft.set("depends_on", Val::List(list.collect()), &origin);
    }
}
