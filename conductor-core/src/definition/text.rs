//! A definition in memory, which no file has yet.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use super::Format;
use crate::error::{Problem, Problems};
use crate::name::ServiceId;
use crate::service::Service;

/// The name for a definition in messages, while it has no good id.
const UNNAMED: &str = "definition";

/// A definition in memory: its text, and the services that it defines, which are valid.
///
/// A program makes one of text or of a [value](Self::from_value), and applies its services, or installs it as a file
/// with `conductor_host::Conductor::install_definition`.
///
/// ```
/// use conductor_core::definition::{DefinitionText, Format};
///
/// let definition = DefinitionText::new(Format::Yaml, "id: web\ncommand: [/usr/bin/web]\n").unwrap();
/// assert_eq!(definition.id().as_str(), "web");
/// assert_eq!(definition.file().to_str(), Some("web.yaml"));
/// assert_eq!(definition.services().len(), 1);
/// ```
#[derive(Debug, Clone)]
pub struct DefinitionText {
    format: Format,
    file: PathBuf,
    text: String,
    services: Vec<Service>,
}

impl DefinitionText {
    /// Reads and checks a definition. Its problems name the file `definition.yaml`, or as the format is; those of the
    /// services later have the id in place of it.
    ///
    /// # Errors
    /// All problems of the text, in its order.
    pub fn new(format: Format, text: impl Into<String>) -> Result<Self, Problems> {
        let text = text.into();
        let file = PathBuf::from(format!("{UNNAMED}.{}", format.extension()));
        let services = Service::parse_all_as(format, &file, &text)?;
        let id = id(&services, &file)?;
        let file = PathBuf::from(format!("{id}.{}", format.extension()));
        let services = services.into_iter().map(|service| service.with_file(&file)).collect();
        Ok(Self { format, file, text, services })
    }

    /// Makes a definition in JSON of a value: a `serde_json::Value`, a map, or anything else that has the keys of a
    /// definition. Equal values have equal texts.
    ///
    /// # Errors
    /// All problems of the value, each with the path of its key; or the value cannot be written as JSON.
    pub fn from_value(value: &impl Serialize) -> Result<Self, Problems> {
        let bad = |file: &str, message: String| {
            Problems(vec![Problem::of_file(format!("{file}.json"), message)])
        };
        // This refuses what JSON has no form for, such as keys that are not text.
        let value = serde_json::to_value(value).map_err(|error| bad(UNNAMED, error.to_string()))?;
        let value = sorted(value);
        let id = value.get("id").and_then(Value::as_str);
        let id: Option<ServiceId> = id.and_then(|id| id.parse().ok());
        let name = id.as_ref().map_or(UNNAMED, ServiceId::as_str);
        let text = serde_json::to_string_pretty(&value)
            .map_err(|error| bad(name, error.to_string()))?
            + "\n";
        let file = PathBuf::from(format!("{name}.json"));
        let services = Service::parse_all_as(Format::Json, &file, &text).map_err(without_lines)?;
        self::id(&services, &file)?;
        Ok(Self { format: Format::Json, file, text, services })
    }

    /// Returns the id that it defines: that of the service, or that of the application.
    pub fn id(&self) -> &ServiceId {
        let first = &self.services[0];
        first.application.as_ref().unwrap_or(&first.id)
    }

    /// Returns the name of the file that it has when it is installed: its id, and the extension of its format.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Returns its format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Returns its text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the service that it defines, or the processes of the application.
    pub fn services(&self) -> &[Service] {
        &self.services
    }

    /// Returns the service that it defines, or the processes of the application.
    pub fn into_services(self) -> Vec<Service> {
        self.services
    }
}

/// Returns the id of what services define together.
fn id(services: &[Service], file: &Path) -> Result<ServiceId, Problems> {
    let Some(first) = services.first() else {
        let problem = Problem::of_file(file, "it defines no service");
        return Err(Problems(vec![problem.hint("write at least one process")]));
    };
    Ok(first.application.as_ref().unwrap_or(&first.id).clone())
}

/// Returns a value with sorted keys, also if another crate of the program makes `serde_json` keep their order.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(keys) => {
            let keys: BTreeMap<_, _> =
                keys.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::Object(keys.into_iter().collect())
        }
        Value::Array(values) => values.into_iter().map(sorted).collect(),
        value => value,
    }
}

/// Returns problems without lines of a text that nobody has seen.
fn without_lines(problems: Problems) -> Problems {
    let problems = problems.0.into_iter();
    Problems(problems.map(|problem| Problem { position: None, ..problem }).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_checked_as_a_file_is() {
        let value =
            json!({"id": "a", "command": ["x"], "limits": {"memroy": 1}, "instances": 2000});
        let problems = DefinitionText::from_value(&value).unwrap_err();
        let text = problems.to_string();
        assert!(text.contains("a.json: command[0]: "), "{text}");
        assert!(text.contains("a.json: limits.memroy: unknown key"), "{text}");
        assert!(text.contains("a.json: instances: "), "{text}");
        for (value, message) in [
            (json!({"id": "A", "command": ["/bin/a"]}), "definition.json: id: "),
            (json!({"command": ["/bin/a"]}), "definition.json: the key id is missing"),
            (json!([1]), "definition.json: "),
            (json!("text"), "definition.json: "),
        ] {
            let problems = DefinitionText::from_value(&value).unwrap_err().to_string();
            assert!(problems.starts_with(message), "{problems}");
        }
    }

    #[test]
    fn what_json_has_no_form_for_is_refused() {
        let value = std::collections::BTreeMap::from([([1, 2], 3)]);
        let problems = DefinitionText::from_value(&value).unwrap_err().to_string();
        assert_eq!(problems, "definition.json: key must be a string");
    }

    #[test]
    fn equal_values_have_one_text_which_is_read_again() {
        let one =
            DefinitionText::from_value(&json!({"id": "a", "command": ["/bin/a", "\u{1}é\n"]}));
        let other =
            DefinitionText::from_value(&json!({"command": ["/bin/a", "\u{1}é\n"], "id": "a"}));
        let (one, other) = (one.unwrap(), other.unwrap());
        assert_eq!(one.text(), other.text());
        let again = DefinitionText::new(one.format(), one.text()).unwrap();
        assert_eq!(again.text(), one.text());
        assert_eq!(again.services()[0].command, one.services()[0].command);
        assert_eq!(again.services()[0].origin.file, one.services()[0].origin.file);
    }

    #[test]
    fn a_definition_of_an_application_has_its_id() {
        let (web, work) = (json!({"command": ["/bin/a"]}), json!({"command": ["/bin/b"]}));
        let value = json!({"id": "shop", "processes": {"web": web, "work": work}});
        let definition = DefinitionText::from_value(&value).unwrap();
        assert_eq!((definition.id().as_str(), definition.services().len()), ("shop", 2));
        assert_eq!(definition.file(), Path::new("shop.json"));
        let none = json!({"id": "shop", "processes": {}});
        assert!(DefinitionText::from_value(&none).is_err());
    }

    #[test]
    fn the_format_is_said_and_not_guessed() {
        let text = "id = \"a\"\ncommand = [\"/bin/a\"]\n";
        let definition = DefinitionText::new(Format::Toml, text).unwrap();
        assert_eq!(definition.file(), Path::new("a.toml"));
        let wrong = DefinitionText::new(Format::Json, text).unwrap_err().to_string();
        assert!(wrong.starts_with("definition.json:1:1: not JSON"), "{wrong}");
        let services = Service::parse_all_as(Format::Toml, Path::new("from a form"), text).unwrap();
        assert_eq!(services[0].origin.file, Path::new("from a form"));
    }
}
