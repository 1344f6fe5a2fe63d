//! Reads YAML 1.2 (core schema) into a [`Document`].

use std::borrow::Cow;
use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, StrInput, Tag};

use super::document::{DEEPEST, Document, Entry, NodeId, PathStep, Position, SyntaxError, Value};

/// The hint for braces that YAML reads as a mapping.
const BRACES: &str = "put text with braces or colons in quotes: \"127.0.0.1:{port}\"";

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
        loop {
            let (event, position) = self.next()?;
            let key = match event {
                Event::MappingEnd => return Ok(()),
                Event::Scalar(key, ..) => key,
                _ => {
                    let error = SyntaxError::new(position, "a key has to be plain text");
                    return Err(error.hint(BRACES));
                }
            };
            if key == "<<" {
                return Err(SyntaxError::new(position, "merge keys (<<) are not part of YAML 1.2")
                    .hint("write the keys out, or alias single values with *name"));
            }
            let (event, at) = self.next()?;
            // A missing value has no position of its own.
            let at = if is_empty(&event) { position } else { at };
            let value = self.node(event, at, Some((map, PathStep::Key(key.clone()))), depth + 1)?;
            self.document.push_entry(map, Entry { key, position, value });
        }
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
