//! The JSON Schema and the parser accept and refuse the same definitions.

use std::path::Path;

use conductor_core::definition::schema;
use conductor_core::service::Service;
use jsonschema::Validator;
use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Value, json};

const DESIGN: &str = include_str!("data/design.yaml");

fn validator() -> Validator {
    jsonschema::draft202012::options()
        .build(&serde_json::to_value(schema()).unwrap())
        .unwrap()
}

fn parser_accepts(definition: &Value) -> bool {
    Service::parse(Path::new("web.json"), &definition.to_string()).is_ok()
}

/// A small definition with one key set to something else.
fn with(key: &str, value: Value) -> Value {
    let mut definition = json!({"id": "web", "command": ["/bin/x"], "port": 8080});
    definition[key] = value;
    definition
}

/// Reads YAML without the code under test: enough of it for definitions.
fn yaml(text: &str) -> Value {
    fn node<'i>(events: &mut impl Iterator<Item = Event<'i>>) -> Option<Value> {
        Some(match events.next().unwrap() {
            Event::Scalar(text, ScalarStyle::Plain, ..) => {
                serde_json::from_str(&text).unwrap_or_else(|_| json!(text))
            }
            Event::Scalar(text, ..) => json!(text),
            Event::SequenceStart(..) => std::iter::from_fn(|| node(events))
                .collect::<Vec<_>>()
                .into(),
            Event::MappingStart(..) => {
                let mut map = serde_json::Map::new();
                while let Some(key) = node(events) {
                    map.insert(key.as_str().unwrap().to_owned(), node(events).unwrap());
                }
                map.into()
            }
            Event::SequenceEnd | Event::MappingEnd => return None,
            _ => return node(events),
        })
    }
    node(&mut Parser::new_from_str(text).map(|event| event.unwrap().0)).unwrap()
}

#[test]
fn the_schema_is_a_valid_one() {
    let schema = serde_json::to_value(schema()).unwrap();
    jsonschema::draft202012::meta::validate(&schema).unwrap();
    assert_eq!(
        schema["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
}

#[test]
fn the_examples_are_accepted() {
    let validator = validator();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    // A package of this crate alone comes without them.
    let files = examples.read_dir().into_iter().flatten();
    let files = files.map(|entry| entry.unwrap().path());
    let files = files.filter(|file| {
        file.extension()
            .is_some_and(|extension| extension == "yaml")
    });
    let texts = files.map(|file| (file.clone(), std::fs::read_to_string(file).unwrap()));
    for (file, text) in texts.chain([("design.yaml".into(), DESIGN.to_owned())]) {
        Service::parse(&file, &text).unwrap_or_else(|problems| panic!("{problems}"));
        if let Err(error) = validator.validate(&yaml(&text)) {
            panic!("{}: {}: {error}", file.display(), error.instance_path());
        }
    }
}

#[test]
fn both_accept_what_is_good() {
    let validator = validator();
    let digest = format!("sha256:{}", "0a".repeat(32));
    for (key, value) in [
        ("id", json!("gocardless_app-2")),
        ("description", json!("50% of größe \\")),
        ("revision", json!(1.10)),
        ("revision", json!(digest)),
        ("runtime", json!("native")),
        ("command", json!(["/bin/x", "", 5, "a\nb\r\u{1}", "{port}"])),
        ("instances", json!(0)),
        ("instances", json!(1000)),
        ("port", json!(65535)),
        ("port", json!("80")),
        ("env", json!({"A": "", "_b": 1.5, "C": "x\ny"})),
        ("env_files", json!(["/etc/x.env", "/"])),
        ("secrets", json!({"database_url": "/etc/secret"})),
        (
            "volumes",
            json!(["/a:/b", "/a/{revision}:/b:ro", "/a:/b:rw"]),
        ),
        ("user", json!(1000)),
        ("user", json!("www-data")),
        ("limits", json!({"memory": "1.5G", "cpu": 1.5, "pids": 1})),
        ("limits", json!({"memory": 1024, "cpu": "150%"})),
        ("limits", json!({})),
        (
            "health",
            json!({"http": "/health?x={id}", "interval": "1min 30s", "timeout": 2}),
        ),
        (
            "health",
            json!({"tcp": true, "retries": 1, "start_period": 0}),
        ),
        ("health", json!({"http": "/", "tcp": false})),
        ("health", json!({"command": ["check"]})),
        (
            "deploy",
            json!({"before": ["x"], "order": "stop-first", "batch": 1, "keep": 0}),
        ),
        ("proxy", json!({"nginx": {"upstream": "app"}})),
        (
            "cron",
            json!({"a": {"schedule": " */5 1-5/2 * jan-mar sun,1 ", "command": ["x"]}}),
        ),
        (
            "cron",
            json!({"a": {"calendar": "Mon..Fri 09:00", "command": ["x"], "jitter": "5s",
            "timezone": "America/Argentina/Ushuaia", "on_failure": "notify@%n.service"}}),
        ),
        (
            "systemd",
            json!({"Service": {"Nice": 5, "PrivateTmp": false, "Exec": ["", "a", 1]}}),
        ),
        ("systemd", json!({"Unit": {"After": "a.service b.service"}})),
    ] {
        let definition = with(key, value);
        assert!(parser_accepts(&definition), "the parser: {definition}");
        if let Err(error) = validator.validate(&definition) {
            panic!("the schema: {definition}: {error}");
        }
    }
}

#[test]
fn both_refuse_what_is_bad() {
    let validator = validator();
    for (key, value) in [
        ("nonsense", json!(1)),
        ("id", json!("")),
        ("id", json!("../../etc/passwd")),
        ("id", json!("a b")),
        ("id", json!("a--b")),
        ("id", json!("a".repeat(65))),
        ("id", json!(5)),
        ("id", json!(null)),
        ("description", json!("")),
        ("description", json!(" a")),
        ("description", json!("a\nb")),
        ("description", json!("a".repeat(201))),
        ("description", json!(2024)),
        ("revision", json!("a b")),
        ("revision", json!("a:b")),
        ("revision", json!(-1)),
        ("runtime", json!("containerd")),
        ("command", json!("/bin/x -a")),
        ("command", json!([])),
        ("command", json!(["/bin/x", "a\0b"])),
        ("command", json!(["/bin/x", null])),
        ("command", json!(["/bin/x", true])),
        ("instances", json!(-1)),
        ("instances", json!(1001)),
        ("instances", json!("3")),
        ("instances", json!(1.5)),
        ("port", json!(0)),
        ("port", json!(70000)),
        ("port", json!(-80)),
        ("port", json!("0")),
        ("port", json!("70000")),
        ("port", json!("080")),
        ("port", json!("http")),
        ("env", json!(["A=1"])),
        ("env", json!({"1A": "x"})),
        ("env", json!({"A": "a\0"})),
        ("env", json!({"A": true})),
        ("env_files", json!(["relative"])),
        ("env_files", json!(["/a/../b"])),
        ("env_files", json!(["/a b"])),
        ("env_files", json!(["/a*"])),
        ("secrets", json!({"a/b": "/x"})),
        ("secrets", json!({"a": "x"})),
        ("volumes", json!(["/a"])),
        ("volumes", json!(["/a:b"])),
        ("volumes", json!(["/a:/b:rx"])),
        ("volumes", json!(["/a:/"])),
        ("user", json!("a b")),
        ("user", json!("%n")),
        ("user", json!(-1)),
        ("user", json!(4_294_967_295_u32)),
        ("limits", json!({"memory": "512Q"})),
        ("limits", json!({"memory": "-1"})),
        ("limits", json!({"memory": -1})),
        ("limits", json!({"memory": 0})),
        ("limits", json!({"memory": "0"})),
        ("limits", json!({"memory": 1.5})),
        ("limits", json!({"cpu": ".nan"})),
        ("limits", json!({"cpu": -1})),
        ("limits", json!({"cpu": 0})),
        ("limits", json!({"cpu": "all"})),
        ("limits", json!({"pids": 0})),
        ("limits", json!({"pids": -1})),
        ("limits", json!({"pids": 5_000_000_000_u64})),
        ("limits", json!({"swap": 1})),
        ("health", json!({})),
        ("health", json!({"http": "/", "tcp": true})),
        ("health", json!({"tcp": false})),
        ("health", json!({"http": "health"})),
        ("health", json!({"http": "/a b"})),
        ("health", json!({"http": "/", "interval": "5 parsecs"})),
        ("health", json!({"http": "/", "interval": -5})),
        ("health", json!({"http": "/", "retries": 0})),
        ("deploy", json!({"order": "first"})),
        ("deploy", json!({"batch": 0})),
        ("deploy", json!({"before": []})),
        ("proxy", json!({})),
        ("proxy", json!({"nginx": {}})),
        ("proxy", json!({"nginx": {"upstream": "a;b"}})),
        (
            "cron",
            json!({"A": {"schedule": "@daily", "command": ["x"]}}),
        ),
        ("cron", json!({"a": {"schedule": "@daily"}})),
        ("cron", json!({"a": {"command": ["x"]}})),
        (
            "cron",
            json!({"a": {"schedule": "@daily", "calendar": "daily", "command": ["x"]}}),
        ),
        (
            "cron",
            json!({"a": {"schedule": "* * * *", "command": ["x"]}}),
        ),
        (
            "cron",
            json!({"a": {"schedule": "@every 5m", "command": ["x"]}}),
        ),
        ("cron", json!({"a": {"calendar": " ", "command": ["x"]}})),
        (
            "cron",
            json!({"a": {"calendar": "daily\nX=1", "command": ["x"]}}),
        ),
        (
            "cron",
            json!({"a": {"schedule": "@daily", "command": ["x"], "timezone": "../x"}}),
        ),
        (
            "cron",
            json!({"a": {"schedule": "@daily", "command": ["x"], "on_failure": "a%z.service"}}),
        ),
        (
            "cron",
            json!({"a": {"schedule": "@daily", "command": ["x"], "catch_up": "yes"}}),
        ),
        ("systemd", json!({"Install": {"WantedBy": "x"}})),
        ("systemd", json!({"Service": {"ExecStart": "/bin/sh"}})),
        ("systemd", json!({"Service": {"nice": 5}})),
        ("systemd", json!({"Service": {"Nice": null}})),
        ("systemd", json!({"Service": {"Nice": []}})),
        ("systemd", json!({"Service": {"Nice": [[1]]}})),
        ("systemd", json!({"Service": {"Nice": "5\nUser=root"}})),
        ("systemd", json!({"Service": {"Nice": "5\r"}})),
        ("systemd", json!({"Service": {"Nice": "5\\"}})),
    ] {
        let definition = with(key, value);
        assert!(!parser_accepts(&definition), "the parser: {definition}");
        assert!(!validator.is_valid(&definition), "the schema: {definition}");
    }
    for definition in [json!({}), json!([]), json!(null), json!("web")] {
        assert!(!parser_accepts(&definition), "the parser: {definition}");
        assert!(!validator.is_valid(&definition), "the schema: {definition}");
    }
}

#[test]
fn some_things_only_the_parser_knows() {
    let validator = validator();
    for (why, key, value) in [
        (
            "a program is a path only for native services",
            "command",
            json!(["x"]),
        ),
        ("so is an image", "image", json!("registry.example/app")),
        (
            "docker and podman need an image",
            "runtime",
            json!("docker"),
        ),
        (
            "a path counts in bytes",
            "env_files",
            json!([format!("/{}", "ä".repeat(2100))]),
        ),
        (
            "so does an argument",
            "command",
            json!(["/bin/x", "ä".repeat(70_000)]),
        ),
        (
            "a pattern lists no noncharacters",
            "description",
            json!("a\u{fffe}"),
        ),
        (
            "16 bits of this number stand for no user",
            "user",
            json!(65535),
        ),
        (
            "a number loses the form it was written in",
            "port",
            json!(80.0),
        ),
        (
            "a pattern does not calculate",
            "limits",
            json!({"memory": "99E"}),
        ),
        (
            "a pattern does not calculate",
            "limits",
            json!({"cpu": "0.001"}),
        ),
        (
            "a pattern does not calculate",
            "deploy",
            json!({"drain": "99999999999y"}),
        ),
        (
            "zero has many forms",
            "health",
            json!({"http": "/", "interval": "0s"}),
        ),
        (
            "fields of a schedule have ranges",
            "cron",
            json!({"a": {"schedule": "60 * * * *", "command": ["x"]}}),
        ),
    ] {
        let definition = with(key, value);
        assert!(
            !parser_accepts(&definition),
            "the parser, {why}: {definition}"
        );
        assert!(
            validator.is_valid(&definition),
            "the schema, {why}: {definition}"
        );
    }
    let no_port = json!({"id": "web", "command": ["/bin/x"], "health": {"tcp": true}});
    assert!(!parser_accepts(&no_port));
    assert!(validator.is_valid(&no_port));
}

/// Changes one character of a good value in every way, and compares the two verdicts.
#[test]
fn patterns_and_checks_agree_on_every_near_miss() {
    const CHANGES: &str = "a0K_-./:%@{ \t\n\\\"*é\u{85}";
    type Place = fn(&str) -> (&'static str, Value);
    let job = |key: &str, text: &str| {
        let mut job = json!({"calendar": "daily", "command": ["x"]});
        job[key] = json!(text);
        ("cron", json!({"a": job}))
    };
    let places: Vec<(&str, Box<dyn Fn(&str) -> (&'static str, Value)>)> = {
        let plain = |good, place: Place| (good, Box::new(place) as Box<dyn Fn(&str) -> _>);
        vec![
            plain("web-1", |text| ("id", json!(text))),
            plain("A web", |text| ("description", json!(text))),
            plain("v1.2", |text| ("revision", json!(text))),
            plain("8080", |text| ("port", json!(text))),
            plain("1.5G", |text| ("limits", json!({"memory": text}))),
            plain("150%", |text| ("limits", json!({"cpu": text}))),
            plain("A_1", |text| ("env", json!({text: "x"}))),
            plain("x", |text| ("env", json!({"A": text}))),
            plain("/a/b", |text| ("env_files", json!([text]))),
            plain("a.b", |text| ("secrets", json!({text: "/x"}))),
            plain("/a:/b:ro", |text| ("volumes", json!([text]))),
            plain("www", |text| ("user", json!(text))),
            plain("1000", |text| ("user", json!(text))),
            plain("/ok", |text| ("health", json!({"http": text}))),
            plain("1min 3s", |text| ("deploy", json!({"drain": text}))),
            plain("app", |text| {
                ("proxy", json!({"nginx": {"upstream": text}}))
            }),
            plain("a-b", |text| {
                (
                    "cron",
                    json!({text: {"calendar": "daily", "command": ["x"]}}),
                )
            }),
            ("Mon 9:00", Box::new(move |text| job("calendar", text))),
            ("Etc/UTC", Box::new(move |text| job("timezone", text))),
            (
                "a@%n.service",
                Box::new(move |text| job("on_failure", text)),
            ),
            plain("Nice", |text| ("systemd", json!({"Service": {text: "x"}}))),
            plain("x", |text| ("systemd", json!({"Service": {"Nice": text}}))),
        ]
    };
    let validator = validator();
    for (good, place) in places {
        let chars: Vec<char> = good.chars().collect();
        let mut tried = vec![good.to_owned(), String::new()];
        for at in 0..=chars.len() {
            let (before, after) = chars.split_at(at);
            let join = |middle: Option<char>, after: &[char]| {
                before
                    .iter()
                    .copied()
                    .chain(middle)
                    .chain(after.iter().copied())
                    .collect()
            };
            for change in CHANGES.chars() {
                tried.push(join(Some(change), after));
                tried.extend(after.get(1..).map(|after| join(Some(change), after)));
            }
            tried.extend(after.get(1..).map(|after| join(None, after)));
        }
        for text in tried {
            let (key, value) = place(&text);
            let definition = with(key, value);
            let verdicts = (parser_accepts(&definition), validator.is_valid(&definition));
            assert_eq!(
                verdicts.0, verdicts.1,
                "parser and schema: {text:?} in {definition}"
            );
        }
    }
}
