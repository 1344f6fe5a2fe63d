//! Types of the formats that are written, and how they become YAML.

use serde::Serialize;

/// Declares types whose fields are written only if they have a value.
macro_rules! model {
    ($($(#[$meta:meta])* $name:ident { $($(#[$of_field:meta])* $field:ident: $type:ty,)+ })+) => {$(
        #[derive(Debug, Default, Clone, PartialEq, serde::Serialize)]
        $(#[$meta])*
        pub(crate) struct $name {
            $(
                $(#[$of_field])*
                #[serde(skip_serializing_if = "crate::model::is_empty")]
                pub(crate) $field: $type,
            )+
        }
    )+};
}

pub(crate) use model;

/// Returns whether a field has no value.
pub(crate) fn is_empty<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Returns a value in YAML. Text that YAML 1.1 or 1.2 reads as something else is in quotes.
pub(crate) fn yaml(value: &impl Serialize) -> String {
    // A block scalar would depend on the indentation around it.
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    let mut text = String::new();
    serde_saphyr::to_fmt_writer_with_options(&mut text, value, options)
        .expect("the types have text as their keys, and a String can be written");
    text
}
