//! Deserializes from a [`Document`] with serde, and notes every problem instead of stopping at the first.

use serde::de::{Deserialize, Deserializer, Visitor};

use super::access::{Entries, Items, Place, Variant};
use super::document::{Document, Entry, NodeId, Value};
use super::field::FIELD;
use super::foreign;
use super::problem::{Fault, Findings, suggest};
use super::process::{FLAT, ProcessKeys};
use crate::error::shown;

/// The longest text that a hint repeats as a list.
const LONGEST_EXAMPLE: usize = 200;

/// The beginning of keys of a definition that mean nothing: their values are for aliases.
pub(super) const EXTENSION: &str = "x-";

/// Reads a whole document, or what of it is one process; `None` if its root has the wrong kind, which has been noted.
pub(super) fn from_document<'d, T: Deserialize<'d>>(
    document: &'d Document<'_>,
    root: NodeId,
    findings: &'d Findings,
) -> Option<T> {
    let reader = Reader { document, findings, root, node: root };
    match T::deserialize(reader) {
        Ok(value) => Some(value),
        Err(fault) => {
            reader.note(fault);
            None
        }
    }
}

/// One value of a document, as serde reads it.
#[derive(Clone, Copy)]
pub(super) struct Reader<'d, 'i> {
    document: &'d Document<'i>,
    findings: &'d Findings,
    /// The mapping that is the definition.
    root: NodeId,
    node: NodeId,
}

impl<'d, 'i> Reader<'d, 'i> {
    fn value(self) -> &'d Value<'i> {
        self.document.value(self.node)
    }

    /// Returns the value that is read.
    pub(super) fn node(self) -> NodeId {
        self.node
    }

    /// Returns the reader of another value.
    pub(super) fn to(self, node: NodeId) -> Self {
        Self { node, ..self }
    }

    /// Notes an error of this value, or of the value inside it to which the fault belongs.
    pub(super) fn note(self, fault: Fault) {
        let at = fault.at().unwrap_or(self.node);
        self.findings.push(self.document.position(at), self.document.path(at), fault);
    }

    /// Notes an error of a key of this mapping.
    pub(super) fn note_key(self, entry: &Entry<'_>, fault: Fault) {
        // A process has entries of the mapping that all of them share.
        let path = self.document.path(entry.value);
        self.findings.push(entry.position, path, fault);
    }

    /// Returns whether a mapping is that of a Compose file: its services are mappings below `services`.
    fn is_compose(self, entries: &[Entry<'_>]) -> bool {
        let services = entries.iter().find(|entry| entry.key == "services");
        services.is_some_and(|entry| matches!(self.document.value(entry.value), Value::Map(_)))
    }

    fn unexpected<T>(self, wanted: &str) -> Result<T, Fault> {
        let value = self.value();
        let fault = Fault::new(format!("expected {wanted}, found {}", value.kind()));
        Err(match value {
            _ if self.node == self.root => fault.hint("begin with id: NAME"),
            Value::Null => fault.hint("write a value, or remove the key"),
            Value::Bool(bool) if wanted == "text" => {
                fault.hint(format!("put it in quotes: \"{bool}\""))
            }
            Value::Number(text) if wanted == "text" => {
                fault.hint(format!("put it in quotes: {}", shown(text)))
            }
            // YAML reads {port} without quotes as this.
            Value::Map(_) if wanted == "text" => {
                fault.hint("text that begins with a brace has to be in quotes: \"{port}\"")
            }
            Value::Text(text) if wanted == "a whole number" && is_whole(text) => {
                fault.hint("write it without quotes")
            }
            Value::Text(text) if wanted == "a list" && text.len() <= LONGEST_EXAMPLE => {
                let words = match is_for_a_shell(text) {
                    true => vec!["/bin/sh".to_owned(), "-c".to_owned(), shown(text)],
                    false => text.split_whitespace().map(shown).collect(),
                };
                fault.hint(format!("write a list: [{}]", words.join(", ")))
            }
            Value::Number(text) if wanted == "a list" => {
                fault.hint(format!("write a list: [{}]", shown(text).trim_matches('"')))
            }
            Value::List(_) if wanted == "text" => fault.hint("write one value, without brackets"),
            _ => match wanted {
                "a list" => fault.hint("write a list: [FIRST, SECOND]"),
                "a mapping" => fault.hint("write a mapping: {NAME: VALUE}"),
                "true or false" => fault.hint("write true or false, without quotes"),
                "a whole number" => fault.hint("write a whole number, without quotes"),
                _ => fault,
            },
        }
        .about(self.node))
    }

    fn integer<T: std::str::FromStr>(self, least: i128, most: i128) -> Result<T, Fault> {
        let Value::Number(text) = self.value() else {
            return self.unexpected("a whole number");
        };
        text.parse().map_err(|_| {
            let number = shown(text);
            Fault::new(format!(
                "{} is not a whole number from {least} to {most}",
                number.trim_matches('"')
            ))
            .about(self.node)
        })
    }

    /// Reads text. Some types also accept a number, as the text that was written.
    fn text<V: Visitor<'d>>(self, visitor: V, numbers: bool) -> Result<V::Value, Fault> {
        match self.value() {
            Value::Text(text) => visitor.visit_str(text),
            Value::Number(text) if numbers => visitor.visit_str(text),
            _ => self.unexpected("text"),
        }
        .map_err(|fault: Fault| fault.about(self.node))
    }
}

/// Returns whether a text has operators, quotes or variables that only a shell reads.
fn is_for_a_shell(text: &str) -> bool {
    text.contains(['|', '&', ';', '<', '>', '$', '`', '"', '\'', '*', '?'])
}

fn is_whole(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

macro_rules! integers {
    ($($method:ident, $visit:ident, $type:ty;)*) => {$(
        fn $method<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Fault> {
            visitor.$visit(self.integer(<$type>::MIN.into(), <$type>::MAX.into())?)
        }
    )*};
}

impl<'d> Deserializer<'d> for Reader<'d, '_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value() {
            Value::Null => self.unexpected("a value"),
            Value::Bool(bool) => visitor.visit_bool(*bool),
            Value::Number(text) | Value::Text(text) => visitor.visit_str(text),
            Value::List(items) => visitor.visit_seq(Items { reader: self, items: items.iter() }),
            Value::Map(entries) => {
                let entries = entries.iter();
                visitor.visit_map(Entries { reader: self, entries, value: None, flat: false })
            }
        }
        .map_err(|fault| fault.about(self.node))
    }

    fn deserialize_str<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.text(visitor, false)
    }

    /// serde leaves the difference between `str` and `string` to the format; [`crate::text`] requests a string
    /// where a number is also accepted.
    fn deserialize_string<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.text(visitor, true)
    }

    fn deserialize_bool<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value() {
            Value::Bool(bool) => visitor.visit_bool(*bool),
            _ => self.unexpected("true or false"),
        }
    }

    integers! {
        deserialize_u8, visit_u8, u8;
        deserialize_u16, visit_u16, u16;
        deserialize_u32, visit_u32, u32;
        deserialize_u64, visit_u64, u64;
    }

    fn deserialize_seq<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value() {
            Value::List(items) => visitor.visit_seq(Items { reader: self, items: items.iter() }),
            _ => self.unexpected("a list"),
        }
    }

    fn deserialize_map<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value() {
            Value::Map(entries) => {
                let entries = entries.iter();
                visitor.visit_map(Entries { reader: self, entries, value: None, flat: false })
            }
            _ => self.unexpected("a mapping"),
        }
    }

    /// Finds unknown keys, because the names of the fields are known here. A field called [`FLAT`] is read from the
    /// same mapping.
    fn deserialize_struct<V: Visitor<'d>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let Value::Map(entries) = self.value() else {
            // A service has too many fields for a message.
            return match self.node == self.root {
                true => self.unexpected("a mapping"),
                false => self.unexpected(&format!("a mapping with {}", fields.join(", "))),
            };
        };
        if self.node == self.root && self.is_compose(entries) && !fields.contains(&"services") {
            let hint = "conductor import compose FILE converts it: one definition for each service";
            return Err(Fault::new("this is a Compose file, and not a definition").hint(hint));
        }
        let has_flat = fields.contains(&FLAT);
        if name != FLAT {
            let flat = if has_flat { ProcessKeys::KEYS } else { &[] };
            let known: Vec<_> =
                fields.iter().chain(flat).copied().filter(|key| *key != FLAT).collect();
            // Compose's keys for values that others repeat.
            let is_free = |key: &str| has_flat && key.starts_with(EXTENSION);
            let is_unknown = |key: &str| !known.contains(&key) && !is_free(key);
            for entry in entries.iter().filter(|entry| is_unknown(&entry.key)) {
                let fault = Fault::new(format!("unknown key {}", shown(&entry.key)));
                let hint = foreign::hint(&entry.key, &known);
                let hint = hint.map_or_else(|| suggest(&entry.key, &known), str::to_owned);
                self.note_key(entry, fault.hint(hint));
            }
        }
        let known: Vec<_> = entries.iter().filter(|entry| fields.contains(&&*entry.key)).collect();
        let entries = known.into_iter();
        visitor.visit_map(Entries { reader: self, entries, value: None, flat: has_flat })
    }

    fn deserialize_enum<V: Visitor<'d>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let Value::Text(text) = self.value() else {
            return self.unexpected(&format!("one of {}", variants.join(", ")));
        };
        match variants.iter().find(|variant| *variant == text) {
            Some(variant) => visitor.visit_enum(Variant(variant)),
            None => Err(Fault::new(format!("unknown value {}", shown(text)))
                .hint(suggest(text, variants))
                .about(self.node)),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'d>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if name == FIELD {
            visitor.visit_seq(Place { reader: self, given: 0 })
        } else {
            visitor.visit_newtype_struct(self)
        }
    }

    fn deserialize_option<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value() {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        <W: Visitor<'d>>
        i8 i16 i32 i64 i128 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct
        identifier
    }
}
