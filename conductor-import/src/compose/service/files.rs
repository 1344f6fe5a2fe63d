//! Secrets and configs.

use super::{Conversion, plain, texts};
use crate::compose::project::is_external;
use crate::draft::Val;
use crate::node::{Entry, Node};
use crate::report::Origin;

pub(crate) fn secrets(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    let items: Vec<_> = texts(&entry.value, origin).map(|(at, item)| (at, item.clone())).collect();
    for (origin, item) in items {
        let Some((source, target)) = source_and_target(c, &item, &origin) else { continue };
        let Some(path) = file(c, "secrets", &source, &origin) else { continue };
        let name = target.unwrap_or(source);
        match name.strip_prefix("/run/secrets/") {
            None if name.starts_with('/') => {
                c.draft.push("volumes", format!("{}:{}:ro", plain(&path), plain(&name)), &origin);
            }
            rest => {
                let name = rest.unwrap_or(&name).to_owned();
                c.draft.put("secrets", &name, Val::Text(path), &origin);
            }
        }
    }
}

pub(crate) fn configs(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    let items: Vec<_> = texts(&entry.value, origin).map(|(at, item)| (at, item.clone())).collect();
    for (origin, item) in items {
        let Some((source, target)) = source_and_target(c, &item, &origin) else { continue };
        let Some(path) = file(c, "configs", &source, &origin) else { continue };
        let target = target.unwrap_or_else(|| format!("/{source}"));
        c.draft.push("volumes", format!("{}:{}:ro", plain(&path), plain(&target)), &origin);
    }
}

fn source_and_target(
    c: &mut Conversion<'_>,
    item: &Node,
    origin: &Origin,
) -> Option<(String, Option<String>)> {
    c.unknown(item, origin, &["source", "target", "uid", "gid", "mode"]);
    if ["uid", "gid", "mode"].iter().any(|key| item.get(key).is_some()) {
        c.note(
            origin,
            "owner and mode are those of the file on the host, as Compose has it for files",
        );
    }
    let source = item.text_of("source").or_else(|| item.as_text());
    let Some(source) = source else {
        c.wrong(item, origin, "the name of a secret or config");
        return None;
    };
    Some((source.to_owned(), item.text_of("target").map(str::to_owned)))
}

/// Returns the path of the file with the content.
fn file(c: &mut Conversion<'_>, kind: &str, name: &str, origin: &Origin) -> Option<String> {
    let Some(entry) = c.project.resource(kind, name) else {
        c.leave_out(origin, &format!("the file defines no {name} under {kind}"), "");
        return None;
    };
    if let Some(path) = entry.value.text_of("file") {
        return Some(c.path(&entry.value, path));
    }
    let instead = match kind {
        "secrets" => format!("write it into a file, and add secrets: {{{name}: /PATH}}"),
        _ => format!("write it into a file, and add volumes: [\"/PATH:/{name}:ro\"]"),
    };
    let does = match () {
        () if is_external(Some(&entry.value)) => format!("{name} is kept by a swarm"),
        () if entry.value.get("environment").is_some() => {
            format!("the content of {name} is that of a variable")
        }
        () if entry.value.get("content").is_some() => {
            format!("the content of {name} is in the Compose file")
        }
        () => format!("{name} has no file"),
    };
    c.leave_out(origin, &does, &instead);
    None
}
