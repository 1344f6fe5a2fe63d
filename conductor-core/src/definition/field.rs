//! A field of a definition: absent, refused, or given at a known place.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::document::NodeId;

/// The name with which [`Field`] requests the place of a value from this crate's deserializer.
pub(super) const FIELD: &str = "$conductor::Field";

/// The value of one key of a definition, or why there is none.
///
/// After a wrong value, reading continues: the value becomes `Refused`, and the deserializer has noted the
/// error. So all errors of a file are reported at once.
#[derive(Debug, Clone, Default)]
pub enum Field<T> {
    /// The file does not have the key.
    #[default]
    Absent,
    /// The value was wrong; the error has been noted.
    Refused,
    /// The value.
    Given(Located<T>),
}

/// A value and its place in the file.
#[derive(Debug, Clone)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    pub(crate) at: NodeId,
}

impl<T> Field<T> {
    /// Returns the value without its place.
    pub fn into_value(self) -> Option<T> {
        self.given().map(|located| located.value)
    }

    /// Returns the value and its place.
    pub(crate) fn given(self) -> Option<Located<T>> {
        match self {
            Field::Given(located) => Some(located),
            Field::Absent | Field::Refused => None,
        }
    }

    /// Returns the value and its place, borrowed.
    pub(crate) fn located(&self) -> Option<&Located<T>> {
        match self {
            Field::Given(located) => Some(located),
            Field::Absent | Field::Refused => None,
        }
    }

    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Field::Absent)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for FieldVisitor<T> {
            type Value = Field<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value with its place")
            }

            /// Reads the place and then the value; there is only the place if the value is wrong.
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Field<T>, A::Error> {
                let Some(at) = seq.next_element::<u32>()? else {
                    return Ok(Field::Refused);
                };
                match seq.next_element::<T>()? {
                    Some(value) => Ok(Field::Given(Located { value, at: NodeId::from_raw(at) })),
                    None => Ok(Field::Refused),
                }
            }
        }

        deserializer.deserialize_newtype_struct(FIELD, FieldVisitor(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for Field<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// A mapping with checked keys, in the order of the file.
#[derive(Debug, Clone)]
pub struct Table<K, V>(pub Vec<(Located<K>, Field<V>)>);

impl<'de, K: Deserialize<'de>, V: Deserialize<'de>> Deserialize<'de> for Table<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TableVisitor<K, V>(PhantomData<(K, V)>);

        impl<'de, K: Deserialize<'de>, V: Deserialize<'de>> Visitor<'de> for TableVisitor<K, V> {
            type Value = Table<K, V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Table<K, V>, A::Error> {
                let mut entries = Vec::new();
                while let Some((key, value)) = map.next_entry::<Field<K>, Field<V>>()? {
                    if let Some(key) = key.given() {
                        entries.push((key, value));
                    }
                }
                Ok(Table(entries))
            }
        }

        deserializer.deserialize_map(TableVisitor(PhantomData))
    }
}

impl<K: JsonSchema, V: JsonSchema> JsonSchema for Table<K, V> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Table_of_{}_and_{}", K::schema_name(), V::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "type": "object",
            "propertyNames": generator.subschema_for::<K>(),
            "additionalProperties": generator.subschema_for::<V>(),
        })
    }
}
