//! Checks a definition with the JSON Schema and with the parser.

use std::path::Path;

use conductor_core::definition::schema;
use conductor_core::service::Service;
use jsonschema::Validator;
use serde_json::{Value, json};

pub(crate) fn validator() -> Validator {
    jsonschema::draft202012::options().build(schema().as_value()).expect("the schema is valid")
}

pub(crate) fn parser_accepts(definition: &Value) -> bool {
    Service::parse_all(Path::new("web.json"), &definition.to_string()).is_ok()
}

/// A small definition with one key set to something else.
pub(crate) fn with(key: &str, value: Value) -> Value {
    let mut definition = json!({"id": "web", "command": ["/bin/x"], "port": 8080});
    if key == "networks" {
        definition["runtime"] = json!("docker");
        definition["image"] = json!("app:v1");
    }
    definition[key] = value;
    definition
}
