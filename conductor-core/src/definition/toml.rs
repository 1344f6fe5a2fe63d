//! Reads TOML 1.1 into a [`Document`].

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::document::{DEEPEST, Document, Entry, NodeId, PathStep, SyntaxError, Value};
use super::lines::Lines;

/// Parses one TOML document; the parser recovers, so that all syntax errors come at once.
pub(super) fn parse(text: &str) -> Result<Document<'_>, Vec<SyntaxError>> {
    let lines = Lines::new(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut document = Document::new();
    let mut refused: Vec<SyntaxError> = Vec::new();
    for error in &errors {
        let span = error.span();
        let position = span.as_ref().map(|span| lines.position(span.start));
        match (error.message(), span) {
            // As in the other formats, the rest is still read.
            ("duplicate key", Some(span)) => {
                document.push_duplicate(lines.position(span.start), &text[span]);
            }
            // At the end of the file, every open list is an error of its own.
            _ if refused.last().is_some_and(|last| last.position == position) => {}
            (message, _) => refused.push(SyntaxError {
                position: position.or(Some((1, 1))),
                message: format!("not TOML: {message}"),
                hint: None,
            }),
        }
    }
    if !refused.is_empty() {
        return Err(refused);
    }
    if table.get_ref().is_empty() {
        let error = SyntaxError::new((1, 1), "the file is empty");
        return Err(vec![error.hint("begin with id = \"NAME\"")]);
    }
    let root = Spanned::new(table.span(), DeValue::Table(table.into_inner()));
    match add(&mut document, &lines, root, None, 0) {
        Ok(_) => Ok(document),
        Err(error) => Err(vec![error]),
    }
}

fn add<'i>(
    document: &mut Document<'i>,
    lines: &Lines<'i>,
    value: Spanned<DeValue<'i>>,
    parent: Option<(NodeId, PathStep<'i>)>,
    depth: usize,
) -> Result<NodeId, SyntaxError> {
    let at = lines.position(value.span().start);
    if depth > DEEPEST {
        return Err(SyntaxError::new(at, format!("nested more than {DEEPEST} deep")));
    }
    match value.into_inner() {
        DeValue::Boolean(bool) => document.add(parent, at, Value::Bool(bool)),
        DeValue::String(text) => document.add(parent, at, Value::Text(text)),
        DeValue::Integer(number) => {
            let text = match number.radix() {
                10 => number.as_str().to_owned(),
                radix => i128::from_str_radix(number.as_str(), radix)
                    .map_or_else(|_| number.as_str().to_owned(), |value| value.to_string()),
            };
            document.add(parent, at, Value::Number(text.into()))
        }
        DeValue::Float(number) => {
            document.add(parent, at, Value::Number(number.as_str().to_owned().into()))
        }
        DeValue::Datetime(datetime) => {
            document.add(parent, at, Value::Text(datetime.to_string().into()))
        }
        DeValue::Array(array) => {
            let id = document.add(parent, at, Value::List(Vec::new()))?;
            for (index, element) in array.into_iter().enumerate() {
                let parent = Some((id, PathStep::Index(index)));
                let item = add(document, lines, element, parent, depth + 1)?;
                document.push_item(id, item);
            }
            Ok(id)
        }
        DeValue::Table(table) => {
            let id = document.add(parent, at, Value::Map(Vec::new()))?;
            for (key, value) in table {
                let position = lines.position(key.span().start);
                let key = key.into_inner();
                let parent = Some((id, PathStep::Key(key.clone())));
                let value = add(document, lines, value, parent, depth + 1)?;
                document.push_entry(id, Entry { key, position, value });
            }
            Ok(id)
        }
    }
}
