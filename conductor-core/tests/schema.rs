//! The JSON Schema and the parser accept and refuse the same definitions.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "support/schema.rs"]
mod judges;
#[path = "support/refused.rs"]
mod refused;
#[path = "support/yaml.rs"]
mod yaml;

use std::path::Path;

use conductor_core::definition::schema;
use conductor_core::service::Service;
use judges::{parser_accepts, validator, with};
use refused::mistakes;
use serde_json::{Value, json};
use yaml::yaml;

const DESIGN: &str = include_str!("data/design.yaml");

#[test]
fn the_schema_is_a_valid_one() {
    let schema = serde_json::to_value(schema()).unwrap();
    jsonschema::draft202012::meta::validate(&schema).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
}

#[test]
fn the_examples_are_accepted() {
    let validator = validator();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    // The package of this crate does not contain them.
    let files = examples.read_dir().into_iter().flatten();
    let files = files.map(|entry| entry.unwrap().path());
    let files = files.filter(|file| file.extension().is_some_and(|extension| extension == "yaml"));
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
        ("volumes", json!(["/a:/b", "/e/{revision}:/c:ro", "/a:/d:rw", "my-data:/data:ro"])),
        ("ports", json!([9100, "53:53/udp", "127.0.0.1:80:80", "[::1]:80:80/tcp", "1-2:1-2"])),
        ("networks", json!(["backend", "Shop_default"])),
        (
            "networks",
            json!({"a": {
                "ipv4_address": "10.9.0.5", "ipv6_address": "fd00::5", "internal": false, "enable_ipv6": true,
                "subnets": ["10.9.0.0/24", "fd00::/64"], "gateways": ["10.9.0.1"], "driver_opts": {"mtu": 1450},
            }}),
        ),
        ("network_mode", json!("host")),
        ("networks", json!({"backend": null, "front": {}, "a": {"aliases": ["db", "db.example"]}})),
        ("user", json!(1000)),
        ("user", json!("www-data")),
        ("user", json!("1000:1000")),
        ("group_add", json!(["mail", 1000])),
        ("working_dir", json!("/srv/{revision}")),
        ("stop_signal", json!("QUIT")),
        ("ulimits", json!({"nofile": 1024, "core": -1, "nproc": {"soft": 0, "hard": -1}})),
        ("tmpfs", json!(["/tmp", "/run:size=10%,mode=755"])),
        ("devices", json!(["/dev/fuse", "/dev/sda:r"])),
        ("read_only", json!(true)),
        ("cap_add", json!(["NET_BIND_SERVICE", "CAP_SYS_NICE"])),
        ("cap_add", json!([])),
        ("limits", json!({"memory": "1.5G", "cpu": 1.5, "pids": 1})),
        ("limits", json!({"memory": 1024, "cpu": "150%"})),
        ("limits", json!({})),
        (
            "limits",
            json!({"memory": "1G", "memory_high": "900M", "memory_swap": "64M", "cpu_weight": 50}),
        ),
        ("limits", json!({"cpuset": 3, "io_weight": 200, "oom_score_adjust": -500})),
        ("limits", json!({"io_read_bps": {"/dev/sda": "10M"}, "io_write_iops": {"/dev/sda": 500}})),
        ("x-common", json!({"a": [1]})),
        ("health", json!({"http": "/health?x={id}", "interval": "1min 30s", "timeout": 2})),
        ("health", json!({"tcp": true, "retries": 1, "start_period": 0})),
        ("health", json!({"http": "/", "tcp": false})),
        ("health", json!({"command": ["check"], "success_threshold": 2})),
        (
            "health",
            json!({"http": "/", "socket": "/run/{instance}.sock", "method": "HEAD", "status": 204,
            "headers": {"Host": "app.example"}, "follow_redirects": true}),
        ),
        ("health", json!({"http": "/", "status": "200-299,304", "contains": "größe"})),
        ("listen", json!("0.0.0.0")),
        ("listen", json!("::1")),
        ("deploy", json!({"before": ["x"], "order": "stop-first", "batch": 1, "keep": 0})),
        ("deploy", json!({"min_healthy_time": 0, "drain": "1min"})),
        ("deploy", json!({"drain": "1d", "keep": 1000, "batch": 1000, "stop_timeout": "24h"})),
        (
            "health",
            json!({"http": "/", "retries": 1000, "success_threshold": 1000,
            "interval": "1d", "timeout": "1d", "start_period": "1d"}),
        ),
        ("limits", json!({"memory": "7E", "cpu": 8192, "pids": 4_194_304})),
        ("proxy", json!({"nginx": {"upstream": "app"}})),
        ("proxy", json!({"edge-1": {"upstream": "app.v1"}})),
        ("cron", json!({"a": {"schedule": " */5 1-5/2 * jan-mar sun,1 ", "command": ["x"]}})),
        (
            "cron",
            json!({"a": {"calendar": "Mon..Fri 09:00", "command": ["x"], "jitter": "5s",
            "timezone": "America/Argentina/Ushuaia", "on_failure": "notify@%n.service"}}),
        ),
        ("cron", json!({"a": {"every": "10min", "command": ["x"], "jitter": "5s"}})),
        ("systemd", json!({"Service": {"Nice": 5, "PrivateTmp": false, "Exec": ["", "a", 1]}})),
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
    for (key, value) in mistakes() {
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
fn both_know_the_processes_of_an_application() {
    let validator = validator();
    let with = |above: Value, process: Value| {
        let mut definition = json!({"id": "shop", "processes": {"web": process}});
        definition.as_object_mut().unwrap().extend(above.as_object().unwrap().clone());
        definition
    };
    let web = json!({"command": ["/bin/x"]});
    for (above, process) in [
        (json!({}), web.clone()),
        (
            json!({"env": {"A": "b"}, "deploy": {"keep": 1}, "x-a": 1}),
            json!({"command": ["/bin/x"],
            "port": 80, "env": {"C": "d"}, "deploy": {"before": ["/bin/y"]}, "x-b": 2}),
        ),
        (json!({"image": "a", "runtime": "docker", "networks": ["n"]}), json!({})),
    ] {
        let definition = with(above, process);
        assert!(parser_accepts(&definition), "the parser: {definition}");
        assert!(validator.is_valid(&definition), "the schema: {definition}");
    }
    for (above, process) in [
        (json!({"command": ["/bin/x"]}), web.clone()),
        (json!({"cron": {}}), web.clone()),
        (json!({"deploy": {"before": ["/bin/y"]}}), web.clone()),
        (json!({}), json!({"command": ["/bin/x"], "image": "/srv/x"})),
        (json!({}), json!({"command": ["/bin/x"], "prot": 80})),
        (json!({}), json!({"command": ["/bin/x"], "port": "eighty"})),
        (json!({}), json!(null)),
        (json!({"processes": {}}), web.clone()),
        (json!({"processes": {"Web": web.clone()}}), web.clone()),
        (json!({"processes": [web.clone()]}), web),
    ] {
        let definition = with(above, process);
        assert!(!parser_accepts(&definition), "the parser: {definition}");
        assert!(!validator.is_valid(&definition), "the schema: {definition}");
    }
}

#[test]
fn some_things_only_the_parser_knows() {
    let validator = validator();
    for (why, key, value) in [
        ("a program is a path only for native services", "command", json!(["x"])),
        ("so is an image", "image", json!("registry.example/app")),
        ("docker and podman need an image", "runtime", json!("docker")),
        ("a path counts in bytes", "env_files", json!([format!("/{}", "ä".repeat(2100))])),
        ("so does an argument", "command", json!(["/bin/x", "ä".repeat(70_000)])),
        ("a pattern lists no noncharacters", "description", json!("a\u{fffe}")),
        ("16 bits of this number stand for no user", "user", json!(65535)),
        ("a number loses the form it was written in", "port", json!(80.0)),
        ("a pattern does not calculate", "limits", json!({"memory": "99E"})),
        ("a pattern does not calculate", "limits", json!({"cpu": "0.001"})),
        ("a pattern does not calculate", "limits", json!({"cpu": 8193})),
        ("a pattern does not calculate", "deploy", json!({"drain": "99999999999y"})),
        ("a pattern does not calculate", "deploy", json!({"drain": "25h"})),
        ("a pattern does not calculate", "deploy", json!({"stop_timeout": "1d 1s"})),
        ("a pattern does not calculate", "deploy", json!({"min_healthy_time": "1d 1s"})),
        ("a pattern does not calculate", "health", json!({"http": "/", "interval": "150y"})),
        ("a pattern does not calculate", "health", json!({"http": "/", "timeout": "86401"})),
        ("a pattern does not calculate", "health", json!({"http": "/", "start_period": "2d"})),
        (
            "a pattern does not calculate",
            "cron",
            json!({"a": {"schedule": "@daily", "command": ["x"], "timeout": "2y"}}),
        ),
        ("a pattern does not compare", "ports", json!(["9102-9100"])),
        ("a native program listens at the port of the host", "ports", json!(["8080:80"])),
        ("a port is one of another key", "health", json!({"http": "/", "port": 9100})),
        ("a pattern does not compare", "health", json!({"http": "/", "status": "399-200"})),
        ("a key is for one kind of check", "health", json!({"tcp": true, "method": "HEAD"})),
        (
            "an answer to HEAD has no body",
            "health",
            json!({"http": "/", "method": "HEAD", "contains": "ok"}),
        ),
        ("a pattern does not count dots", "listen", json!("1.2.3")),
        ("zero has many forms", "health", json!({"http": "/", "interval": "0s"})),
        (
            "fields of a schedule have ranges",
            "cron",
            json!({"a": {"schedule": "60 * * * *", "command": ["x"]}}),
        ),
        (
            "a calendar event has a grammar",
            "cron",
            json!({"a": {"calendar": "Mon 9:60", "command": ["x"]}}),
        ),
        ("an interval is not too short", "cron", json!({"a": {"every": "10ms", "command": ["x"]}})),
        (
            "an interval has no time zone",
            "cron",
            json!({"a": {"every": "1h", "timezone": "UTC", "command": ["x"]}}),
        ),
        (
            "an interval misses nothing",
            "cron",
            json!({"a": {"every": "1h", "catch_up": true, "command": ["x"]}}),
        ),
        (
            "an interval queues nothing",
            "cron",
            json!({"a": {"every": "1h", "overlap": "queue", "command": ["x"]}}),
        ),
        (
            "a time zone is named once",
            "cron",
            json!({"a": {"calendar": "9:00 UTC", "timezone": "UTC", "command": ["x"]}}),
        ),
    ] {
        let definition = with(key, value);
        assert!(!parser_accepts(&definition), "the parser, {why}: {definition}");
        assert!(validator.is_valid(&definition), "the schema, {why}: {definition}");
    }
    let no_port = json!({"id": "web", "command": ["/bin/x"], "health": {"tcp": true}});
    assert!(!parser_accepts(&no_port));
    assert!(validator.is_valid(&no_port));
}
