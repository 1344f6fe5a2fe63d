//! A definition before it is written: each value knows what it was made from.

use std::fmt::Write as _;

use conductor_core::error::shown;
use conductor_core::name::ServiceId;
use conductor_core::yaml::{Writer, scalar};

use crate::EnvFile;
use crate::report::Origin;

/// The keys of a definition in the order in which they are written; others follow.
const ORDER: &[&str] = &[
    "id",
    "description",
    "type",
    "runtime",
    "image",
    "revision",
    "platform",
    "pull",
    "entrypoint",
    "command",
    "working_dir",
    "user",
    "group_add",
    "instances",
    "depends_on",
    "networks",
    "network_mode",
    "pod",
    "hostname",
    "container_name",
    "port",
    "ports",
    "listen",
    "env",
    "env_files",
    "secrets",
    "volumes",
    "volume_names",
    "tmpfs",
    "read_only",
    "shm_size",
    "init",
    "tty",
    "cap_add",
    "cap_drop",
    "privileged",
    "security_opt",
    "devices",
    "gpus",
    "ulimits",
    "sysctls",
    "extra_hosts",
    "dns",
    "labels",
    "options",
    "stop_signal",
    "limits",
    "health",
    "deploy",
];

/// Lists that mean something only as a whole.
const WHOLE: [&str; 2] = ["command", "entrypoint"];

/// A value of a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Val {
    Text(String),
    /// A number or a boolean.
    Plain(String),
    List(Vec<Item>),
    Map(Vec<Item>),
}

/// A value in a list (without a key) or a mapping, and what it was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) key: String,
    pub(crate) value: Val,
    pub(crate) origin: Origin,
}

/// A definition before it is written.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) id: ServiceId,
    /// The whole service.
    pub(crate) origin: Origin,
    /// Comments at the top.
    pub(crate) comments: Vec<String>,
    fields: Vec<Item>,
    fallbacks: Vec<Fallback>,
    /// Variables for a file that others must not read; the last of a name counts.
    private: Vec<(String, String)>,
}

/// What to write if a value is refused, in place of it and of values that belong to it.
#[derive(Debug)]
struct Fallback {
    path: String,
    key: String,
    inner: String,
    value: Val,
    with: Vec<String>,
}

impl Draft {
    pub(crate) fn new(id: ServiceId, origin: Origin, comment: String) -> Self {
        Self {
            id,
            origin,
            comments: vec![comment],
            fields: Vec::new(),
            fallbacks: Vec::new(),
            private: Vec::new(),
        }
    }

    /// Sets a key.
    pub(crate) fn set(&mut self, key: &str, value: Val, origin: &Origin) {
        self.unset(key);
        self.fields.push(Item { key: key.to_owned(), value, origin: origin.clone() });
    }

    /// Removes a key.
    pub(crate) fn unset(&mut self, key: &str) {
        self.fields.retain(|field| field.key != key);
    }

    /// Sets a key to a text.
    pub(crate) fn text(&mut self, key: &str, text: impl Into<String>, origin: &Origin) {
        self.set(key, Val::Text(text.into()), origin);
    }

    /// Sets a key to a number or a boolean.
    pub(crate) fn plain(&mut self, key: &str, value: impl std::fmt::Display, origin: &Origin) {
        self.set(key, Val::Plain(value.to_string()), origin);
    }

    /// Adds a text to the list of a key, unless it is there.
    pub(crate) fn push(&mut self, key: &str, text: impl Into<String>, origin: &Origin) {
        let value = Val::Text(text.into());
        let field = self.field(key, || Val::List(Vec::new()), origin);
        if let Val::List(items) = &mut field.value
            && !items.iter().any(|item| item.value == value)
        {
            items.push(Item { key: String::new(), value, origin: origin.clone() });
        }
    }

    /// Sets a key in the mapping of a key.
    pub(crate) fn put(&mut self, key: &str, inner: &str, value: Val, origin: &Origin) {
        let field = self.field(key, || Val::Map(Vec::new()), origin);
        if let Val::Map(items) = &mut field.value {
            items.retain(|item| item.key != inner);
            items.push(Item { key: inner.to_owned(), value, origin: origin.clone() });
        }
    }

    /// Returns whether a key is set.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.fields.iter().any(|field| field.key == key)
    }

    /// Returns the keys with their values, as they were set.
    pub(crate) fn fields(&self) -> &[Item] {
        &self.fields
    }

    /// Returns a value.
    pub(crate) fn get(&self, key: &str) -> Option<&Val> {
        self.fields.iter().find(|field| field.key == key).map(|field| &field.value)
    }

    fn field(&mut self, key: &str, new: impl FnOnce() -> Val, origin: &Origin) -> &mut Item {
        let at = self.fields.iter().position(|field| field.key == key).unwrap_or_else(|| {
            let (key, origin) = (key.to_owned(), origin.clone());
            self.fields.push(Item { key, value: new(), origin });
            self.fields.len() - 1
        });
        &mut self.fields[at]
    }

    /// Names the value of a mapping that is written if another one of it is refused, in place of that and of others.
    pub(crate) fn fall_back(&mut self, key: &str, refused: &str, to: (&str, Val, &[&str])) {
        let (inner, value, with) = to;
        self.fallbacks.push(Fallback {
            path: format!("{key}.{refused}"),
            key: key.to_owned(),
            inner: inner.to_owned(),
            value,
            with: with.iter().map(|it| (*it).to_owned()).collect(),
        });
    }

    /// Writes the fallback of a value, if it has one.
    pub(crate) fn take_fallback(&mut self, path: &str) -> bool {
        let Some(at) = self.fallbacks.iter().position(|it| it.path == path) else { return false };
        let Fallback { path, key, inner, value, with } = self.fallbacks.remove(at);
        let Some(field) = self.fields.iter_mut().find(|field| field.key == key) else {
            return false;
        };
        if let Val::Map(items) = &mut field.value {
            let is_gone =
                |item: &Item| path.ends_with(&format!(".{}", item.key)) || with.contains(&item.key);
            items.retain(|item| !is_gone(item));
            let origin = field.origin.clone();
            items.insert(0, Item { key: inner, value, origin });
        }
        true
    }

    /// Returns where the innermost value at a path of the written definition is: an index for each level.
    pub(crate) fn find(&self, path: &str) -> Option<Vec<usize>> {
        let mut found = Vec::new();
        find(&self.fields, "", path, true, &mut found);
        (!found.is_empty()).then_some(found)
    }

    /// Removes a value, and returns where it is from. Indices behind it change.
    pub(crate) fn remove(&mut self, at: &[usize]) -> Option<Origin> {
        remove(&mut self.fields, at)
    }

    /// Adds a variable to the file that others must not read.
    pub(crate) fn put_private(&mut self, name: &str, value: &str) {
        self.private.retain(|(other, _)| other != name);
        self.private.push((name.to_owned(), value.to_owned()));
    }

    /// Returns the number of variables in that file.
    pub(crate) fn private(&self) -> usize {
        self.private.len()
    }

    /// Returns the name of that file.
    pub(crate) fn env_file_name(&self) -> String {
        format!("{}.env", self.id)
    }

    /// Returns that file, if there are variables for it.
    pub(crate) fn env_file(&self) -> Option<EnvFile> {
        let comments = self.comments.iter().map(|comment| format!("# {comment}\n"));
        let lines = self.private.iter().map(|(name, value)| format!("{name}={value}\n"));
        let text = comments.chain(lines).collect();
        (!self.private.is_empty()).then(|| EnvFile { name: self.env_file_name(), text })
    }

    /// Writes the definition.
    pub(crate) fn write(&self) -> String {
        let mut out = Writer::default();
        self.comments.iter().for_each(|comment| out.comment(comment));
        out.scalar("id", self.id.as_str());
        in_order(&self.fields).for_each(|field| write(&mut out, field));
        out.finish()
    }
}

/// Returns the keys of a definition in the order in which they are written.
pub(crate) fn in_order(fields: &[Item]) -> impl Iterator<Item = &Item> {
    let rank = |item: &&Item| ORDER.iter().position(|key| *key == item.key).unwrap_or(99);
    let mut fields: Vec<_> = fields.iter().collect();
    fields.sort_by_key(rank);
    fields.into_iter()
}

/// Adds the indices that lead to the innermost item that contains a path.
fn find(items: &[Item], prefix: &str, path: &str, in_map: bool, found: &mut Vec<usize>) {
    let contains = |own: &str| {
        path.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    let own = |index: usize| (index, step(prefix, &items[index].key, index, in_map));
    let Some((index, own)) = (0..items.len()).map(own).find(|(_, own)| contains(own)) else {
        return;
    };
    found.push(index);
    match &items[index].value {
        // A command without one of its words is another command.
        Val::List(_) if WHOLE.contains(&items[index].key.as_str()) => {}
        Val::List(inner) => find(inner, &own, path, false, found),
        Val::Map(inner) => find(inner, &own, path, true, found),
        Val::Text(_) | Val::Plain(_) => {}
    }
}

/// Removes an item, and what contains nothing else.
fn remove(items: &mut Vec<Item>, at: &[usize]) -> Option<Origin> {
    let (first, rest) = at.split_first()?;
    let item = items.get_mut(*first)?;
    let inner = match &mut item.value {
        Val::List(inner) | Val::Map(inner) if !rest.is_empty() => inner,
        _ => return Some(items.remove(*first).origin),
    };
    let origin = remove(inner, rest)?;
    if inner.is_empty() {
        items.remove(*first);
    }
    Some(origin)
}

/// Returns the path of an item as diagnostics show it.
fn step(prefix: &str, key: &str, index: usize, in_map: bool) -> String {
    const LONGEST: usize = 60;
    if !in_map {
        return format!("{prefix}[{index}]");
    }
    let plain = (1..=LONGEST).contains(&key.len())
        && key.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    let key = if plain { key.to_owned() } else { shown(key) };
    if prefix.is_empty() { key } else { format!("{prefix}.{key}") }
}

/// Writes a key and its value.
pub(crate) fn write(out: &mut Writer, item: &Item) {
    match &item.value {
        Val::Text(text) => out.scalar(&item.key, text),
        Val::Plain(text) => out.plain(&scalar(&item.key), text),
        Val::List(items) => out.plain(&scalar(&item.key), flow_list(items)),
        Val::Map(items) if items.is_empty() => out.plain(&scalar(&item.key), "{}"),
        Val::Map(items) => out.map(&item.key, |out| items.iter().for_each(|item| write(out, item))),
    }
}

fn flow_list(items: &[Item]) -> String {
    let items: Vec<_> = items.iter().map(|item| flow(&item.value)).collect();
    format!("[{}]", items.join(", "))
}

fn flow(value: &Val) -> String {
    match value {
        Val::Text(text) => scalar(text),
        Val::Plain(text) => text.clone(),
        Val::List(items) => flow_list(items),
        Val::Map(items) => {
            let mut out = String::from("{");
            for (index, item) in items.iter().enumerate() {
                let comma = if index > 0 { ", " } else { "" };
                // Writing to a String cannot fail.
                let _ = write!(out, "{comma}{}: {}", scalar(&item.key), flow(&item.value));
            }
            out.push('}');
            out
        }
    }
}
