//! The contract with programs: what is printed is what the schemas say, and nothing else.

mod dry_run;
mod lines;
mod terminal;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use jsonschema::Validator;
use serde_json::Value;

use crate::Test;
use crate::host::{Host, SLEEP};
use crate::ran::Ran;

pub(crate) const TESTS: &[Test] = &[
    ("every_line_is_as_its_schema_says", lines::every_line_is_as_its_schema_says),
    ("a_dry_run_says_what_is_done", dry_run::a_dry_run_says_what_is_done),
    ("no_colors_without_a_terminal", terminal::no_colors_without_a_terminal),
    ("no_colors_with_no_color", terminal::no_colors_with_no_color),
];

/// What ends every escape sequence's wait: the character that begins one.
const ESC: char = '\x1b';
/// A command line without the option that asks for JSON.
const JSON: [&str; 2] = ["--output", "json"];

/// A host on which every line is held against the schema that conductor prints there.
struct Contract<'h> {
    host: &'h Host,
    validators: RefCell<BTreeMap<String, Validator>>,
    /// The events that came, by name.
    events: RefCell<BTreeSet<String>>,
}

impl<'h> Contract<'h> {
    fn new(host: &'h Host) -> Self {
        let (validators, events) = (RefCell::default(), RefCell::default());
        Self { host, validators, events }
    }

    /// Runs a command and gives the result: its last line.
    #[track_caller]
    fn run(&self, arguments: &[&str], status: i32) -> Value {
        let ran = self.host.conductor(&[arguments, &JSON].concat());
        self.check(arguments, &ran.exits(status))
    }

    /// Insists that standard output has lines of JSON that are valid by the schema of the command, that the
    /// last one alone is no event, and that standard error has nothing.
    #[track_caller]
    fn check(&self, arguments: &[&str], ran: &Ran) -> Value {
        let command = match arguments {
            ["cron", command, ..] => format!("cron-{command}"),
            [command, ..] => (*command).to_owned(),
            [] => panic!("there is no command"),
        };
        assert!(!ran.stdout.contains(ESC) && ran.stderr.is_empty(), "{ran}");
        let mut validators = self.validators.borrow_mut();
        let validator = validators.entry(command).or_insert_with_key(|name| self.validator(name));
        let mut values = Vec::new();
        for line in ran.stdout.lines() {
            let value: Value =
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}\n{ran}"));
            if let Err(error) = validator.validate(&value) {
                panic!("{}: {error}\n{line}\n{ran}", error.instance_path());
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
        last
    }

    #[track_caller]
    fn validator(&self, command: &str) -> Validator {
        let ran = self.host.conductor(&["schema", "--output-of", command]).exits(0);
        let schema: Value = serde_json::from_str(&ran.stdout).expect("a schema is JSON");
        assert_eq!(schema["x-contract-version"], 1, "{ran}");
        jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{error}\n{ran}"))
    }
}

/// Defines a service with two instances and two jobs, one of which fails.
fn define(host: &Host, more: &str) {
    let job = |script: &str| format!("{{schedule: '@yearly', command: [/bin/sh, -c, '{script}']}}");
    let (good, bad) = (job("echo done"), job("printf \"\\033[31mred\\n\"; exit 3"));
    let text = format!("id: web\n{SLEEP}instances: 2\ncron:\n  good: {good}\n  bad: {bad}\n{more}");
    host.define("web.yaml", &text);
}
