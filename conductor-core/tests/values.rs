//! A value of a definition changes nothing but itself: it is refused, or it is at the place where another value
//! would be.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[expect(dead_code, reason = "other tests use the rest")]
#[path = "support/systemd.rs"]
mod systemd;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use conductor_core::release::Release;
use conductor_core::runtime::Scope;
use conductor_core::service::Service;
use conductor_core::unit::{Templates, UnitSet};
use serde_json::{Value, json};
use systemd::UnitFile;

static TEMPLATES: LazyLock<Templates> = LazyLock::new(|| Templates::new(&[]).unwrap());

/// Directives that take several paths.
const PATHS: [&str; 3] = ["BindPaths", "BindReadOnlyPaths", "RequiresMountsFor"];

/// A harmless value.
const PLAIN: &str = "plain";

/// Values that are special to a shell, systemd, a container engine, nginx, a path or a terminal.
const HOSTILE: [&str; 40] = [
    "a\n[Service]\nExecStartPre=+/bin/sh",
    "a\rUser=root",
    "a\u{0}b",
    "a\\",
    "a\\\n",
    "\"",
    "'",
    "\" \"",
    "a b",
    "a\tb",
    "%n",
    "%",
    "%%",
    "%{",
    "$HOME",
    "${HOME}",
    "$(touch /tmp/eve)",
    "`touch /tmp/eve`",
    ";",
    "a; return 200 eve; #",
    "a;}server{listen 80;",
    "|sh",
    "&",
    "#",
    "-v/:/host",
    "--privileged",
    "-",
    "--",
    "..",
    "../../etc/passwd",
    "/../../etc/passwd",
    "a/../b",
    "/etc/passwd",
    "a:b:c",
    "a,readonly=false,source=/",
    "*",
    "[X-Conductor]",
    "\u{1b}]0;eve\u{7}",
    "\u{202e}a\u{2028}b\u{85}",
    "\u{feff}",
];

/// A place, and a definition with a value there as a function of it.
type Place = (&'static str, fn(&str) -> Value);

/// Returns the places of values in a definition.
fn places() -> Vec<Place> {
    vec![
        ("id", |value| json!({"id": value})),
        ("description", |value| json!({"description": value})),
        ("revision", |value| json!({"revision": value})),
        ("image", |value| json!({"image": value})),
        ("image, as a path", |value| json!({"image": format!("/srv/{value}")})),
        ("command", |value| json!({"command": ["/bin/x", value]})),
        ("command, its program", |value| json!({"command": [format!("/bin/{value}")]})),
        ("env", |value| json!({"env": {"A": value}})),
        ("env, a name", |value| json!({"env": {value: "x"}})),
        ("env_files", |value| json!({"env_files": [format!("/etc/{value}")]})),
        ("secrets", |value| json!({"secrets": {"a": format!("/etc/{value}")}})),
        ("secrets, a name", |value| json!({"secrets": {value: "/etc/a"}})),
        ("volumes", |value| json!({"volumes": [format!("/srv/{value}:/data:ro")]})),
        ("volumes, a target", |value| json!({"volumes": [format!("/srv/a:/{value}")]})),
        ("user", |value| json!({"user": value})),
        ("listen", |value| json!({"listen": value})),
        ("health.http", |value| json!({"health": {"http": format!("/{value}")}})),
        ("health.headers", |value| json!({"health": {"http": "/", "headers": {"X": value}}})),
        (
            "health.headers, a name",
            |value| json!({"health": {"http": "/", "headers": {value: "x"}}}),
        ),
        ("health.contains", |value| json!({"health": {"http": "/", "contains": value}})),
        ("health.command", |value| json!({"health": {"command": ["/bin/x", value]}})),
        (
            "health.socket",
            |value| json!({"health": {"http": "/", "socket": format!("/run/{value}")}}),
        ),
        ("proxy", |value| json!({"proxy": {"nginx": {"upstream": value}}})),
        ("deploy.before", |value| json!({"deploy": {"before": ["/bin/x", value]}})),
        (
            "cron, a name",
            |value| json!({"cron": {value: {"schedule": "@daily", "command": ["/x"]}}}),
        ),
        ("cron.command", |value| job(&json!({"command": ["/bin/x", value]}))),
        ("cron.env", |value| job(&json!({"env": {"A": value}}))),
        ("cron.stdin", |value| job(&json!({"stdin": value}))),
        ("cron.user", |value| job(&json!({"user": value}))),
        ("cron.on_failure", |value| job(&json!({"on_failure": format!("{value}.service")}))),
        ("cron.timezone", |value| job(&json!({"timezone": value}))),
        ("systemd, a section", |value| json!({"systemd": {value: {"Nice": 5}}})),
        ("systemd, a directive", |value| json!({"systemd": {"Service": {value: "x"}}})),
    ]
}

fn job(more: &Value) -> Value {
    let mut job = json!({"schedule": "@daily", "command": ["/bin/y"]});
    merge(&mut job, more);
    json!({"cron": {"tidy": job}})
}

fn merge(base: &mut Value, more: &Value) {
    base.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
}

fn compile(base: &Value, more: &Value) -> Result<UnitSet, String> {
    let mut definition = base.clone();
    merge(&mut definition, more);
    let service = Service::parse(Path::new("x.json"), &definition.to_string());
    let service = service.map_err(|problems| problems.to_string())?;
    let revision = service.own_revision().unwrap_or_else(|| "v1".parse().unwrap());
    let templates = &*TEMPLATES;
    let release = Release::new(&service, revision, templates);
    let ports = BTreeMap::from([(1, "20001".parse().unwrap())]);
    let compiled = release.compile(&ports, None, Scope::System, templates);
    let mut set = compiled.map_err(|error| error.to_string())?;
    let jobs = release.compile_jobs(&release.name(), None, None, Scope::System, templates);
    set.units.extend(jobs.map_err(|error| error.to_string())?.units);
    // The digest differs, and with it names and paths, and the fingerprint of the text.
    let digits = &release.digest[..6];
    let text = |text: &str| text.replace(&release.digest, "DIGEST").replace(digits, "DIGIT6");
    for unit in set.units.values_mut() {
        let rendered = unit.metadata.rendered.clone().unwrap_or_default();
        unit.text = text(&unit.text).replace(&rendered, "RENDERED");
    }
    Ok(set)
}

/// Returns the lines of units, with command lines and variables split into words.
fn lines(set: &UnitSet) -> Vec<Vec<String>> {
    let mut lines = Vec::new();
    for unit in set.units.values() {
        for (section, name, value) in UnitFile::read(&unit.text).lines() {
            let words = match name.starts_with("Exec") || name == "Environment" {
                // Specifiers are not replaced: some are intended.
                true => {
                    let doubled = value.replace('%', "%%");
                    systemd::words(doubled.trim_start_matches(['-', '+', ':', '!', '@']))
                }
                // Around a path with a space; no path has quotes itself.
                false if PATHS.contains(&name) => vec![value.replace('"', "")],
                false => vec![value.to_owned()],
            };
            lines.push([vec![format!("{section} {name}")], words].concat());
        }
    }
    lines
}

#[test]
fn a_value_is_never_more_than_a_value() {
    let native = json!({"id": "web", "command": ["/bin/y"], "port": 80});
    let (mut accepted, mut wrong) = (0, Vec::new());
    for base in [
        native,
        json!({"id": "web", "runtime": "docker", "image": "a:v1", "command": ["y"], "port": 80}),
        json!({"id": "web", "runtime": "podman", "image": "a:v1", "command": ["y"], "port": 80}),
    ] {
        for (place, definition) in places() {
            let plain = compile(&base, &definition(PLAIN)).map(|set| lines(&set));
            for hostile in HOSTILE {
                // Here it is documented: the name of the job's unit.
                if (place, hostile) == ("cron.on_failure", "%n") {
                    continue;
                }
                let what = || format!("{place} {hostile:?} of {}", base["runtime"]);
                match compile(&base, &definition(hostile)) {
                    Err(told) => {
                        let odd = |c: char| c.is_control() && c != '\n';
                        assert!(!told.contains(odd), "{}: {told:?}", what());
                    }
                    Ok(set) => {
                        for name in set.units.keys() {
                            let name = name.as_str();
                            assert!(!name.contains(['/', '\n', '%', ' ']), "{}: {name}", what());
                        }
                        let Ok(plain) = &plain else { continue };
                        accepted += 1;
                        let more = more(&lines(&set), plain, hostile);
                        wrong.extend(more.into_iter().map(|more| format!("{}: {more}", what())));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(accepted > 500, "{accepted} values were accepted");
}

/// Returns the lines that differ by more than the value.
fn more(hostile: &[Vec<String>], plain: &[Vec<String>], value: &str) -> Vec<String> {
    if hostile.len() != plain.len() {
        return vec![format!("{} lines where there were {}", hostile.len(), plain.len())];
    }
    // A path has no slash at its end.
    let written = [value, value.trim_end_matches('/')];
    let differs = |(hostile, plain): &(&Vec<String>, &Vec<String>)| {
        let right = |value: &&str| {
            // systemd does not read conductor's own section.
            let value = match plain[0].starts_with("X-Conductor") {
                true => (*value).to_owned(),
                false => value.replace('%', "%%"),
            };
            let words = plain.iter().map(|word| word.replace(PLAIN, &value));
            words.eq(hostile.iter().cloned())
        };
        !hostile[0].ends_with("StandardInputData") && !written.iter().any(right)
    };
    let lines = hostile.iter().zip(plain).filter(differs);
    lines.map(|(hostile, plain)| format!("{hostile:?} where there was {plain:?}")).collect()
}
