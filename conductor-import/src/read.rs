//! Reads YAML as Compose does: merge keys, anchors, several documents, and the tags `!reset` and `!override`.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, StrInput, Tag};

use crate::node::{Entry, Mark, Node, Place, Value};

/// More values than this are an attack: aliases count each time they are used.
const MOST_NODES: usize = 100_000;
const DEEPEST: usize = 64;

/// A syntax error with its place.
#[derive(Debug)]
pub(crate) struct Syntax {
    pub(crate) at: Place,
    pub(crate) message: String,
}

/// Reads all documents of a file.
pub(crate) fn read(text: &str, file: usize) -> Result<Vec<Node>, Syntax> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let parser = Parser::new_from_str(text);
    let mut reader = Reader { parser, file, anchors: HashMap::new(), nodes: 0 };
    let mut documents = Vec::new();
    loop {
        let (event, at) = reader.next()?;
        match event {
            Event::StreamEnd => return Ok(documents),
            Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
            event => {
                let node = reader.node(event, at, 0)?;
                documents.extend((!node.is_null()).then_some(node));
            }
        }
    }
}

struct Reader<'i> {
    parser: Parser<'i, StrInput<'i>>,
    file: usize,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

impl<'i> Reader<'i> {
    fn place(&self, line: usize, column: usize) -> Place {
        // The parser counts columns from 0.
        Place { file: self.file, line, column: column + 1 }
    }

    fn next(&mut self) -> Result<(Event<'i>, Place), Syntax> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, self.place(span.start.line(), span.start.col()))),
            Some(Err(error)) => {
                let at = self.place(error.marker().line(), error.marker().col());
                Err(Syntax { at, message: format!("not YAML: {}", error.info()) })
            }
            None => Ok((Event::StreamEnd, self.place(1, 0))),
        }
    }

    fn count(&mut self, nodes: usize, at: Place) -> Result<(), Syntax> {
        self.nodes += nodes;
        match self.nodes > MOST_NODES {
            true => Err(Syntax { at, message: format!("more than {MOST_NODES} values") }),
            false => Ok(()),
        }
    }

    fn node(&mut self, event: Event<'i>, at: Place, depth: usize) -> Result<Node, Syntax> {
        if depth > DEEPEST {
            return Err(Syntax { at, message: format!("nested more than {DEEPEST} deep") });
        }
        self.count(1, at)?;
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let value = scalar(&text, style, tag.as_deref());
                (Node { value, at, mark: mark(tag.as_deref()) }, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                let mut items = Vec::new();
                loop {
                    let (event, at) = self.next()?;
                    if matches!(event, Event::SequenceEnd) {
                        break;
                    }
                    items.push(self.node(event, at, depth + 1)?);
                }
                (Node { value: Value::List(items), at, mark: mark(tag.as_deref()) }, anchor)
            }
            Event::MappingStart(anchor, tag) => {
                let entries = self.entries(depth)?;
                (Node { value: Value::Map(entries), at, mark: mark(tag.as_deref()) }, anchor)
            }
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    let message = "an alias to a value that contains it".to_owned();
                    return Err(Syntax { at, message });
                };
                self.count(size(&node), at)?;
                return Ok(node);
            }
            _ => return Err(Syntax { at, message: "not YAML: a value was expected here".into() }),
        };
        // The parser numbers anchors from 1; 0 means none.
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn entries(&mut self, depth: usize) -> Result<Vec<Entry>, Syntax> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut merged = Vec::new();
        loop {
            let (event, position) = self.next()?;
            let (key, is_merge) = match event {
                Event::MappingEnd => break,
                Event::Scalar(key, style, _, _) => {
                    let is_merge = key == "<<" && style == ScalarStyle::Plain;
                    (key.into_owned(), is_merge)
                }
                _ => {
                    let message = "a key has to be plain text".to_owned();
                    return Err(Syntax { at: position, message });
                }
            };
            let (event, at) = self.next()?;
            let empty = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, 0, None) if text.is_empty());
            // A missing value has no position of its own.
            let value = self.node(event, if empty { position } else { at }, depth + 1)?;
            if is_merge {
                merged.extend(value.items().iter().cloned());
                continue;
            }
            if entries.iter().any(|entry| entry.key == key) {
                let message = format!("the key {key} is given twice");
                return Err(Syntax { at: position, message });
            }
            entries.push(Entry { key, at: position, value });
        }
        // The mapping's own keys win, then those of earlier mappings.
        for node in merged {
            let Value::Map(others) = node.value else {
                let message = "a merge key (<<) needs a mapping".to_owned();
                return Err(Syntax { at: node.at, message });
            };
            for other in others {
                if !entries.iter().any(|entry| entry.key == other.key) {
                    entries.push(other);
                }
            }
        }
        Ok(entries)
    }
}

fn size(node: &Node) -> usize {
    match &node.value {
        Value::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Map(entries) => 1 + entries.iter().map(|entry| size(&entry.value)).sum::<usize>(),
        _ => 1,
    }
}

fn mark(tag: Option<&Tag>) -> Mark {
    match tag {
        Some(tag) if tag.handle == "!" && tag.suffix == "reset" => Mark::Reset,
        Some(tag) if tag.handle == "!" && tag.suffix == "override" => Mark::Override,
        _ => Mark::None,
    }
}

/// Returns a scalar with the text that Go's YAML library and `fmt` make of it: `0x1F` becomes 31, `1.10` 1.1.
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    let is_text = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
    if style != ScalarStyle::Plain || is_text {
        return Value::Text(text.to_string());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        other => match number(other) {
            Some(number) => Value::Number(number),
            None => Value::Text(other.to_owned()),
        },
    }
}

/// Returns a number in decimal form; `None` if the text is none.
fn number(text: &str) -> Option<String> {
    let (sign, digits) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (if text.starts_with('-') { "-" } else { "" }, rest),
        None => ("", text),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let plain = digits.replace('_', "");
    for (prefix, radix) in [("0x", 16), ("0b", 2), ("0o", 8), ("0", 8), ("", 10)] {
        let whole = plain.strip_prefix(prefix).filter(|rest| !rest.is_empty());
        if let Some(whole) = whole.and_then(|rest| u64::from_str_radix(rest, radix).ok()) {
            return Some(format!("{sign}{whole}"));
        }
    }
    let is_float = plain.bytes().all(|b| b.is_ascii_digit() || b".eE+-".contains(&b));
    let float = plain.parse::<f64>().ok().filter(|float| is_float && float.is_finite())?;
    Some(format!("{sign}{float}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Node {
        read(text, 0).unwrap().remove(0)
    }

    #[test]
    fn numbers_are_what_go_makes_of_them() {
        for (text, value) in [
            ("022", "18"),
            ("0x1F", "31"),
            ("1.10", "1.1"),
            ("3.0", "3"),
            ("1_000", "1000"),
            ("-5", "-5"),
            ("080", "80"),
        ] {
            assert_eq!(one(text).value, Value::Number(value.to_owned()), "{text}");
        }
        for text in ["1.2.3", "v1", "1:2", "\"022\"", "10m", "."] {
            assert!(matches!(one(text).value, Value::Text(_)), "{text}");
        }
    }

    #[test]
    fn merge_keys_fill_in() {
        let node = one("a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc:\n  <<: [*a, *b]\n  x: 3\n");
        let merged = node.get("c").unwrap();
        let values = ["x", "y", "z"].map(|key| merged.text_of(key).unwrap().to_owned());
        assert_eq!(values, ["3", "1", "2"]);
    }

    #[test]
    fn errors_have_a_place() {
        for (text, line, message) in [
            ("a: [1", 1, "not YAML"),
            ("a: 1\nb: 2\na: 3", 3, "twice"),
            ("x: &x [*x]", 1, "alias"),
            ("[1]: 2", 1, ""),
            ("a:\n  <<: 5", 2, "merge key"),
        ] {
            let error = read(text, 0).unwrap_err();
            assert!(error.message.contains(message), "{text}: {error:?}");
            assert!(error.at.line >= line, "{text}: {error:?}");
        }
        let mut bomb = "a: &a [1,1,1,1,1,1,1,1,1,1]\n".to_owned();
        for (old, new) in ('a'..='i').zip('b'..='j') {
            let aliases = vec![format!("*{old}"); 8].join(",");
            bomb.extend([new.to_string(), format!(": &{new} [{aliases}]\n")]);
        }
        assert!(read(&bomb, 0).unwrap_err().message.contains("more than"));
    }
}
