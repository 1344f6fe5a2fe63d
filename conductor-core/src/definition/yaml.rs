//! Reads YAML 1.2 (core schema) into a [`Document`].

use std::borrow::Cow;
use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, StrInput, Tag};

use super::document::{DEEPEST, Document, Entry, NodeId, PathStep, Position, SyntaxError, Value};

/// The hint for braces that YAML reads as a mapping.
const BRACES: &str = "put text with braces or colons in quotes: \"127.0.0.1:{port}\"";

/// The key that merges other mappings (YAML 1.1; Compose files have it).
const MERGE: &str = "<<";

/// More merged keys than this are a mistake or an attack.
const MOST_MERGED: usize = 1_000;

type Parent<'i> = Option<(NodeId, PathStep<'i>)>;

/// Parses one YAML document.
pub(super) fn parse(text: &str) -> Result<Document<'_>, Vec<SyntaxError>> {
    read(text).map_err(|error| vec![error])
}

fn read(text: &str) -> Result<Document<'_>, SyntaxError> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        document: Document::new(),
        anchors: HashMap::new(),
        merged: 0,
    };
    let mut found = false;
    loop {
        let (event, at) = reader.next()?;
        match event {
            Event::StreamEnd => break,
            Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
            _ if found => {
                return Err(SyntaxError::new(at, "a second document begins here")
                    .hint("put the second service into a file of its own"));
            }
            // `---` with nothing after it.
            event if is_empty(&event) => {}
            event => {
                reader.node(event, at, None, 0)?;
                found = true;
            }
        }
    }
    if !found {
        return Err(SyntaxError::new((1, 1), "the file is empty").hint("begin with id: NAME"));
    }
    Ok(reader.document)
}

struct Reader<'i> {
    parser: Parser<'i, StrInput<'i>>,
    document: Document<'i>,
    anchors: HashMap<usize, NodeId>,
    /// How many keys were merged, also those that their mapping had.
    merged: usize,
}

impl<'i> Reader<'i> {
    fn next(&mut self) -> Result<(Event<'i>, Position), SyntaxError> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, position(&span.start))),
            Some(Err(error)) => {
                let info = error.info();
                let fault = SyntaxError::new(position(error.marker()), format!("not YAML: {info}"));
                Err(match info {
                    _ if info.contains("may not precede") => fault.hint(BRACES),
                    _ if info.contains("tabs disallowed") => fault.hint("indent with spaces"),
                    _ => fault,
                })
            }
            None => Ok((Event::StreamEnd, (1, 1))),
        }
    }

    /// Notes the anchor of a value. The parser numbers anchors from 1; 0 means none.
    fn remember(&mut self, anchor: usize, id: NodeId) {
        if anchor != 0 {
            self.anchors.insert(anchor, id);
        }
    }

    fn node(
        &mut self,
        event: Event<'i>,
        at: Position,
        parent: Parent<'i>,
        depth: usize,
    ) -> Result<NodeId, SyntaxError> {
        if depth > DEEPEST {
            return Err(SyntaxError::new(at, format!("nested more than {DEEPEST} deep")));
        }
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let value = scalar(text, style, tag.as_deref(), at)?;
                let id = self.document.add(parent, at, value)?;
                self.remember(anchor, id);
                Ok(id)
            }
            Event::SequenceStart(anchor, tag) => {
                refuse_tag(tag.as_deref(), at)?;
                let id = self.document.add(parent, at, Value::List(Vec::new()))?;
                for index in 0.. {
                    let (event, at) = self.next()?;
                    if matches!(event, Event::SequenceEnd) {
                        break;
                    }
                    let item =
                        self.node(event, at, Some((id, PathStep::Index(index))), depth + 1)?;
                    self.document.push_item(id, item);
                }
                self.remember(anchor, id);
                Ok(id)
            }
            Event::MappingStart(anchor, tag) => {
                refuse_tag(tag.as_deref(), at)?;
                let id = self.document.add(parent, at, Value::Map(Vec::new()))?;
                self.entries(id, depth)?;
                self.remember(anchor, id);
                Ok(id)
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor).copied() {
                Some(target) => self.copy(target, at, parent, depth),
                None => {
                    Err(SyntaxError::new(at, "an alias to a key, or to the value that contains it"))
                }
            },
            _ => Err(SyntaxError::new(at, "not YAML: a value was expected here")),
        }
    }

    fn entries(&mut self, map: NodeId, depth: usize) -> Result<(), SyntaxError> {
        let mut merged = Vec::new();
        loop {
            let (event, position) = self.next()?;
            let key = match event {
                Event::MappingEnd => return self.merge(map, &merged, depth),
                Event::Scalar(key, ..) => key,
                _ => {
                    let error = SyntaxError::new(position, "a key has to be plain text");
                    return Err(error.hint(BRACES));
                }
            };
            let (event, at) = self.next()?;
            if key == MERGE {
                self.merge_sources(&event, at, &mut merged)?;
                continue;
            }
            // A missing value has no position of its own.
            let at = if is_empty(&event) { position } else { at };
            let value = self.node(event, at, Some((map, PathStep::Key(key.clone()))), depth + 1)?;
            self.document.push_entry(map, Entry { key, position, value });
        }
    }

    /// Reads the value of a merge key: an alias of a mapping, or a list of them.
    fn merge_sources(
        &mut self,
        event: &Event<'i>,
        at: Position,
        merged: &mut Vec<(NodeId, Position)>,
    ) -> Result<(), SyntaxError> {
        let mut add = |reader: &Self, event: &Event<'i>, at: Position| {
            let anchor = match event {
                Event::Alias(anchor) => reader.anchors.get(anchor).copied(),
                _ => None,
            };
            let is_map = |id: &NodeId| matches!(reader.document.value(*id), Value::Map(_));
            match anchor.filter(is_map) {
                Some(source) => {
                    merged.push((source, at));
                    Ok(())
                }
                None => Err(SyntaxError::new(at, "<< merges the keys of other mappings")
                    .hint("write <<: *name, of a mapping with &name above it")),
            }
        };
        if !matches!(event, Event::SequenceStart(0, None)) {
            return add(self, event, at);
        }
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(()),
                (event, at) => add(self, &event, at)?,
            }
        }
    }

    /// Adds the keys of other mappings that a mapping does not have itself; the first one of them wins.
    fn merge(
        &mut self,
        map: NodeId,
        sources: &[(NodeId, Position)],
        depth: usize,
    ) -> Result<(), SyntaxError> {
        for (source, at) in sources {
            let Value::Map(entries) = self.document.value(*source) else { continue };
            self.merged += entries.len();
            if self.merged > MOST_MERGED {
                let message = format!("more than {MOST_MERGED} keys are merged");
                return Err(SyntaxError::new(*at, message).hint("write the keys out"));
            }
            let entries: Vec<_> =
                entries.iter().map(|entry| (entry.key.clone(), entry.value)).collect();
            for (key, value) in entries {
                if self.document.has_key(map, &key) {
                    continue;
                }
                let parent = Some((map, PathStep::Key(key.clone())));
                let value = self.copy(value, *at, parent, depth + 1)?;
                self.document.push_entry(map, Entry { key, position: *at, value });
            }
        }
        Ok(())
    }

    /// Copies the value of an alias. Each copy counts, so that an alias bomb stays small.
    fn copy(
        &mut self,
        from: NodeId,
        at: Position,
        parent: Parent<'i>,
        depth: usize,
    ) -> Result<NodeId, SyntaxError> {
        if depth > DEEPEST {
            return Err(SyntaxError::new(at, format!("nested more than {DEEPEST} deep")));
        }
        match self.document.value(from) {
            Value::Null => self.document.add(parent, at, Value::Null),
            Value::Bool(bool) => {
                let value = Value::Bool(*bool);
                self.document.add(parent, at, value)
            }
            Value::Number(text) => {
                let value = Value::Number(text.clone());
                self.document.add(parent, at, value)
            }
            Value::Text(text) => {
                let value = Value::Text(text.clone());
                self.document.add(parent, at, value)
            }
            Value::List(items) => {
                let items = items.clone();
                let id = self.document.add(parent, at, Value::List(Vec::new()))?;
                for (index, item) in items.into_iter().enumerate() {
                    let item =
                        self.copy(item, at, Some((id, PathStep::Index(index))), depth + 1)?;
                    self.document.push_item(id, item);
                }
                Ok(id)
            }
            Value::Map(entries) => {
                let entries: Vec<_> =
                    entries.iter().map(|entry| (entry.key.clone(), entry.value)).collect();
                let id = self.document.add(parent, at, Value::Map(Vec::new()))?;
                for (key, value) in entries {
                    let parent = Some((id, PathStep::Key(key.clone())));
                    let value = self.copy(value, at, parent, depth + 1)?;
                    self.document.push_entry(id, Entry { key, position: at, value });
                }
                Ok(id)
            }
        }
    }
}

/// Returns the position of a marker. The parser counts lines from 1 and columns from 0.
fn position(marker: &Marker) -> Position {
    (marker.line(), marker.col() + 1)
}

/// Returns whether a value is missing.
fn is_empty(event: &Event<'_>) -> bool {
    matches!(event, Event::Scalar(text, ScalarStyle::Plain, 0, None) if text.is_empty())
}

fn refuse_tag(tag: Option<&Tag>, at: Position) -> Result<(), SyntaxError> {
    match tag {
        None => Ok(()),
        Some(tag) => {
            let error = SyntaxError::new(at, format!("the tag {tag} is not supported"));
            Err(error.hint("remove it"))
        }
    }
}

fn scalar<'i>(
    text: Cow<'i, str>,
    style: ScalarStyle,
    tag: Option<&Tag>,
    at: Position,
) -> Result<Value<'i>, SyntaxError> {
    let is_text = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
    if is_text {
        return Ok(Value::Text(text));
    }
    refuse_tag(tag, at)?;
    if style != ScalarStyle::Plain {
        return Ok(Value::Text(text));
    }
    Ok(match &*text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        number if is_number(number) => Value::Number(text),
        _ => Value::Text(text),
    })
}

/// Returns whether text is a number of the YAML core schema (YAML 1.2.2, section 10.3.2).
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    match digits {
        ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN" => true,
        _ if digits.starts_with("0x") => {
            digits.len() > 2 && digits.bytes().skip(2).all(|b| b.is_ascii_hexdigit())
        }
        _ if digits.starts_with("0o") => {
            digits.len() > 2 && digits.bytes().skip(2).all(|b| matches!(b, b'0'..=b'7'))
        }
        _ => {
            digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
                && digits.bytes().all(|b| b.is_ascii_digit() || b".eE+-".contains(&b))
                && digits.parse::<f64>().is_ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::service::Service;

    fn env(text: &str) -> String {
        let text = format!("id: web\ncommand: [/bin/x]\n{text}\n");
        match Service::parse(Path::new("web.yaml"), &text) {
            Ok(service) => {
                let env = service.env.iter().map(|(name, value)| format!("{name}={value}"));
                env.collect::<Vec<_>>().join(" ")
            }
            Err(problems) => problems.to_string(),
        }
    }

    #[test]
    fn mappings_are_merged_and_their_own_keys_win() {
        for (text, expected) in [
            ("x-a: &a {A: 1, B: 2}\nenv: {<<: *a, B: 3}", "A=1 B=3"),
            ("x-a: &a {A: 1, B: 2}\nenv: {B: 3, <<: *a}", "A=1 B=3"),
            ("x-a: &a {A: 1}\nx-b: &b {A: 2, B: 2}\nenv: {<<: [*a, *b]}", "A=1 B=2"),
            ("x-a: &a {A: 1}\nx-b: &b {<<: *a, B: 2}\nenv: {<<: *b}", "A=1 B=2"),
        ] {
            assert_eq!(env(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_in_a_merge_has_its_place() {
        for (text, expected) in [
            ("env: {<<: {A: 1}}", "web.yaml:3:11: << merges the keys of other mappings"),
            ("x-a: &a [1]\nenv: {<<: *a}", "web.yaml:4:11: << merges the keys of other mappings"),
            ("env: &a {<<: *a}", "web.yaml:3:14: << merges the keys of other mappings"),
            ("x-a: &a {A-B: 1}\nenv:\n  <<: *a", "web.yaml:5:7: env.A-B: \"A-B\" is not the name"),
        ] {
            assert!(env(text).starts_with(expected), "{}", env(text));
        }
        let many = "*a, ".repeat(2_000);
        let text = format!("x-a: &a {{A: 1}}\nenv: {{<<: [{many}]}}");
        assert!(env(&text).contains("more than 1000 keys are merged"), "{}", env(&text));
    }
}
