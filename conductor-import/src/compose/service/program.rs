//! What runs: the image, the command, and when it is started again.

use conductor_core::definition::Runtime;

use super::{Conversion, words};
use crate::draft::Val;
use crate::image;
use crate::node::{Entry, Node, Value};
use crate::report::Origin;
use crate::words as shell;

pub(crate) fn image(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    let Some(text) = entry.value.as_text() else {
        return c.wrong(&entry.value, origin, "the name of an image");
    };
    set_image(c, text, origin);
}

fn set_image(c: &mut Conversion<'_>, text: &str, origin: &Origin) {
    match image::split(text, c.runtime()) {
        Some(image) => {
            // The engines ignore it, too: the digest says which image it is.
            if let Some(tag) = &image.ignored_tag {
                c.draft.comments.push(format!("The digest of the image is that of {tag}."));
            }
            c.draft.text("image", image.name, origin);
            c.draft.text("revision", image.revision, origin);
        }
        // The check of the definition says what is wrong.
        None => c.draft.text("image", super::plain(text), origin),
    }
}

pub(crate) fn build(c: &mut Conversion<'_>, _: &Entry, origin: &Origin) {
    let given = c.get("image").and_then(Node::as_text).map(str::to_owned);
    let made = format!("{}-{}", c.project.name, c.name);
    let (engine, made) = match c.runtime() {
        Runtime::Podman => ("podman", format!("localhost/{made}")),
        Runtime::Docker | Runtime::Native => ("docker", made),
    };
    let name = given.as_ref().unwrap_or(&made);
    let message = format!(
        "conductor builds no images: before apply, let {engine} compose build make {name}, or push it to a registry"
    );
    c.note(origin, message);
    if given.is_none() {
        set_image(c, &made, origin);
    }
}

/// Returns the words of a command: a list as it is, and text as Compose splits it.
pub(super) fn command_words(
    c: &mut Conversion<'_>,
    node: &Node,
    origin: &Origin,
) -> Option<Vec<String>> {
    match &node.value {
        Value::List(items) => {
            let words: Vec<_> = items.iter().filter_map(Node::as_text).map(str::to_owned).collect();
            if words.len() < items.len() {
                c.wrong(node, origin, "a list of words");
                return None;
            }
            Some(words)
        }
        Value::Null => Some(Vec::new()),
        _ => {
            let text = node.as_text().unwrap_or_default();
            let Some(shell::Words { words, rest }) = shell::split(text) else {
                c.wrong(node, origin, "a command: a quote or a parenthesis is open");
                return None;
            };
            if let Some(rest) = rest {
                let why =
                    "is not part of the command: Compose reads no further, and starts no shell";
                c.note(origin, format!("{rest:?} {why}"));
            }
            Some(words)
        }
    }
}

pub(crate) fn command(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    let Some(found) = command_words(c, &entry.value, origin) else { return };
    // An empty command is the image's own.
    if !found.is_empty() {
        c.draft.set("command", words(&found, origin), origin);
    }
}

pub(crate) fn entrypoint(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    if entry.value.is_null() {
        return;
    }
    let Some(found) = command_words(c, &entry.value, origin) else { return };
    c.draft.set("entrypoint", words(&found, origin), origin);
}

pub(crate) fn restart(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    let is_one_shot = c.project.one_shots.contains(c.name);
    let text = match entry.value.as_bool() {
        Some(false) => "no",
        _ => entry.value.as_text().unwrap_or_default(),
    };
    match text.split(':').next().unwrap_or_default() {
        _ if is_one_shot => {}
        "always" | "unless-stopped" | "any" => {}
        "on-failure" => {
            c.note(origin, "conductor starts it again after any end, also after a success");
        }
        "no" | "none" => c.note(
            origin,
            "conductor starts it again when it ends; if it is a task that ends, write type: oneshot",
        ),
        _ => c.wrong(&entry.value, origin, "a restart policy"),
    }
}

/// Sets what depends on several keys.
pub(super) fn finish(c: &mut Conversion<'_>, origin: &Origin) {
    if c.project.one_shots.contains(c.name) {
        c.draft.text("type", "oneshot", origin);
    }
    let has_init =
        matches!(c.draft.get("image"), Some(Val::Text(name)) if image::has_its_own_init(name));
    // As with Compose, which adds none unless it is told to.
    if has_init && c.get("init").is_none() {
        c.draft.plain("init", false, origin);
    }
}
