//! The contract with programs: all output is valid by the schemas.

mod dry_run;
mod lines;
mod terminal;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use conductor_host::{History, Report, Status};
use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Test;
use crate::host::{Host, SLEEP};
use crate::ran::Ran;

pub(crate) const TESTS: &[Test] = &[
    ("every_line_is_as_its_schema_says", lines::every_line_is_as_its_schema_says),
    ("a_dry_run_says_what_is_done", dry_run::a_dry_run_says_what_is_done),
    ("no_colors_without_a_terminal", terminal::no_colors_without_a_terminal),
    ("no_colors_with_no_color", terminal::no_colors_with_no_color),
    ("a_watch_repaints_the_screen", terminal::a_watch_repaints_the_screen),
];

/// The character that begins an escape sequence.
const ESC: char = '\x1b';
/// The option that asks for JSON.
const JSON: [&str; 2] = ["--output", "json"];

/// A host on which every line is validated by the schema that conductor prints there.
struct Contract<'h> {
    host: &'h Host,
    validators: RefCell<BTreeMap<String, Validator>>,
    /// The events that occurred, by name.
    events: RefCell<BTreeSet<String>>,
    /// The keys of the schemas, and the kinds of errors that occurred.
    words: RefCell<BTreeSet<String>>,
}

impl<'h> Contract<'h> {
    fn new(host: &'h Host) -> Self {
        let (validators, events) = (RefCell::default(), RefCell::default());
        Self { host, validators, events, words: RefCell::default() }
    }

    /// Runs a command and returns the result: its last line.
    #[track_caller]
    fn run(&self, arguments: &[&str], status: i32) -> Value {
        let ran = self.host.conductor(&[arguments, &JSON].concat());
        self.check(arguments, &ran.exits(status))
    }

    /// Asserts that standard output has lines of JSON that are valid by the command's schema, that only the
    /// last one is not an event, and that standard error is empty.
    #[track_caller]
    fn check(&self, arguments: &[&str], ran: &Ran) -> Value {
        let command = match arguments {
            [group @ ("cron" | "import"), command, ..] => format!("{group}-{command}"),
            [command, ..] => (*command).to_owned(),
            [] => panic!("there is no command"),
        };
        assert!(!ran.stdout.contains(ESC) && ran.stderr.is_empty(), "{ran}");
        let mut validators = self.validators.borrow_mut();
        let validator = validators.entry(command.clone());
        let validator = validator.or_insert_with_key(|name| self.validator(name));
        let mut values = Vec::new();
        for line in ran.stdout.lines() {
            let value: Value =
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}\n{ran}"));
            if let Err(error) = validator.validate(&value) {
                panic!("{line}\n{}\n{ran}", faults(&error).join("\n"));
            }
            values.push(value);
        }
        let last = values.pop().unwrap_or_default();
        let name = |value: &Value| value["event"].as_str().map(str::to_owned);
        assert_eq!(name(&last), None, "{ran}");
        let only_results = values.iter().all(|value| name(value).is_none());
        let only_events = values.iter().all(|value| name(value).is_some());
        assert!(only_results || only_events, "{ran}");
        self.events.borrow_mut().extend(values.iter().filter_map(name));
        self.words.borrow_mut().extend(last["error"]["kind"].as_str().map(str::to_owned));
        if last.get("error").is_none() {
            match &*command {
                "status" => is_read::<Status>(&last),
                "cron-history" => is_read::<History>(&last),
                _ if last.get("healthy").is_some() => is_read::<Report>(&last),
                _ => {}
            }
        }
        last
    }

    #[track_caller]
    fn validator(&self, command: &str) -> Validator {
        let ran = self.host.conductor(&["schema", "--output-of", command]).exits(0);
        let schema: Value = serde_json::from_str(&ran.stdout).expect("a schema is JSON");
        assert_eq!(schema["x-contract-version"], 2, "{ran}");
        keys(&schema, &mut self.words.borrow_mut());
        jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{error}\n{ran}"))
    }
}

/// Asserts that the library reads what a command prints, and writes the same.
#[track_caller]
fn is_read<T: DeserializeOwned + Serialize>(value: &Value) {
    let read: T =
        serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{error}: {value}"));
    assert_eq!(serde_json::to_value(&read).expect("it was JSON"), *value);
}

/// Returns why a line is not valid as any of the command's lines.
fn faults(error: &ValidationError<'_>) -> Vec<String> {
    match error.kind() {
        ValidationErrorKind::OneOfNotValid { context } | ValidationErrorKind::AnyOf { context } => {
            context.iter().flatten().flat_map(faults).collect()
        }
        _ => vec![format!("{}: {error}", error.schema_path())],
    }
}

/// Collects the keys that objects have by a schema.
fn keys(schema: &Value, all: &mut BTreeSet<String>) {
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        all.extend(properties.keys().cloned());
    }
    match schema {
        Value::Object(object) => object.values().for_each(|value| keys(value, all)),
        Value::Array(list) => list.iter().for_each(|value| keys(value, all)),
        _ => {}
    }
}

/// Asserts that the guide for programs has these words.
fn are_documented<'w>(words: impl IntoIterator<Item = &'w String>) {
    let guide = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/cli.md"));
    let guide = fs::read_to_string(guide).expect("the guide is there");
    let known: BTreeSet<_> = guide.split(['`', '"']).collect();
    let missing: Vec<_> = words.into_iter().filter(|word| !known.contains(word.as_str())).collect();
    assert_eq!(missing, Vec::<&String>::new(), "not in docs/cli.md");
}

/// Defines a service with two instances and two jobs, one of which fails.
fn define(host: &Host, more: &str) {
    let job = |script: &str| format!("{{schedule: '@yearly', command: [/bin/sh, -c, '{script}']}}");
    let (good, bad) = (job("echo done"), job("printf \"\\033[31mred\\n\"; exit 3"));
    let text = format!("id: web\n{SLEEP}instances: 2\ncron:\n  good: {good}\n  bad: {bad}\n{more}");
    host.define("web.yaml", &text);
}
