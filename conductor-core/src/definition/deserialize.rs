//! Drives serde from a [`Document`], noting every problem instead of stopping at the first.

use std::cell::RefCell;
use std::fmt::Display;

use serde::de::value::{StrDeserializer, U32Deserializer};
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer, MapAccess,
    SeqAccess, Unexpected, VariantAccess, Visitor,
};

use super::document::{Document, Entry, NodeId, Position, ROOT, Value};
use super::field::FIELD;
use crate::error::shown;
use crate::text::HINT_MARK;

/// A problem before the name of the file is known.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) position: Position,
    pub(crate) path: String,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

/// Collects what is wrong with one document.
#[derive(Debug, Default)]
pub(crate) struct Findings(RefCell<Vec<Finding>>);

impl Findings {
    pub(super) fn push(&self, position: Position, path: String, fault: Fault) {
        self.0.borrow_mut().push(fault.found(position, path));
    }

    pub(super) fn take(&self) -> Vec<Finding> {
        self.0.take()
    }
}

/// What serde passes upwards: a message, and the value it is about once that is known.
#[derive(Debug)]
pub(crate) struct Fault {
    at: Option<NodeId>,
    message: String,
    hint: Option<String>,
}

impl Fault {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            at: None,
            message: message.into(),
            hint: None,
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Makes a finding of it, where it was found.
    pub(super) fn found(self, position: Position, path: String) -> Finding {
        let Self { message, hint, .. } = self;
        Finding {
            position,
            path,
            message,
            hint,
        }
    }

    /// Notes the innermost value this was about; outer values do not replace it.
    fn about(mut self, at: NodeId) -> Self {
        self.at.get_or_insert(at);
        self
    }
}

impl std::error::Error for Fault {}

impl Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Fault {
    fn custom<T: Display>(message: T) -> Self {
        let text = message.to_string();
        match text.split_once(HINT_MARK) {
            Some((message, hint)) => Self::new(message).hint(hint),
            None => Self::new(text),
        }
    }
}

/// Reads a whole document; `None` when its root is of the wrong kind, which has been noted.
pub(super) fn from_document<'d, T: Deserialize<'d>>(
    document: &'d Document<'_>,
    findings: &'d Findings,
) -> Option<T> {
    let reader = Reader {
        document,
        findings,
        node: ROOT,
    };
    match T::deserialize(reader) {
        Ok(value) => Some(value),
        Err(fault) => {
            reader.note(fault);
            None
        }
    }
}

#[derive(Clone, Copy)]
struct Reader<'d, 'i> {
    document: &'d Document<'i>,
    findings: &'d Findings,
    node: NodeId,
}

impl<'d, 'i> Reader<'d, 'i> {
    fn value(self) -> &'d Value<'i> {
        self.document.value(self.node)
    }

    fn to(self, node: NodeId) -> Self {
        Self { node, ..self }
    }

    fn note(self, fault: Fault) {
        let at = fault.at.unwrap_or(self.node);
        self.findings
            .push(self.document.position(at), self.document.path(at), fault);
    }

    fn unexpected<T>(self, wanted: &str) -> Result<T, Fault> {
        let value = self.value();
        let fault = Fault::new(format!("expected {wanted}, found {}", value.kind()));
        Err(match value {
            Value::Null => fault.hint("write a value, or remove the key"),
            Value::Bool(bool) if wanted == "text" => {
                fault.hint(format!("put it in quotes: \"{bool}\""))
            }
            Value::Text(text) if wanted == "true or false" && is_yaml_1_1_bool(text) => {
                fault.hint("write true or false")
            }
            _ => fault,
        }
        .about(self.node))
    }

    fn integer<T: std::str::FromStr>(self, least: i128, most: i128) -> Result<T, Fault> {
        let Value::Number(text) = self.value() else {
            return self.unexpected("a whole number");
        };
        text.parse().map_err(|_| {
            Fault::new(format!(
                "{text} is not a whole number from {least} to {most}"
            ))
            .about(self.node)
        })
    }
}

fn is_yaml_1_1_bool(text: &str) -> bool {
    ["yes", "no", "on", "off", "y", "n"].contains(&text.to_ascii_lowercase().as_str())
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
            Value::List(items) => visitor.visit_seq(Items {
                reader: self,
                items: items.iter(),
            }),
            Value::Map(entries) => visitor.visit_map(Entries {
                reader: self,
                entries: entries.iter(),
                value: None,
            }),
        }
        .map_err(|fault| fault.about(self.node))
    }

    fn deserialize_str<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value() {
            Value::Text(text) | Value::Number(text) => visitor
                .visit_str(text)
                .map_err(|fault: Fault| fault.about(self.node)),
            _ => self.unexpected("text"),
        }
    }

    fn deserialize_string<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
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
            Value::List(items) => visitor.visit_seq(Items {
                reader: self,
                items: items.iter(),
            }),
            Value::Text(text) => {
                let example = text
                    .split_whitespace()
                    .map(shown)
                    .collect::<Vec<_>>()
                    .join(", ");
                self.unexpected("a list")
                    .map_err(|fault: Fault| fault.hint(format!("write a list: [{example}]")))
            }
            _ => self.unexpected("a list"),
        }
    }

    fn deserialize_map<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value() {
            Value::Map(entries) => visitor.visit_map(Entries {
                reader: self,
                entries: entries.iter(),
                value: None,
            }),
            _ => self.unexpected("a mapping"),
        }
    }

    /// The names of the fields are known here, so this is where unknown keys are found.
    fn deserialize_struct<V: Visitor<'d>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let Value::Map(entries) = self.value() else {
            return self.unexpected(&format!("a mapping with {}", one_of(fields)));
        };
        for entry in entries
            .iter()
            .filter(|entry| !fields.contains(&&*entry.key))
        {
            let fault = Fault::new(format!("unknown key {}", shown(&entry.key)));
            let path = self.document.path_of_key(self.node, &entry.key);
            self.findings.push(
                entry.position,
                path,
                fault.hint(suggest(&entry.key, fields)),
            );
        }
        let known: Vec<_> = entries
            .iter()
            .filter(|entry| fields.contains(&&*entry.key))
            .collect();
        visitor.visit_map(Entries {
            reader: self,
            entries: known.into_iter(),
            value: None,
        })
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
            None => Err(Fault::new(format!("{} is not known", shown(text)))
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
            visitor.visit_seq(Place {
                reader: self,
                given: 0,
            })
        } else {
            visitor.visit_newtype_struct(self)
        }
    }

    fn deserialize_option<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
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

/// The answer to a [`super::Field`]: where it stands, then its value unless that is wrong.
struct Place<'d, 'i> {
    reader: Reader<'d, 'i>,
    given: usize,
}

impl<'d> SeqAccess<'d> for Place<'d, '_> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'d>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        self.given += 1;
        if self.given == 1 {
            let place: U32Deserializer<Fault> = self.reader.node.to_raw().into_deserializer();
            return seed.deserialize(place).map(Some);
        }
        match seed.deserialize(self.reader) {
            Ok(value) => Ok(Some(value)),
            Err(fault) => {
                self.reader.note(fault);
                Ok(None)
            }
        }
    }
}

struct Items<'d, 'i> {
    reader: Reader<'d, 'i>,
    items: std::slice::Iter<'d, NodeId>,
}

impl<'d> SeqAccess<'d> for Items<'d, '_> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'d>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        self.items
            .next()
            .map(|item| seed.deserialize(self.reader.to(*item)))
            .transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

struct Entries<'d, 'i, I> {
    reader: Reader<'d, 'i>,
    entries: I,
    value: Option<NodeId>,
}

impl<'d, 'i: 'd, I: Iterator<Item = &'d Entry<'i>>> MapAccess<'d> for Entries<'d, 'i, I> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'d>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        let Some(entry) = self.entries.next() else {
            return Ok(None);
        };
        self.value = Some(entry.value);
        seed.deserialize(Key {
            reader: self.reader,
            entry,
            given: 0,
        })
        .map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'d>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let Some(value) = self.value.take() else {
            return Err(Fault::invalid_type(
                Unexpected::Map,
                &"a key before its value",
            ));
        };
        seed.deserialize(self.reader.to(value))
    }
}

/// A key of a mapping; asked for as a [`super::Field`], a wrong one is noted and reading goes on.
struct Key<'d, 'i> {
    reader: Reader<'d, 'i>,
    entry: &'d Entry<'i>,
    given: usize,
}

impl<'d> Deserializer<'d> for Key<'d, '_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_str(&self.entry.key)
    }

    fn deserialize_newtype_struct<V: Visitor<'d>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if name == FIELD {
            visitor.visit_seq(self)
        } else {
            visitor.visit_newtype_struct(self)
        }
    }

    serde::forward_to_deserialize_any! {
        <W: Visitor<'d>>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        option unit unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'d> SeqAccess<'d> for Key<'d, '_> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'d>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        self.given += 1;
        if self.given == 1 {
            let place: U32Deserializer<Fault> = self.entry.value.to_raw().into_deserializer();
            return seed.deserialize(place).map(Some);
        }
        let key: StrDeserializer<'_, Fault> = (*self.entry.key).into_deserializer();
        match seed.deserialize(key) {
            Ok(value) => Ok(Some(value)),
            Err(fault) => {
                let Reader {
                    document,
                    findings,
                    node,
                } = self.reader;
                let path = document.path_of_key(node, &self.entry.key);
                findings.push(self.entry.position, path, fault);
                Ok(None)
            }
        }
    }
}

struct Variant(&'static str);

impl<'d> EnumAccess<'d> for Variant {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'d>>(self, seed: S) -> Result<(S::Value, Self), Fault> {
        let name: StrDeserializer<'_, Fault> = self.0.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'d> VariantAccess<'d> for Variant {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'d>>(self, _: S) -> Result<S::Value, Fault> {
        Err(Fault::new("this takes no value"))
    }

    fn tuple_variant<V: Visitor<'d>>(self, _: usize, _: V) -> Result<V::Value, Fault> {
        Err(Fault::new("this takes no value"))
    }

    fn struct_variant<V: Visitor<'d>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Fault> {
        Err(Fault::new("this takes no value"))
    }
}

/// Says what was probably meant, or what there is.
fn suggest(written: &str, known: &[&str]) -> String {
    const CLOSE: f64 = 0.8;
    let score = |name: &&&str| strsim::jaro_winkler(&written.to_lowercase(), name);
    let best = known.iter().max_by(|a, b| score(a).total_cmp(&score(b)));
    match best {
        Some(name) if score(&name) >= CLOSE => format!("did you mean {name}?"),
        _ => format!("there is {}", one_of(known)),
    }
}

fn one_of(names: &[&str]) -> String {
    names.join(", ")
}
