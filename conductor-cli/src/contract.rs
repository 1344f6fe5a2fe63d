//! The contract with programs: the JSON Schema of what each command prints with `--output json`.

use clap::ValueEnum;
use conductor_host::{Diagnosis, History, Report, RunPlan, Status, Upcoming};
use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform as _};
use schemars::{Schema, SchemaGenerator};
use serde_json::Value;

use crate::commands::change::DryRun;
use crate::commands::check::Checked;
use crate::commands::cron::import::ImportedCrontabs;
use crate::commands::cron::run_now::FinishedRun;
use crate::commands::cron::translate::Translation;
use crate::commands::diff::Difference;
use crate::commands::export::ExportedServices;
use crate::commands::import::ImportedServices;
use crate::commands::init::InitialDefinition;
use crate::commands::install::InstalledPrograms;
use crate::commands::logs::JournalEntry;
use crate::commands::render::Rendered;
use crate::commands::run::Detached;
use crate::commands::version::Versions;
use crate::error_object::ErrorObject;

/// The version of the contract. It increases by one when a key is removed, renamed, no longer always present,
/// or gets another type or meaning. Additions (a key, an event, an error's kind) do not change it.
pub(crate) const VERSION: u32 = 2;

/// A command that prints JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputOf {
    Init,
    Check,
    Render,
    Diff,
    Apply,
    Deploy,
    Rollback,
    Restart,
    Run,
    Status,
    Doctor,
    Logs,
    Remove,
    CronTranslate,
    CronImport,
    CronNext,
    CronHistory,
    CronRunNow,
    CronPause,
    CronResume,
    ImportCompose,
    ImportQuadlet,
    Export,
    Install,
    Version,
}

impl OutputOf {
    /// Returns the schema (draft 2020-12) of each line that the command writes to standard output.
    pub(crate) fn schema(self) -> Schema {
        let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
        let lines: Vec<_> = self.lines(&mut generator).into_iter().map(Value::from).collect();
        let possible = self.to_possible_value();
        let name = possible.as_ref().map_or("", |value| value.get_name());
        let command = name.replacen("cron-", "cron ", 1).replacen("import-", "import ", 1);
        let mut schema = schemars::json_schema!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": format!("urn:conductor:contract:{VERSION}:{name}"),
            "title": format!("conductor {command} --output json"),
            "description": "Each line on standard output.",
            "x-contract-version": VERSION,
            "oneOf": lines,
            "$defs": generator.take_definitions(true),
        });
        RecursiveTransform(close).transform(&mut schema);
        schema
    }

    /// Returns the schemas of a line: an event, the result, or the error object.
    fn lines(self, generator: &mut SchemaGenerator) -> Vec<Schema> {
        let mut lines = match self {
            Self::Init => vec![generator.subschema_for::<InitialDefinition<'_>>()],
            Self::Check => vec![generator.subschema_for::<Checked<'_>>()],
            Self::Render => vec![generator.subschema_for::<Rendered<'_>>()],
            Self::Diff => vec![generator.subschema_for::<Difference>()],
            Self::Apply
            | Self::Deploy
            | Self::Rollback
            | Self::Restart
            | Self::Remove
            | Self::CronPause
            | Self::CronResume => vec![
                generator.subschema_for::<conductor_host::Event>(),
                generator.subschema_for::<Report>(),
                generator.subschema_for::<DryRun<'_>>(),
            ],
            Self::Run => {
                vec![generator.subschema_for::<Detached>(), generator.subschema_for::<RunPlan>()]
            }
            Self::Status => vec![generator.subschema_for::<Status>()],
            Self::Doctor => vec![generator.subschema_for::<Diagnosis>()],
            Self::Logs => vec![generator.subschema_for::<JournalEntry>()],
            Self::CronTranslate => vec![generator.subschema_for::<Translation>()],
            Self::CronImport => vec![generator.subschema_for::<ImportedCrontabs<'_>>()],
            Self::ImportCompose | Self::ImportQuadlet => {
                vec![generator.subschema_for::<ImportedServices<'_>>()]
            }
            Self::Export => vec![generator.subschema_for::<ExportedServices<'_>>()],
            Self::Install => vec![generator.subschema_for::<InstalledPrograms>()],
            Self::Version => vec![generator.subschema_for::<Versions>()],
            Self::CronNext => vec![generator.subschema_for::<Upcoming>()],
            Self::CronHistory => vec![generator.subschema_for::<History>()],
            Self::CronRunNow => vec![
                generator.subschema_for::<FinishedRun>(),
                generator.subschema_for::<DryRun<'_>>(),
            ],
        };
        lines.push(generator.subschema_for::<ErrorObject>());
        lines
    }
}

/// Allows no other keys in an object than those of its schema, so that a test finds a key without a
/// description.
fn close(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    if object.contains_key("properties") && !object.contains_key("additionalProperties") {
        object.insert("additionalProperties".to_owned(), false.into());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Write as _;

    use super::*;
    use crate::generated::assert_generated;

    fn schemas() -> impl Iterator<Item = Value> {
        OutputOf::value_variants().iter().map(|command| command.schema().to_value())
    }

    /// A change of this snapshot that removes something, or changes its type or meaning, needs a new
    /// `VERSION`.
    #[test]
    fn the_contract_is_what_it_was() {
        let mut types = BTreeMap::new();
        let mut all = format!("version {VERSION}\n");
        for mut schema in schemas() {
            let Value::Object(found) = schema["$defs"].take() else { panic!("{schema}") };
            types.extend(found);
            let (title, lines) = (&schema["title"], schema["oneOf"].as_array().unwrap());
            let lines: Vec<_> = lines
                .iter()
                .filter_map(|line| line["$ref"].as_str()?.split('/').next_back())
                .collect();
            all.extend([title.as_str().unwrap(), ": ", &lines.join(" | "), "\n"]);
        }
        for (name, schema) in types {
            let text = serde_json::to_string_pretty(&schema).unwrap();
            all.extend(["\n──── ", &name, "\n", &text, "\n"]);
        }
        insta::assert_snapshot!(all);
    }

    /// Returns the keys of a type in the order of its fields, which only the list of required keys has, with their
    /// descriptions. All keys of these types are always present.
    fn keys<'s>(schema: &'s Value, name: &str) -> Vec<(&'s str, &'s str)> {
        let schema = &schema["$defs"][name];
        let properties = schema["properties"].as_object().unwrap();
        let keys = schema["required"].as_array().unwrap().iter().map(|key| key.as_str().unwrap());
        let keys: Vec<_> =
            keys.map(|key| (key, properties[key]["description"].as_str().unwrap())).collect();
        assert_eq!(keys.len(), properties.len(), "{name}");
        keys
    }

    #[test]
    fn the_tables_of_what_status_prints_are_generated() {
        let schema = OutputOf::Status.schema().to_value();
        let mut tables = Vec::new();
        for (of, name) in [
            ("a service", "ServiceStatus"),
            ("`instances`", "InstanceStatus"),
            ("`releases`", "ReleaseStatus"),
            ("`jobs`", "JobStatus"),
            ("`volumes`", "VolumeStatus"),
            ("`networks`", "NetworkStatus"),
        ] {
            let mut table = format!("| key of {of} | |\n| --- | --- |\n");
            for (key, description) in keys(&schema, name) {
                let description = description.replace('\n', " ").replace('|', "\\|");
                writeln!(table, "| `{key}` | {description} |").unwrap();
            }
            tables.push(table);
        }
        assert_generated("cli.md", "status", &tables.join("\n"));
    }

    #[test]
    fn the_table_of_checks_is_generated() {
        let schema = OutputOf::Doctor.schema().to_value();
        let mut table = "| `check` | what is looked at |\n| --- | --- |\n".to_owned();
        for check in schema["$defs"]["Check"]["oneOf"].as_array().unwrap() {
            let description = check["description"].as_str().unwrap().replace('\n', " ");
            writeln!(table, "| `{}` | {description} |", check["const"].as_str().unwrap()).unwrap();
        }
        assert_generated("monitoring.md", "checks", &table);
    }

    #[test]
    fn the_schemas_are_valid_and_say_which_contract_they_are_of() {
        for schema in schemas() {
            jsonschema::draft202012::meta::validate(&schema).unwrap();
            jsonschema::validator_for(&schema).unwrap();
            assert_eq!(schema["x-contract-version"], VERSION);
            assert!(schema["$id"].as_str().unwrap().starts_with("urn:conductor:contract:2:"));
        }
    }

    #[test]
    fn what_is_not_described_is_not_valid() {
        let schema = OutputOf::Apply.schema().to_value();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let report = serde_json::json!(
            {"changed": false, "healthy": true, "services": [], "orphans": []}
        );
        assert!(validator.is_valid(&report));
        for (key, value) in [("more", Value::Null), ("changed", "no".into()), ("orphans", 1.into())]
        {
            let mut other = report.clone();
            other[key] = value;
            assert!(!validator.is_valid(&other), "{other}");
        }
        assert!(validator.is_valid(&serde_json::json!({"event": "reload"})));
        assert!(!validator.is_valid(&serde_json::json!({"event": "reload", "service": "web"})));
    }
}
