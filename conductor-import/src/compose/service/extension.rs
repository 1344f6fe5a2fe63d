//! `x-conductor`: keys of a definition in a Compose file, for what Compose has no word for.

use super::Conversion;
use crate::draft::{Item, Val};
use crate::node::{Node, Value};
use crate::report::Origin;

/// The key, which Compose ignores.
pub(crate) const KEY: &str = "x-conductor";

/// Sets the keys of a definition. Each replaces what other keys of the service became; `null` removes it.
pub(crate) fn extend(c: &mut Conversion<'_>) {
    let Some(entry) = c.node.entry(KEY) else { return };
    let origin = c.draft.origin.key(KEY, entry.at);
    let Some(entries) = entry.value.as_map() else {
        return c.wrong(&entry.value, &origin, "a mapping of keys of a definition");
    };
    for entry in entries {
        let origin = origin.key(&entry.key, entry.at);
        match val(&entry.value, &origin) {
            _ if entry.key == "id" => c.leave_out(&origin, "the id is the name of the service", ""),
            Some(value) => c.draft.set(&entry.key, value, &origin),
            None => c.draft.unset(&entry.key),
        }
    }
}

/// Returns a value as it is; `None` for nothing.
fn val(node: &Node, origin: &Origin) -> Option<Val> {
    let item = |key: &str, node: &Node, origin: Origin| {
        let value = val(node, &origin)?;
        Some(Item { key: key.to_owned(), value, origin })
    };
    Some(match &node.value {
        Value::Null => return None,
        Value::Bool(bool) => Val::Plain(bool.to_string()),
        Value::Number(number) => Val::Plain(number.clone()),
        Value::Text(text) => Val::Text(text.clone()),
        Value::List(nodes) => {
            let items = nodes.iter().enumerate();
            Val::List(
                items.filter_map(|(at, node)| item("", node, origin.item(at, node.at))).collect(),
            )
        }
        Value::Map(entries) => {
            let items = entries.iter();
            let origin = |key: &str, at| origin.key(key, at);
            Val::Map(
                items.filter_map(|it| item(&it.key, &it.value, origin(&it.key, it.at))).collect(),
            )
        }
    })
}
