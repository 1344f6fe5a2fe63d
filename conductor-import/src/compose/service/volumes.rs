//! Volumes and directories of the host.

use conductor_core::name::volume_of;

use super::{Conversion, plain, texts};
use crate::compose::project::is_external;
use crate::compose::top::device;
use crate::draft::Val;
use crate::names;
use crate::node::{Entry, Node};
use crate::report::Origin;

/// One mount in either syntax.
struct Mount {
    source: Option<String>,
    target: String,
    options: Vec<String>,
}

pub(crate) fn volumes(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    let items: Vec<_> = texts(&entry.value, origin).map(|(at, item)| (at, item.clone())).collect();
    for (origin, item) in items {
        match item.text_of("type") {
            Some("tmpfs") => {
                tmpfs(c, &item, &origin);
                continue;
            }
            Some(kind) if !["bind", "volume"].contains(&kind) => {
                let does =
                    format!("it mounts a {kind} at {}", item.text_of("target").unwrap_or("?"));
                c.leave_out(&origin, &does, "");
                continue;
            }
            _ => {}
        }
        let Some(mount) = mount(c, &item, &origin) else {
            c.wrong(&item, &origin, "a volume");
            continue;
        };
        add(c, &item, mount, &origin);
    }
}

fn tmpfs(c: &mut Conversion<'_>, item: &Node, origin: &Origin) {
    let Some(target) = item.text_of("target") else { return c.wrong(item, origin, "a volume") };
    let mut options = Vec::new();
    if let Some(inner) = item.get("tmpfs") {
        options.extend(inner.text_of("size").map(|size| format!("size={size}")));
        options.extend(inner.text_of("mode").map(|mode| {
            // YAML's octal number has become a decimal one.
            let octal = mode.parse::<u32>().map_or(mode.to_owned(), |mode| format!("{mode:o}"));
            format!("mode={octal}")
        }));
    }
    let colon = if options.is_empty() { "" } else { ":" };
    c.draft.push("tmpfs", format!("{target}{colon}{}", options.join(",")), origin);
}

fn mount(c: &mut Conversion<'_>, item: &Node, origin: &Origin) -> Option<Mount> {
    if item.as_map().is_some() {
        let target = item.text_of("target")?.to_owned();
        let source = item.text_of("source").map(str::to_owned);
        let mut options = Vec::new();
        if item.get("read_only").and_then(Node::as_bool) == Some(true) {
            options.push("ro".to_owned());
        }
        let known = [
            "type",
            "source",
            "target",
            "read_only",
            "bind",
            "volume",
            "consistency",
            "tmpfs",
            "image",
        ];
        c.unknown(item, origin, &known);
        for part in ["bind", "volume"] {
            for entry in item.get(part).and_then(Node::as_map).unwrap_or_default() {
                let origin = origin.key(part, entry.at).key(&entry.key, entry.at);
                match (entry.key.as_str(), entry.value.as_text()) {
                    ("propagation" | "selinux", Some(text)) => options.push(text.to_owned()),
                    ("create_host_path", _)
                    | ("nocopy" | "labels", None)
                    | ("nocopy", Some("false")) => {}
                    (other, _) => {
                        c.leave_out(&origin, &format!("it sets {other} of the mount"), "");
                    }
                }
            }
        }
        return Some(Mount { source, target, options });
    }
    let mut parts = item.as_text()?.split(':');
    let first = parts.next().filter(|part| !part.is_empty())?.to_owned();
    let Some(target) = parts.next() else {
        return Some(Mount { source: None, target: first, options: Vec::new() });
    };
    let options = parts.next().unwrap_or_default().split(',').filter(|option| !option.is_empty());
    let options = options.map(str::to_owned).collect();
    // A path with a colon, or of Windows.
    parts.next().is_none().then(|| Mount {
        source: Some(first),
        target: target.to_owned(),
        options,
    })
}

/// Returns whether a source is a path and not a name (compose-go, `isVolumeSource`).
fn is_path(source: &str) -> bool {
    source.starts_with(['.', '/', '~'])
}

/// Returns the name of the volume that an item of `volumes` mounts.
pub(crate) fn named_volume(item: &Node) -> Option<String> {
    if item.as_map().is_some() {
        let is_volume = item.text_of("type").is_none_or(|kind| kind == "volume");
        return item.text_of("source").filter(|_| is_volume).map(str::to_owned);
    }
    let (source, _) = item.as_text()?.split_once(':')?;
    (!is_path(source)).then(|| source.to_owned())
}

fn add(c: &mut Conversion<'_>, item: &Node, mount: Mount, origin: &Origin) {
    let Mount { source, target, options } = mount;
    let mut kept: Vec<&str> = Vec::new();
    for option in &options {
        match option.as_str() {
            // How it is cached means something only for Docker Desktop; `rw` and `rprivate` are the default.
            "rw" | "cached" | "delegated" | "consistent" | "rprivate" | "private" => {}
            "nocopy" => c.leave_out(
                origin,
                "nocopy: a new volume stays empty, although the image has files there",
                "",
            ),
            option => kept.push(option),
        }
    }
    let options = if kept.is_empty() { String::new() } else { format!(":{}", kept.join(",")) };
    let is_bind = item.text_of("type") == Some("bind");
    let source = match source {
        Some(source) if is_bind || is_path(&source) => plain(&c.path(item, &source)),
        Some(source) => named(c, &source, origin),
        None => {
            let name = names::label(&target);
            c.note(
                origin,
                format!("the volume {name} stays; Compose makes a new one for each container"),
            );
            name
        }
    };
    let target = target.trim_end_matches('/');
    let target = if target.is_empty() { "/" } else { target };
    c.draft.push("volumes", format!("{source}:{}{options}", plain(target)), origin);
}

/// Returns what a definition writes for a named volume.
fn named(c: &mut Conversion<'_>, source: &str, origin: &Origin) -> String {
    let node = c.project.resource("volumes", source).map(|entry| &entry.value);
    if let Some(entry) = c.project.resource("volumes", source)
        && let Some(path) = device(&entry.value)
    {
        let path = c.path(&entry.value, path);
        c.note(origin, format!("{path}, the directory behind the volume {source}"));
        return plain(&path);
    }
    let engine = c.project.engine_name("volumes", source);
    // An export wrote it. The service finds its data under the name that the volume had in the definition.
    if let Some(own) = volume_of(&c.draft.id, &engine) {
        return own.to_owned();
    }
    let name = names::label(source);
    let users = c.project.volume_users.get(source).map_or(1, std::collections::BTreeSet::len);
    let keeps = c.project.options.adopt_volumes || is_external(node);
    if keeps || users > 1 {
        c.draft.put("volume_names", &name, Val::Text(engine.clone()), origin);
    }
    if !keeps && users > 1 {
        c.note(origin, format!(
            "{users} services use the volume, so it is the engine's {engine}, with the data that is in it"
        ));
    }
    name
}
