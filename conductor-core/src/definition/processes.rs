//! Several services in one definition: `processes`.
//!
//! Right after parsing, each process becomes a mapping of its own: its keys, and those that all processes share. What
//! comes after that reads one service at a time, and finds each value at its place in the file.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::IgnoredAny};

use super::document::{Document, Entry, NodeId, Position, ROOT, SyntaxError, Value};
use super::problem::{Fault, Findings};
use super::reader::EXTENSION;
use crate::error::Invalid;
use crate::name::ProcessName;

/// The key that lists the processes.
pub(super) const PROCESSES: &str = "processes";

/// The keys of which a process has no value of its own.
pub(super) const SHARED: [&str; 6] = ["id", "image", "revision", "runtime", "pull", PROCESSES];

/// The keys of a definition of which each process has a value of its own, or none.
pub const OWN_KEYS: [&str; 12] = [
    "type",
    "timeout",
    "command",
    "instances",
    "container_name",
    "port",
    "ports",
    "listen",
    "health",
    "proxy",
    "cron",
    "max_parallel",
];

/// The keys of `deploy` of which each process has a value of its own, or none.
pub(super) const OWN_DEPLOY: [&str; 1] = ["before"];

/// The most processes of one application.
pub(super) const MOST_PROCESSES: usize = 50;

/// The processes of an application, each with the keys of a definition that are its own.
///
/// They are read one by one, each as a whole definition.
#[derive(Debug)]
pub struct Processes;

impl<'de> Deserialize<'de> for Processes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

impl JsonSchema for Processes {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Processes".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "minProperties": 1,
            "maxProperties": MOST_PROCESSES,
            "propertyNames": generator.subschema_for::<ProcessName>(),
            "additionalProperties": {"$ref": "#/$defs/Process"},
        })
    }
}

/// One service of a file: the definition itself, or one of its processes.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// The mapping that is read as a definition.
    pub(crate) root: NodeId,
    /// The process that it is, if the file defines an application.
    pub(crate) process: Option<Process>,
}

/// The name of a process, and its place.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) name: ProcessName,
    pub(crate) position: Position,
}

/// Returns the services of a file. Notes what makes no sense in an application.
pub(super) fn parts(document: &mut Document<'_>, findings: &Findings) -> Vec<Part> {
    let listed = match document.value(ROOT) {
        Value::Map(entries) => entries.iter().find(|entry| entry.key == PROCESSES).cloned(),
        _ => None,
    };
    let Some(listed) = listed else { return vec![Part { root: ROOT, process: None }] };
    let Value::Map(processes) = document.value(listed.value) else {
        let kind = document.value(listed.value).kind();
        let fault = Fault::new(format!("expected a mapping, found {kind}"));
        note(document, findings, &listed, fault.hint("write web: {command: [...]} below it"));
        return Vec::new();
    };
    let processes = processes.clone();
    let wrong = match processes.len() {
        0 => Some(("there is no process", "write web: {command: [...]} below it")),
        count if count > MOST_PROCESSES => {
            Some(("more than 50 processes", "write several applications"))
        }
        _ => None,
    };
    if let Some((message, hint)) = wrong {
        note(document, findings, &listed, Fault::new(message).hint(hint));
        return Vec::new();
    }
    refuse_own(document, findings, &processes[0].key);
    let mut parts = Vec::new();
    for process in processes {
        let name = match process.key.parse::<ProcessName>() {
            Ok(name) => name,
            Err(Invalid { message, hint, .. }) => {
                let fault = Fault::new(message);
                let fault = match hint {
                    Some(hint) => fault.hint(hint),
                    None => fault,
                };
                note(document, findings, &process, fault);
                continue;
            }
        };
        let kind = document.value(process.value).kind();
        if !matches!(document.value(process.value), Value::Map(_)) {
            let fault = Fault::new(format!("expected a mapping, found {kind}"));
            let hint = format!("write {name}: {{command: [...]}}");
            note(document, findings, &process, fault.hint(hint));
            continue;
        }
        refuse_shared(document, findings, process.value, &name);
        match join(document, ROOT, process.value, &|key| {
            key != PROCESSES && !key.starts_with(EXTENSION)
        }) {
            Ok(root) => {
                let process = Process { name, position: process.position };
                parts.push(Part { root, process: Some(process) });
            }
            Err(error) => {
                let fault = Fault::new(error.message);
                note(document, findings, &process, fault.hint(error.hint.unwrap_or_default()));
            }
        }
    }
    parts
}

fn note(document: &Document<'_>, findings: &Findings, entry: &Entry<'_>, fault: Fault) {
    findings.push(entry.position, document.path(entry.value), fault);
}

/// Refuses keys of the application that two processes cannot both have, such as a port of the host.
fn refuse_own(document: &Document<'_>, findings: &Findings, first: &str) {
    let refuse = |within: NodeId, above: &str, keys: &[&str]| {
        let Value::Map(entries) = document.value(within) else { return };
        for entry in entries.iter().filter(|entry| keys.contains(&&*entry.key)) {
            let key = format!("{above}{}", entry.key);
            let fault = Fault::new(format!("{key} belongs to one process"));
            let hint = format!("write it in the process that has it: processes.{first}.{key}");
            note(document, findings, entry, fault.hint(hint));
        }
    };
    refuse(ROOT, "", &OWN_KEYS);
    let Value::Map(entries) = document.value(ROOT) else { return };
    if let Some(deploy) = entries.iter().find(|entry| entry.key == "deploy") {
        refuse(deploy.value, "deploy.", &OWN_DEPLOY);
    }
}

/// Refuses keys of a process of which all processes have the same value.
fn refuse_shared(
    document: &Document<'_>,
    findings: &Findings,
    process: NodeId,
    name: &ProcessName,
) {
    let Value::Map(entries) = document.value(process) else { return };
    for entry in entries.iter().filter(|entry| SHARED.contains(&&*entry.key)) {
        let key = &*entry.key;
        let (message, hint) = match key {
            "id" => (
                "a process has no id of its own".to_owned(),
                format!("remove it: the id is that of the application, and -{name}"),
            ),
            PROCESSES => (
                "a process has no processes".to_owned(),
                "write them one level up, beside each other".to_owned(),
            ),
            key => (
                format!("all processes of an application have the same {key}"),
                format!(
                    "write {key} once, above processes; what runs another one is a service with a \
                     definition of its own"
                ),
            ),
        };
        note(document, findings, entry, Fault::new(message).hint(hint));
    }
}

/// Adds a mapping with the entries of two others: those of `own`, and those of `shared` that it does not have. What is
/// a mapping in both is joined in the same way. The new mapping has the place of `own`.
fn join(
    document: &mut Document<'_>,
    shared: NodeId,
    own: NodeId,
    is_shared: &dyn Fn(&str) -> bool,
) -> Result<NodeId, SyntaxError> {
    let (Value::Map(ours), Value::Map(theirs)) = (document.value(own), document.value(shared))
    else {
        return Ok(own);
    };
    let (ours, theirs) = (ours.clone(), theirs.clone());
    let (parent, position) = (document.parent(own), document.position(own));
    let joined = document.add(parent, position, Value::Map(Vec::new()))?;
    for mut entry in ours.iter().cloned() {
        if let Some(other) = theirs.iter().find(|other| other.key == entry.key) {
            entry.value = join(document, other.value, entry.value, &|_| true)?;
        }
        document.push_entry(joined, entry);
    }
    let has = |key: &str| ours.iter().any(|entry| entry.key == key);
    for entry in theirs.iter().filter(|entry| !has(&entry.key) && is_shared(&entry.key)) {
        document.push_entry(joined, entry.clone());
    }
    Ok(joined)
}
