//! The JSON Schema of a definition, generated from the types that read it.

use schemars::{Schema, generate::SchemaSettings};

use serde_json::{Map, Value, json};

use super::processes::{OWN_DEPLOY, OWN_KEYS, PROCESSES, SHARED};
use super::raw::Definition;

/// Returns the JSON Schema (draft 2020-12) of a service definition, for editors and other checkers.
pub fn schema() -> Schema {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<Definition>();
    schema.insert("title".to_owned(), "conductor service definition".into());
    add_process(&mut schema);
    schema
}

/// Adds the schema of a process: the keys of a definition but for those that all processes share. With processes, the
/// keys that are theirs alone are not in the definition itself.
fn add_process(schema: &mut Schema) {
    let Some(Value::Object(mut keys)) = schema.get("properties").cloned() else { return };
    keys.retain(|key, _| !SHARED.contains(&key.as_str()));
    let process = json!({
        "description": "A process of an application: the keys of a definition that are its own.",
        "type": "object",
        "properties": keys,
        "patternProperties": {"^x-": true},
        "additionalProperties": false,
    });
    if let Some(Value::Object(definitions)) = schema.get_mut("$defs") {
        definitions.insert("Process".to_owned(), process);
    }
    let none = |keys: &[&str]| -> Value {
        keys.iter().map(|key| ((*key).to_owned(), Value::Bool(false))).collect::<Map<_, _>>().into()
    };
    let mut own = none(&OWN_KEYS);
    own["deploy"] = json!({"properties": none(&OWN_DEPLOY)});
    schema.insert("dependentSchemas".to_owned(), json!({PROCESSES: {"properties": own}}));
}
