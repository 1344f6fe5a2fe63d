//! Text that tries to break out of its line is refused or escaped in every field.

use std::collections::BTreeMap;
use std::path::Path;

use conductor_core::release::Release;
use conductor_core::runtime::Scope;
use conductor_core::service::Service;
use conductor_core::unit::Templates;
use serde_json::{Value, json};

/// Its name, a good value, and the definition with a value.
type Place = (&'static str, &'static str, fn(&str) -> Value);

fn container_with_volume(name: &str, engine: &str) -> Value {
    json!({"id": "web", "runtime": "docker", "image": "app", "volumes": [format!("{name}:/d")],
        "volume_names": {name: engine}})
}

/// Returns a definition with a key.
fn with(key: &str, value: Value) -> Value {
    let mut definition = json!({"id": "web", "command": ["/bin/x"], "port": 80});
    definition[key] = value;
    definition
}

/// Every place of a definition that contains text, except those that accept any text.
fn places() -> Vec<Place> {
    fn container(key: &str, value: Value) -> Value {
        let mut definition = with(key, value);
        definition["runtime"] = json!("docker");
        definition["image"] = json!("app:v1");
        definition
    }
    fn at(key: &str, value: &str) -> Value {
        with("cron", json!({"a": {key: value, "command": ["x"]}}))
    }
    fn job(key: &str, value: &str) -> Value {
        let mut job = json!({"calendar": "daily", "command": ["x"]});
        job[key] = json!(value);
        with("cron", json!({"a": job}))
    }
    vec![
        ("id", "web", |text| with("id", json!(text))),
        ("description", "A web", |text| with("description", json!(text))),
        ("image", "/srv/web", |text| with("image", json!(text))),
        ("a docker image", "app", |text| {
            let mut definition = with("runtime", json!("docker"));
            definition["image"] = json!(text);
            definition
        }),
        ("revision", "v1", |text| with("revision", json!(text))),
        ("runtime", "native", |text| with("runtime", json!(text))),
        ("the program", "/bin/x", |text| with("command", json!([text]))),
        ("port", "80", |text| with("port", json!(text))),
        ("env, a name", "A", |text| with("env", json!({text: "x"}))),
        ("env_files", "/a", |text| with("env_files", json!([text]))),
        ("secrets, a name", "a", |text| with("secrets", json!({text: "/a"}))),
        ("secrets", "/a", |text| with("secrets", json!({"a": text}))),
        ("volumes, a source", "/a", |text| with("volumes", json!([format!("{text}:/b")]))),
        ("volumes, a target", "/a", |text| with("volumes", json!([format!("/b:{text}:ro")]))),
        ("volumes, a mode", "ro", |text| with("volumes", json!([format!("/a:/b:{text}")]))),
        ("user", "app", |text| with("user", json!(text))),
        ("user, a group", "app", |text| with("user", json!(format!("app:{text}")))),
        ("group_add", "app", |text| with("group_add", json!([text]))),
        ("working_dir", "/a", |text| with("working_dir", json!(text))),
        ("stop_signal", "TERM", |text| with("stop_signal", json!(text))),
        ("runtime_directory", "web", |text| with("runtime_directory", json!(text))),
        ("ulimits, a name", "nofile", |text| with("ulimits", json!({text: 1}))),
        ("ulimits", "10", |text| with("ulimits", json!({"nofile": text}))),
        ("volume_names, a name", "data", |text| container_with_volume(text, "shop_data")),
        ("volume_names", "shop_data", |text| container_with_volume("data", text)),
        ("tmpfs", "/a", |text| with("tmpfs", json!([text]))),
        ("tmpfs, its options", "size=1m", |text| with("tmpfs", json!([format!("/a:{text}")]))),
        ("devices", "/dev/a", |text| with("devices", json!([text]))),
        ("hostname", "web", |text| container("hostname", json!(text))),
        ("container_name", "shop_web.1", |text| container("container_name", json!(text))),
        ("extra_hosts", "a:1.2.3.4", |text| container("extra_hosts", json!([text]))),
        ("dns", "1.2.3.4", |text| container("dns", json!([text]))),
        ("dns_search", "a.b", |text| container("dns_search", json!([text]))),
        ("security_opt", "seccomp=a", |text| container("security_opt", json!([text]))),
        ("sysctls, a name", "net.a", |text| container("sysctls", json!({text: 1}))),
        ("sysctls", "10", |text| container("sysctls", json!({"net.a": text}))),
        ("ipc", "host", |text| container("ipc", json!(text))),
        ("pid", "host", |text| container("pid", json!(text))),
        ("userns", "host", |text| container("userns", json!(text))),
        ("gpus", "all", |text| container("gpus", json!(text))),
        ("platform", "linux/arm64", |text| container("platform", json!(text))),
        ("labels, a name", "a.b", |text| container("labels", json!({text: "x"}))),
        ("options", "--ip=1.2.3.4", |text| container("options", json!([text]))),
        ("cap_add", "KILL", |text| with("cap_add", json!([text]))),
        ("limits.memory", "1M", |text| with("limits", json!({"memory": text}))),
        ("limits.cpuset", "0", |text| with("limits", json!({"cpuset": text}))),
        ("limits.io_read_bps", "/a", |text| with("limits", json!({"io_read_bps": {text: 1}}))),
        ("limits.oom_score_adjust", "1", |text| with("limits", json!({"oom_score_adjust": text}))),
        ("limits.cpu", "1", |text| with("limits", json!({"cpu": text}))),
        ("health.http", "/ok", |text| with("health", json!({"http": text}))),
        ("listen", "10.0.0.5", |text| with("listen", json!(text))),
        ("health.socket", "/a", |text| with("health", json!({"http": "/", "socket": text}))),
        ("health.headers, a name", "Host", |text| {
            with("health", json!({"http": "/", "headers": {text: "x"}}))
        }),
        ("health.headers", "a.b", |text| {
            with("health", json!({"http": "/", "headers": {"Host": text}}))
        }),
        ("health.status", "200", |text| with("health", json!({"http": "/", "status": text}))),
        ("health.contains", "ok", |text| with("health", json!({"http": "/", "contains": text}))),
        ("health.interval", "5s", |text| with("health", json!({"tcp": true, "interval": text}))),
        ("deploy.order", "stop-first", |text| with("deploy", json!({"order": text}))),
        ("deploy.stop_timeout", "5s", |text| with("deploy", json!({"stop_timeout": text}))),
        ("proxy", "app", |text| with("proxy", json!({"nginx": {"upstream": text}}))),
        ("proxy, a name", "nginx", |text| with("proxy", json!({text: {"upstream": "app"}}))),
        ("cron, a name", "a", |text| {
            with("cron", json!({text: {"calendar": "daily", "command": ["x"]}}))
        }),
        ("cron.schedule", "@daily", |text| at("schedule", text)),
        ("cron.calendar", "daily", |text| job("calendar", text)),
        ("cron.every", "5s", |text| at("every", text)),
        ("cron.mail_to", "root", |text| job("mail_to", text)),
        ("cron.timezone", "UTC", |text| job("timezone", text)),
        ("cron.jitter", "5s", |text| job("jitter", text)),
        ("cron.on_failure", "a.service", |text| job("on_failure", text)),
        ("systemd, a section", "Unit", |text| with("systemd", json!({text: {"After": "a"}}))),
        ("systemd, a directive", "Nice", |text| with("systemd", json!({"Service": {text: "5"}}))),
        ("systemd, a value", "5", |text| with("systemd", json!({"Service": {"Nice": text}}))),
        ("systemd, a list", "5", |text| with("systemd", json!({"Service": {"Nice": [text]}}))),
    ]
}

/// Returns a good value with a text in its middle and at both ends.
fn spoilt(good: &str, bad: &str) -> [String; 3] {
    let (first, rest) = good.split_at(1);
    [format!("{first}{bad}{rest}"), format!("{bad}{good}"), format!("{good}{bad}")]
}

#[test]
fn no_field_but_arguments_and_environment_takes_what_could_end_its_line() {
    // Where systemd or cron accepts white space between words, a tab is like a space.
    const TABS: [&str; 3] = ["cron.schedule", "systemd, a value", "systemd, a list"];
    for (place, good, definition) in places() {
        let parse =
            |text: &str| Service::parse(Path::new("web.json"), &definition(text).to_string());
        if let Err(problems) = parse(good) {
            panic!("{place}: {problems}");
        }
        for bad in
            ["\0", "\n", "\r", "\r\n", "\t", "\u{1}", "\u{1b}", "\u{7f}", "\u{85}", "\u{fffe}"]
        {
            if bad == "\t" && TABS.contains(&place) {
                continue;
            }
            for text in spoilt(good, bad) {
                assert!(parse(&text).is_err(), "{place} takes {text:?}");
            }
        }
    }
}

#[test]
fn a_percent_sign_is_refused_or_doubled() {
    // Directives of the definition may contain specifiers, and so may the unit that is started when a job
    // fails. CPU accepts percentages.
    const MEANT: [&str; 4] =
        ["systemd, a value", "systemd, a list", "cron.on_failure", "limits.cpu"];
    let templates = Templates::new(&[]).unwrap();
    let ports = BTreeMap::from([(1, "20001".parse().unwrap())]);
    let compile = |definition: &Value| {
        let text = definition.to_string();
        let service = Service::parse(Path::new("web.json"), &text).ok()?;
        let release = Release::new(&service, "v1".parse().unwrap(), &templates);
        let set = release.compile(&ports, None, Scope::System, &templates).unwrap();
        let jobs =
            release.compile_jobs(&release.name(), None, None, Scope::System, &templates).unwrap();
        let units = set.units.into_values().chain(jobs.units.into_values());
        let texts: Vec<_> = units.map(|unit| unit.text).collect();
        Some(texts.concat())
    };
    let mut doubled = Vec::new();
    for (place, good, definition) in places() {
        if MEANT.contains(&place) {
            continue;
        }
        for text in spoilt(good, "%H") {
            let Some(units) = compile(&definition(&text)) else {
                continue;
            };
            assert_eq!(units.matches("%H").count(), units.matches("%%H").count(), "{place}");
            assert!(units.contains("%%H"), "{place}: {units}");
            doubled.push(place);
        }
    }
    doubled.dedup();
    assert_eq!(
        doubled,
        [
            "description",
            "image",
            "the program",
            "env_files",
            "secrets",
            "volumes, a source",
            "volumes, a target",
            "working_dir",
            "tmpfs",
            "tmpfs, its options",
            "devices",
            "security_opt",
            "sysctls",
            "options",
            "limits.io_read_bps",
            "health.http",
            "health.socket",
            "health.headers, a name",
            "health.headers",
            "health.contains",
            "cron.mail_to",
        ]
    );
}
