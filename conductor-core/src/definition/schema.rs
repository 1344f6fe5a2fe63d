//! The JSON Schema of a definition, generated from the types that read it.

use schemars::{Schema, generate::SchemaSettings};

use super::raw::Definition;

/// Returns the JSON Schema (draft 2020-12) of a service definition, for editors and other checkers.
pub fn schema() -> Schema {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<Definition>();
    schema.insert("title".to_owned(), "conductor service definition".into());
    schema
}
