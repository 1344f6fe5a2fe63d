//! Merges several Compose files, and services with those that they extend (compose-go, package `override`).

use crate::node::{Entry, Mark, Node, Value};

/// Merges a value over another one; `path` is that of both.
pub(crate) fn merge(base: Node, over: Node, path: &mut Vec<String>) -> Node {
    match over.mark {
        Mark::Reset => return Node { value: Value::Null, mark: Mark::None, ..over },
        Mark::Override => return Node { mark: Mark::None, ..over },
        Mark::None => {}
    }
    // A key without a value changes nothing, but for a variable, which is then taken from the environment.
    if over.is_null() && !base.is_null() {
        return base;
    }
    match rule(path) {
        Rule::Replace => return over,
        Rule::KeyValues => return maps(key_values(base), key_values(over), path),
        Rule::Names => return maps(names(base), names(over), path),
        Rule::Scalars => return lists(scalars(base), scalars(over), path),
        Rule::Logging => {
            let other = |node: &Node| node.text_of("driver").map(str::to_owned);
            if other(&over).is_some() && other(&base).is_some() && other(&over) != other(&base) {
                return over;
            }
        }
        Rule::Usual => {}
    }
    match (&base.value, &over.value) {
        (Value::Map(_), Value::Map(_)) => maps(base, over, path),
        (Value::List(_), Value::List(_)) => lists(base, over, path),
        _ => over,
    }
}

/// How a value is merged.
enum Rule {
    /// Mappings are merged, lists are appended, and other values are replaced.
    Usual,
    Replace,
    /// A mapping, or a list of `NAME=VALUE`.
    KeyValues,
    /// A mapping, or a list of names.
    Names,
    /// A list, or one value.
    Scalars,
    /// Other options, if the driver is another one.
    Logging,
}

fn rule(path: &[String]) -> Rule {
    let path: Vec<_> = path.iter().map(String::as_str).collect();
    let ["services", _, rest @ ..] = path.as_slice() else { return Rule::Usual };
    match rest {
        ["command" | "entrypoint"] | ["healthcheck", "test"] => Rule::Replace,
        ["environment" | "labels" | "annotations" | "sysctls" | "extra_hosts"]
        | ["build", "args" | "labels" | "extra_hosts" | "additional_contexts"]
        | ["deploy", "labels"] => Rule::KeyValues,
        ["networks" | "depends_on"] => Rule::Names,
        ["dns" | "dns_opt" | "dns_search" | "env_file" | "label_file" | "tmpfs"] => Rule::Scalars,
        ["logging"] => Rule::Logging,
        _ => Rule::Usual,
    }
}

fn maps(base: Node, over: Node, path: &mut Vec<String>) -> Node {
    let (at, mark) = (base.at, base.mark);
    let (Value::Map(mut entries), Value::Map(others)) = (base.value, over.value) else {
        return Node::new(Value::Null, at);
    };
    for other in others {
        let found = entries.iter().position(|entry| entry.key == other.key);
        path.push(other.key.clone());
        match found {
            Some(index) => {
                let old = std::mem::replace(&mut entries[index].value, Node::new(Value::Null, at));
                let is_removed = other.value.mark == Mark::Reset;
                entries[index].value = merge(old, other.value, path);
                if is_removed {
                    entries.remove(index);
                }
            }
            None if other.value.mark == Mark::Reset => {}
            None => entries.push(other),
        }
        path.pop();
    }
    Node { value: Value::Map(entries), at, mark }
}

/// Appends a list. Of items with the same key, the last one stays, at the place of the first.
fn lists(base: Node, over: Node, path: &[String]) -> Node {
    let at = base.at;
    let (Value::List(base), Value::List(over)) = (base.value, over.value) else {
        return Node::new(Value::Null, at);
    };
    let key = path.last().map_or("", String::as_str);
    let mut items: Vec<Node> = Vec::new();
    for item in base.into_iter().chain(over) {
        let own = identity(&item, key);
        match items.iter().position(|other| own.is_some() && identity(other, key) == own) {
            Some(index) => items[index] = item,
            None => items.push(item),
        }
    }
    Node::new(Value::List(items), at)
}

/// Returns what may be only once in a list.
fn identity(item: &Node, key: &str) -> Option<String> {
    let target = |item: &Node| item.text_of("target").map(str::to_owned);
    match (key, item.as_text()) {
        ("volumes" | "devices", Some(text)) => {
            let mut parts = text.split(':');
            let first = parts.next()?;
            Some(parts.next().unwrap_or(first).to_owned())
        }
        ("volumes" | "devices", None) => target(item),
        ("secrets" | "configs", None) => {
            target(item).or_else(|| item.text_of("source").map(str::to_owned))
        }
        ("ports", None) => {
            let part = |key: &str| item.text_of(key).unwrap_or_default().to_owned();
            Some(["host_ip", "published", "target", "protocol"].map(part).join(":"))
        }
        ("env_file", None) => item.text_of("path").map(str::to_owned),
        (_, Some(text)) => Some(text.to_owned()),
        (_, None) => None,
    }
}

/// Returns a list of `NAME=VALUE` as a mapping.
pub(crate) fn key_values(node: Node) -> Node {
    let Value::List(items) = node.value else {
        return if node.as_map().is_some() {
            node
        } else {
            Node::new(Value::Map(Vec::new()), node.at)
        };
    };
    let mut entries: Vec<Entry> = Vec::new();
    for item in items {
        let at = item.at;
        let Some(text) = item.as_text() else { continue };
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key.to_owned(), Node::text(value, at)),
            // Entries of extra_hosts: a colon in place of the equals sign.
            None => (text.to_owned(), Node::new(Value::Null, at)),
        };
        entries.retain(|entry| entry.key != key);
        entries.push(Entry { key, at, value });
    }
    Node::new(Value::Map(entries), node.at)
}

/// Returns a list of names as a mapping.
fn names(node: Node) -> Node {
    let Value::List(items) = node.value else {
        return if node.as_map().is_some() {
            node
        } else {
            Node::new(Value::Map(Vec::new()), node.at)
        };
    };
    let entries = items.into_iter().filter_map(|item| {
        let key = item.as_text()?.to_owned();
        Some(Entry { key, at: item.at, value: Node::new(Value::Null, item.at) })
    });
    Node::new(Value::Map(entries.collect()), node.at)
}

fn scalars(node: Node) -> Node {
    match node.value {
        Value::List(_) => node,
        Value::Null => Node::new(Value::List(Vec::new()), node.at),
        _ => Node::new(Value::List(vec![node.clone()]), node.at),
    }
}

/// Removes what `!reset` marks, and the marks, from a file that is not merged over another one.
pub(crate) fn without_marks(node: &mut Node) {
    node.mark = Mark::None;
    match &mut node.value {
        Value::List(items) => {
            items.retain(|item| item.mark != Mark::Reset);
            items.iter_mut().for_each(without_marks);
        }
        Value::Map(entries) => {
            entries.retain(|entry| entry.value.mark != Mark::Reset);
            for entry in entries {
                without_marks(&mut entry.value);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::read;

    /// Merges two values of a key of a service.
    fn merged(key: &str, base: &str, over: &str) -> String {
        let file = |value: &str| {
            let text = format!("services: {{a: {{{key}: {value}}}}}");
            read(&text, 0).unwrap().remove(0)
        };
        let node = merge(file(base), file(over), &mut Vec::new());
        let service = node.get("services").and_then(|node| node.get("a")).unwrap();
        service.get(key).map_or("-".to_owned(), shown)
    }

    fn shown(node: &Node) -> String {
        match &node.value {
            Value::Null => "~".to_owned(),
            Value::List(items) => {
                format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(" "))
            }
            Value::Map(entries) => {
                let entry = |entry: &Entry| format!("{}={}", entry.key, shown(&entry.value));
                format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(" "))
            }
            _ => node.as_text().unwrap().to_owned(),
        }
    }

    #[test]
    fn the_rules_are_those_of_compose() {
        for (key, base, over, result) in [
            ("image", "a", "b", "b"),
            ("command", "[a, b]", "c", "c"),
            ("environment", "[A=1, B=2]", "{B: 3, C: ~}", "{A=1 B=3 C=~}"),
            ("ports", "[\"80:80\"]", "[\"81:81\", \"80:80\"]", "[80:80 81:81]"),
            ("volumes", "[\"./a:/x\", \"b:/y\"]", "[\"./c:/x:ro\"]", "[./c:/x:ro b:/y]"),
            ("networks", "[a]", "{b: {aliases: [x]}}", "{a=~ b={aliases=[x]}}"),
            ("dns", "1.1.1.1", "[8.8.8.8]", "[1.1.1.1 8.8.8.8]"),
            ("logging", "{driver: a, options: {x: 1}}", "{driver: b}", "{driver=b}"),
            ("ports", "[\"80:80\"]", "!reset []", "-"),
            ("ports", "[\"80:80\"]", "!override [\"81:81\"]", "[81:81]"),
            ("deploy", "{replicas: 1, x: 1}", "{replicas: 2}", "{replicas=2 x=1}"),
            (
                "depends_on",
                "[a]",
                "{a: {condition: service_healthy}}",
                "{a={condition=service_healthy}}",
            ),
        ] {
            assert_eq!(merged(key, base, over), result, "{key}: {base} {over}");
        }
    }
}
