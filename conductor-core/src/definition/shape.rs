//! The shapes of values that a table of keys can have: one value, a list, or a mapping.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::marker::PhantomData;

use super::document::NodeId;
use super::field::{Field, Table};

/// A shape: the type that is read from a file, the checked type, and the texts of its values.
pub trait Shape {
    /// The type that is read, with places.
    type Raw;
    /// The same values without their places.
    type Checked;

    /// Returns the place of the key's value, if it is given.
    #[doc(hidden)]
    fn place(raw: &Self::Raw) -> Option<Place>;

    /// Returns the values without their places.
    fn checked(raw: Self::Raw) -> Self::Checked;

    /// Returns each value as text: of a mapping, `KEY=VALUE`.
    fn values(checked: &Self::Checked) -> Vec<String>;

    /// Returns whether nothing is given.
    fn is_unset(checked: &Self::Checked) -> bool;
}

/// The place of a value in its file.
#[derive(Debug, Clone, Copy)]
pub struct Place(pub(crate) NodeId);

/// One value.
#[derive(Debug)]
pub struct One<T>(PhantomData<T>);

/// A list of values.
#[derive(Debug)]
pub struct List<T>(PhantomData<T>);

/// A mapping with checked keys.
#[derive(Debug)]
pub struct Map<K, V>(PhantomData<(K, V)>);

fn place<T>(field: &Field<T>) -> Option<Place> {
    match field {
        Field::Given(located) => Some(Place(located.at)),
        Field::Absent | Field::Refused => None,
    }
}

impl<T: Display> Shape for One<T> {
    type Raw = Field<T>;
    type Checked = Option<T>;

    fn place(raw: &Field<T>) -> Option<Place> {
        place(raw)
    }

    fn checked(raw: Field<T>) -> Option<T> {
        raw.into_value()
    }

    fn values(checked: &Option<T>) -> Vec<String> {
        checked.iter().map(ToString::to_string).collect()
    }

    fn is_unset(checked: &Option<T>) -> bool {
        checked.is_none()
    }
}

impl<T: Display> Shape for List<T> {
    type Raw = Field<Vec<Field<T>>>;
    type Checked = Vec<T>;

    fn place(raw: &Self::Raw) -> Option<Place> {
        place(raw)
    }

    fn checked(raw: Self::Raw) -> Vec<T> {
        raw.into_value().unwrap_or_default().into_iter().filter_map(Field::into_value).collect()
    }

    fn values(checked: &Vec<T>) -> Vec<String> {
        checked.iter().map(ToString::to_string).collect()
    }

    fn is_unset(checked: &Vec<T>) -> bool {
        checked.is_empty()
    }
}

impl<K: Display + Ord, V: Display> Shape for Map<K, V> {
    type Raw = Field<Table<K, V>>;
    type Checked = BTreeMap<K, V>;

    fn place(raw: &Self::Raw) -> Option<Place> {
        place(raw)
    }

    fn checked(raw: Self::Raw) -> BTreeMap<K, V> {
        let entries = raw.into_value().map_or(Vec::new(), |table| table.0);
        let entries = entries.into_iter();
        entries.filter_map(|(key, value)| Some((key.value, value.into_value()?))).collect()
    }

    fn values(checked: &BTreeMap<K, V>) -> Vec<String> {
        checked.iter().map(|(key, value)| format!("{key}={value}")).collect()
    }

    fn is_unset(checked: &BTreeMap<K, V>) -> bool {
        checked.is_empty()
    }
}
