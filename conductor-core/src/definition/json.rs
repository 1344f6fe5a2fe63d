//! Reads JSON (RFC 8259) into a [`Document`].

use jsonc_parser::ast;
use jsonc_parser::common::Ranged as _;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use super::document::{DEEPEST, Document, Entry, NodeId, PathStep, SyntaxError, Value};
use super::lines::Lines;

/// The parser also reads JSON with comments and other extensions; a definition is strict JSON.
const STRICT: ParseOptions = ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// Parses one JSON document.
pub(super) fn parse(text: &str) -> Result<Document<'_>, Vec<SyntaxError>> {
    let lines = Lines::new(text);
    let ast = parse_to_ast(text, &CollectOptions::default(), &STRICT).map_err(|error| {
        let position = lines.position(error.range().start);
        vec![SyntaxError::new(position, format!("not JSON: {}", error.kind()))]
    })?;
    let Some(root) = ast.value else {
        let error = SyntaxError::new((1, 1), "the file is empty");
        return Err(vec![error.hint("begin with {\"id\": \"NAME\"}")]);
    };
    let mut document = Document::new();
    match add(&mut document, &lines, root, None, 0) {
        Ok(_) => Ok(document),
        Err(error) => Err(vec![error]),
    }
}

/// Refuses line ends and tabs in a string, which the parser accepts (RFC 8259, section 7).
fn refuse_raw(lines: &Lines<'_>, string: &ast::StringLit<'_>) -> Result<(), SyntaxError> {
    let raw = &lines.text()[string.range.start..string.range.end];
    match raw.find(|c: char| c < ' ') {
        None => Ok(()),
        Some(at) => {
            let position = lines.position(string.range.start + at);
            let error = SyntaxError::new(position, "not JSON: a line end or tab in a string");
            Err(error.hint("write \\n for a line end, \\t for a tab"))
        }
    }
}

fn add<'i>(
    document: &mut Document<'i>,
    lines: &Lines<'i>,
    value: ast::Value<'i>,
    parent: Option<(NodeId, PathStep<'i>)>,
    depth: usize,
) -> Result<NodeId, SyntaxError> {
    let at = lines.position(value.start());
    if depth > DEEPEST {
        return Err(SyntaxError::new(at, format!("nested more than {DEEPEST} deep")));
    }
    match value {
        ast::Value::NullKeyword(_) => document.add(parent, at, Value::Null),
        ast::Value::BooleanLit(literal) => document.add(parent, at, Value::Bool(literal.value)),
        ast::Value::NumberLit(literal) => {
            document.add(parent, at, Value::Number(literal.value.into()))
        }
        ast::Value::StringLit(literal) => {
            refuse_raw(lines, &literal)?;
            document.add(parent, at, Value::Text(literal.value))
        }
        ast::Value::Array(array) => {
            let id = document.add(parent, at, Value::List(Vec::new()))?;
            for (index, element) in array.elements.into_iter().enumerate() {
                let parent = Some((id, PathStep::Index(index)));
                let item = add(document, lines, element, parent, depth + 1)?;
                document.push_item(id, item);
            }
            Ok(id)
        }
        ast::Value::Object(object) => {
            let id = document.add(parent, at, Value::Map(Vec::new()))?;
            for property in object.properties {
                let position = lines.position(property.range.start);
                let key = match property.name {
                    ast::ObjectPropName::String(literal) => {
                        refuse_raw(lines, &literal)?;
                        literal.value
                    }
                    ast::ObjectPropName::Word(word) => word.value.into(),
                };
                let parent = Some((id, PathStep::Key(key.clone())));
                let value = add(document, lines, property.value, parent, depth + 1)?;
                document.push_entry(id, Entry { key, position, value });
            }
            Ok(id)
        }
    }
}
