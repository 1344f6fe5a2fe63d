//! The parts of a [`Reader`] for serde: items of lists, entries of mappings, and places.

use serde::de::value::{StrDeserializer, U32Deserializer};
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};

use super::document::{Entry, NodeId};
use super::field::FIELD;
use super::problem::Fault;
use super::process::FLAT;
use super::reader::Reader;

/// What a [`super::Field`] is read from: its place, then its value unless that is wrong.
pub(super) struct Place<'d, 'i> {
    pub(super) reader: Reader<'d, 'i>,
    pub(super) given: usize,
}

impl<'d> SeqAccess<'d> for Place<'d, '_> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'d>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        self.given += 1;
        if self.given == 1 {
            let place: U32Deserializer<Fault> = self.reader.node().to_raw().into_deserializer();
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

pub(super) struct Items<'d, 'i> {
    pub(super) reader: Reader<'d, 'i>,
    pub(super) items: std::slice::Iter<'d, NodeId>,
}

impl<'d> SeqAccess<'d> for Items<'d, '_> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'d>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        self.items.next().map(|item| seed.deserialize(self.reader.to(*item))).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

pub(super) struct Entries<'d, 'i, I> {
    pub(super) reader: Reader<'d, 'i>,
    pub(super) entries: I,
    pub(super) value: Option<NodeId>,
    /// Whether a last entry is to come that is read from the same mapping.
    pub(super) flat: bool,
}

impl<'d, 'i: 'd, I: Iterator<Item = &'d Entry<'i>>> MapAccess<'d> for Entries<'d, 'i, I> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'d>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        let Some(entry) = self.entries.next() else {
            if !std::mem::take(&mut self.flat) {
                return Ok(None);
            }
            self.value = Some(self.reader.node());
            let key: StrDeserializer<'_, Fault> = FLAT.into_deserializer();
            return seed.deserialize(key).map(Some);
        };
        self.value = Some(entry.value);
        seed.deserialize(Key { reader: self.reader, entry, given: 0 }).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'d>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let Some(value) = self.value.take() else {
            return Err(Fault::invalid_type(Unexpected::Map, &"a key before its value"));
        };
        seed.deserialize(self.reader.to(value))
    }
}

/// A key of a mapping; if it is read as a [`super::Field`], a wrong one is noted and reading continues.
pub(super) struct Key<'d, 'i> {
    pub(super) reader: Reader<'d, 'i>,
    pub(super) entry: &'d Entry<'i>,
    pub(super) given: usize,
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
        if name == FIELD { visitor.visit_seq(self) } else { visitor.visit_newtype_struct(self) }
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
                self.reader.note_key(self.entry, fault);
                Ok(None)
            }
        }
    }
}

pub(super) struct Variant(pub(super) &'static str);

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
