//! Reads TOML 1.1 into a [`Document`].

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::document::{DEEPEST, Document, Entry, Lines, NodeId, Step, SyntaxError, Value};

/// Parses one TOML document; the parser recovers, so that all syntax errors come at once.
pub(super) fn parse(text: &str) -> Result<Document<'_>, Vec<SyntaxError>> {
    let lines = Lines::new(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let located = |error: &toml::de::Error| SyntaxError {
            position: error.span().map(|span| lines.position(span.start)),
            message: format!("not TOML: {}", error.message()),
            hint: None,
        };
        return Err(errors.iter().map(located).collect());
    }
    if table.get_ref().is_empty() {
        return Err(vec![
            SyntaxError::new((1, 1), "the file is empty").hint("begin with id = \"NAME\""),
        ]);
    }
    let mut document = Document::new();
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
    parent: Option<(NodeId, Step<'i>)>,
    depth: usize,
) -> Result<NodeId, SyntaxError> {
    let at = lines.position(value.span().start);
    if depth > DEEPEST {
        return Err(SyntaxError::new(
            at,
            format!("nested more than {DEEPEST} deep"),
        ));
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
                let parent = Some((id, Step::Index(index)));
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
                let parent = Some((id, Step::Key(key.clone())));
                let value = add(document, lines, value, parent, depth + 1)?;
                document.push_entry(
                    id,
                    Entry {
                        key,
                        position,
                        value,
                    },
                )?;
            }
            Ok(id)
        }
    }
}
