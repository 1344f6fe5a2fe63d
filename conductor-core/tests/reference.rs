//! Checks the tables of fields in `docs/reference.md` against the JSON Schema, and the schema's defaults.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "support/generated.rs"]
mod generated;

use std::fmt::Write as _;
use std::path::Path;

use conductor_core::definition::{
    Definition, Deploy, Engines, Health, Job, LIMITS, Limits, MEANINGS, Native, Network, PodKeys,
    ProcessKeys, Proxy, schema,
};
use conductor_core::service::{Places, Service};
use conductor_core::settings::{self, ProxyKeys};
use generated::assert_generated;
use probe_protocol::Statuses;
use schemars::Schema;
use serde::de::{Deserialize, Deserializer, Error as _, Visitor, value::Error};
use serde::forward_to_deserialize_any;
use serde_json::{Value, json};

/// Where the document says more about a key.
const SECTIONS: [(&str, &str); 10] = [
    ("listen", "#sockets"),
    ("health", "#health"),
    ("ports", "#fixed-ports"),
    ("networks", "#networks"),
    ("pod", "#pods"),
    ("upstream", "#proxies"),
    ("cap_add", "#relaxing-the-sandbox"),
    ("sandbox", "#relaxing-the-sandbox"),
    ("cron", "#jobs"),
    ("processes", "#processes"),
];

/// Returns the keys of a type in the order of its fields, which the schema does not keep: serde passes them to a
/// deserializer.
fn keys<T: for<'de> Deserialize<'de>>() -> &'static [&'static str] {
    struct Keys<'k>(&'k mut &'static [&'static str]);

    impl<'de> Deserializer<'de> for Keys<'_> {
        type Error = Error;

        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            _: V,
        ) -> Result<V::Value, Error> {
            *self.0 = fields;
            Err(Error::custom("there is nothing to read"))
        }

        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
            Err(Error::custom("this is no struct"))
        }

        forward_to_deserialize_any! {
            bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
            unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }

    let mut keys: &[&str] = &[];
    let nothing = T::deserialize(Keys(&mut keys));
    assert!(nothing.is_err() && !keys.is_empty());
    keys
}

/// Returns the schema of a type; `Definition` is the whole schema.
fn properties<'s>(schema: &'s Value, name: &str) -> &'s Value {
    match name {
        "Definition" => &schema["properties"],
        _ => &schema["$defs"][name]["properties"],
    }
}

/// Returns a value as it is written in a cell.
fn cell(value: &Value) -> String {
    match value {
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    }
}

/// Adds a row: a key, its default, and its description with the values or the numbers that it may have.
fn write_row(table: &mut String, schema: &Value, key: &str, path: &str, property: &Value) {
    let mut text = property["description"].as_str().unwrap().replace('\n', " ");
    let of_type = property["$ref"].as_str().and_then(|at| schema.pointer(at.strip_prefix('#')?));
    for value in of_type.and_then(|of_type| of_type["oneOf"].as_array()).into_iter().flatten() {
        if let (Some(_), Some(meaning)) = (value.get("const"), value["description"].as_str()) {
            write!(text, " {}: {meaning}", cell(&value["const"])).unwrap();
        }
    }
    if property["type"] == "integer" {
        write!(text, " From {} to {}.", property["minimum"], property["maximum"]).unwrap();
    }
    if let Some((_, section)) = SECTIONS.iter().find(|(of, _)| *of == key) {
        write!(text, " See [below]({section}).").unwrap();
    }
    let text = text.replace('|', "\\|");
    let default = property.get("default").map_or(String::new(), |value| cell(value) + " ");
    writeln!(table, "| `{path}` | {default}| {text} |").unwrap();
}

/// Adds the rows of a type, whose keys get a prefix.
fn write_rows<T: for<'de> Deserialize<'de>>(
    table: &mut String,
    schema: &Value,
    name: &str,
    prefix: &str,
) {
    for key in keys::<T>() {
        let property = &properties(schema, name)[key];
        match (name, *key) {
            ("Definition", "limits") => write_rows::<Limits>(table, schema, "Limits", "limits."),
            ("Definition", "deploy") => write_rows::<Deploy>(table, schema, "Deploy", "deploy."),
            ("Definition", "proxy") => write_rows::<Proxy>(table, schema, "Proxy", "proxy.NAME."),
            ("Definition", "$conductor::ProcessKeys") => {
                write_rows::<ProcessKeys>(table, schema, "Definition", "");
            }
            ("Definition", "cron") => write_row(table, schema, key, "cron.NAME", property),
            _ => write_row(table, schema, key, &format!("{prefix}{key}"), property),
        }
    }
}

fn table<T: for<'de> Deserialize<'de>>(schema: &Schema, name: &str, heading: &str) -> String {
    let schema = serde_json::to_value(schema).unwrap();
    let mut table = format!("| {heading} | default | what it is |\n| --- | --- | --- |\n");
    write_rows::<T>(&mut table, &schema, name, "");
    table
}

/// Returns the table of what keys become for each runtime.
fn meanings() -> String {
    let mut table = "| key | docker | podman | native |\n| --- | --- | --- | --- |\n".to_owned();
    let entrypoint = "`--entrypoint`, then the rest before the command";
    let capabilities = "`CapabilityBoundingSet=`, `AmbientCapabilities=`, and what they need";
    let refused = |instead: &str| {
        format!("refused: {}", instead.strip_prefix("remove it: ").unwrap_or(instead))
    };
    let mut row = |key: &str, docker: &str, podman: &str, native: &str| {
        writeln!(table, "| `{key}` | {docker} | {podman} | {native} |").unwrap();
    };
    row("entrypoint", entrypoint, entrypoint, &refused("write the program into command"));
    row("user", "`--user`", "`--user`", "`User=`, `Group=`");
    row("cap_add", "`--cap-add`", "`--cap-add`", capabilities);
    row("cap_drop", "`--cap-drop`", "`--cap-drop`", &refused("it has none but those of cap_add"));
    let network = "`--network`, with aliases and addresses";
    row("networks", network, network, &refused("it is in the network of the host"));
    row("network_mode", "`--network`", "`--network`", "`none`: `PrivateNetwork=yes`");
    row("pod", &refused("it has no pods"), "`--pod`", &refused("it is in the network of the host"));
    row("ports", "`--publish`", "`--publish`", "the ports at which the program listens");
    for meaning in MEANINGS {
        let (docker, podman) = match meaning.engines {
            Engines::Option(option) => (format!("`{option}`"), format!("`{option}`")),
            Engines::Other { docker, podman } => (docker.to_owned(), podman.to_owned()),
            Engines::Refused(instead) => (refused(instead), refused(instead)),
        };
        let native = match meaning.native {
            Native::Directive(name) => format!("`{name}=`"),
            Native::Other(text) => text.to_owned(),
            Native::Refused(instead) => refused(instead),
        };
        row(meaning.key, &docker, &podman, &native);
    }
    for limit in LIMITS {
        let docker = limit.docker.map_or_else(refused, str::to_owned);
        row(&format!("limits.{}", limit.key), &docker, limit.podman, limit.native);
    }
    table
}

#[test]
fn the_tables_of_fields_are_generated() {
    let (schema, settings) = (schema(), settings::schema());
    for (name, table) in [
        ("meanings", meanings()),
        ("definition", table::<Definition>(&schema, "Definition", "field")),
        ("network", table::<Network>(&schema, "Network", "field of a network")),
        ("pod", table::<PodKeys>(&schema, "Pod", "field of a pod")),
        ("health", table::<Health>(&schema, "Health", "field of `health`")),
        ("job", table::<Job>(&schema, "Job", "field of a job")),
        ("proxy", table::<ProxyKeys>(&settings, "ProxyKeys", "field of `proxy.NAME`")),
    ] {
        assert_generated("reference.md", name, &table);
    }
}

#[test]
fn the_defaults_of_the_schema_are_the_parsers() {
    let schema = serde_json::to_value(schema()).unwrap();
    let bare = json!({
        "id": "web", "command": ["/bin/x"], "port": 80, "health": {"http": "/"}, "deploy": {},
        "cron": {"a": {"calendar": "daily", "command": ["/bin/x"]}},
    });
    let parse = |definition: &Value| {
        let service = Service::parse(Path::new("web.json"), &definition.to_string());
        let service = service.unwrap_or_else(|problems| panic!("{definition}: {problems}"));
        let mut service = service.into_fields();
        // The place of a value is not part of it.
        service.origin.jobs.clear();
        service.origin.position = (1, 1);
        service.origin.keys = Places::default();
        service.origin.files.clear();
        service.advice.clear();
        // Nor is it whether a default is written.
        service.health.iter_mut().for_each(|health| health.timeout_is_given = false);
        // No status codes are the probe's own default.
        let probes = format!("Some(StatusCodes({:?}))", Statuses::DEFAULT);
        format!("{service:?}").replace(&probes, "None")
    };
    let mut compared = 0;
    for (name, place) in
        [("Definition", ""), ("Health", "/health"), ("Deploy", "/deploy"), ("Job", "/cron/a")]
    {
        for (key, property) in properties(&schema, name).as_object().unwrap() {
            if let Some(default) = property.get("default") {
                let mut bare = bare.clone();
                if key == "pull" {
                    (bare["runtime"], bare["image"]) = (json!("docker"), json!("app:v1"));
                }
                let mut given = bare.clone();
                given.pointer_mut(place).unwrap()[key] = default.clone();
                assert_eq!(parse(&given), parse(&bare), "{name}: {key}");
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 24);
}
