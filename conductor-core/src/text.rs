//! Implements serde and JSON Schema for types that are written as text.

/// Implements `Serialize`, `Deserialize` and `JsonSchema` for a type with `FromStr` and `Display`.
///
/// `numbers` says whether a bare number in the document is read as text, exactly as it was written, so that
/// `revision: 1.10` stays `1.10`.
macro_rules! written_as_text {
    ($type:ident, $pattern:expr, numbers: $numbers:expr, $description:expr) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::text::deserialize(deserializer, $numbers)
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                // It is always written as text.
                let numbers = match generator.contract().is_serialize() {
                    true => $crate::text::Numbers::Refused,
                    false => $numbers,
                };
                $crate::text::schema(&$pattern, numbers, $description)
            }
        }
    };
}

/// Declares a newtype of checked text; `FromStr` is its only constructor.
macro_rules! text_type {
    ($(#[$meta:meta])* $type:ident, $check:path, $pattern:expr, numbers: $numbers:expr, $description:expr) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(String);

        impl $type {
            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::error::Invalid;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $check(text)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }

        $crate::text::written_as_text!($type, $pattern, numbers: $numbers, $description);
    };
}

pub(crate) use {text_type, written_as_text};

use crate::error::Invalid;

/// Which bare numbers of a document are read as text.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Numbers {
    /// None: numbers need quotes.
    Refused,
    /// All; the type's `FromStr` checks them.
    AsWritten,
    /// Those of at least this value.
    AtLeast(f64),
    /// Whole numbers in this range.
    Whole(u64, u64),
}

/// Returns the known name that a text is similar to, if there is one.
pub(crate) fn nearest(written: &str, known: &[&'static str]) -> Option<&'static str> {
    const CLOSE: f64 = 0.8;
    // A much longer name is not similar to any, and comparing it takes long.
    const LONGEST: usize = 64;
    if written.len() > LONGEST {
        return None;
    }
    let scored = known.iter().map(|name| (strsim::jaro_winkler(written, name), *name));
    let (score, name) = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (score >= CLOSE).then_some(name)
}

/// Returns the JSON Schema of text, and of the numbers that are read as text.
pub(crate) fn schema(pattern: &str, numbers: Numbers, description: &str) -> schemars::Schema {
    let mut schema = schemars::json_schema!({
        "type": "string",
        "pattern": pattern,
        "description": description,
    });
    let mut set = |key: &str, value: serde_json::Value| {
        schema.insert(key.to_owned(), value);
    };
    match numbers {
        Numbers::Refused => {}
        Numbers::AsWritten => set("type", ["string", "number"].as_slice().into()),
        Numbers::AtLeast(least) => {
            set("type", ["string", "number"].as_slice().into());
            set("minimum", least.into());
        }
        Numbers::Whole(least, most) => {
            set("type", ["string", "integer"].as_slice().into());
            set("minimum", least.into());
            set("maximum", most.into());
        }
    }
    schema
}

/// Separates message and hint in the text of a serde error: serde passes on nothing but text.
pub(crate) const HINT_MARK: &str = "\u{1f}hint: ";

/// Returns a serde error that keeps its hint.
pub(crate) fn serde_error<E: serde::de::Error>(invalid: Invalid) -> E {
    match invalid.hint {
        Some(hint) => E::custom(format_args!("{}{HINT_MARK}{hint}", invalid.message)),
        None => E::custom(invalid.message),
    }
}

/// Reads text and parses it; an error keeps its hint.
pub(crate) fn deserialize<'de, T, D>(deserializer: D, numbers: Numbers) -> Result<T, D::Error>
where
    T: std::str::FromStr<Err = Invalid>,
    D: serde::Deserializer<'de>,
{
    struct Visitor<T>(std::marker::PhantomData<T>);

    impl<T: std::str::FromStr<Err = Invalid>> serde::de::Visitor<'_> for Visitor<T> {
        type Value = T;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("text")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
            text.parse().map_err(serde_error)
        }
    }

    let visitor = Visitor(std::marker::PhantomData);
    match numbers {
        Numbers::Refused => deserializer.deserialize_str(visitor),
        // The definition's own deserializer returns numbers if a string is requested.
        _ => deserializer.deserialize_string(visitor),
    }
}
