//! Exports of definitions with every key, to each engine, in snapshots.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use conductor_core::service::Service;
use conductor_export::{Fate, ROWS, Target, export};

const EVERY_KEY: &str = include_str!("inputs/every-key.yaml");
const OTHERS: &str = include_str!("inputs/others.yaml");

fn services() -> Vec<Service> {
    let others = OTHERS.split("---\n").map(|text| text.split_once('|').unwrap());
    let all = std::iter::once(("web", EVERY_KEY)).chain(others);
    let parse = |(id, text)| Service::parse_all(Path::new(&format!("{id}.yaml")), text).unwrap();
    all.flat_map(parse).collect()
}

fn shown(target: Target) -> String {
    let exported = export(target, &services());
    assert_eq!(exported, export(target, &services()), "it is the same each time");
    let mut text = String::new();
    for file in &exported.files {
        writeln!(text, "──── {}\n{}", file.name, file.text.trim_end()).unwrap();
    }
    writeln!(text, "──── left out").unwrap();
    exported.left_out.iter().for_each(|problem| writeln!(text, "{problem}").unwrap());
    writeln!(text, "──── notes").unwrap();
    exported.notes.iter().for_each(|problem| writeln!(text, "{problem}").unwrap());
    text
}

#[test]
fn compose() {
    insta::assert_snapshot!(shown(Target::Compose));
}

#[test]
fn swarm() {
    insta::assert_snapshot!(shown(Target::Swarm));
}

#[test]
fn quadlet() {
    insta::assert_snapshot!(shown(Target::Quadlet));
}

#[test]
fn kubernetes() {
    insta::assert_snapshot!(shown(Target::Kubernetes));
}

/// Kubernetes refuses a container that is privileged and may not escalate its privileges.
#[test]
fn a_privileged_container_of_kubernetes_may_escalate() {
    let container = |keys: &str| {
        let text = format!(
            "id: a\nruntime: docker\nimage: a:1\nsecurity_opt: [\"no-new-privileges:true\"]\n{keys}\
             cron: {{b: {{schedule: '@daily', command: [c]}}}}\ndeploy: {{before: [d]}}\n"
        );
        let service = Service::parse(Path::new("a.yaml"), &text).unwrap();
        let exported = export(Target::Kubernetes, &[service]);
        let text: String = exported.files.iter().map(|file| file.text.as_str()).collect();
        let left_out = exported.left_out.iter().map(|problem| problem.path.clone());
        let counts = ["privileged: true", "allowPrivilegeEscalation: false"]
            .map(|it| text.matches(it).count());
        (counts, left_out.filter(|path| path.starts_with("security_opt")).collect::<Vec<_>>())
    };
    // The service, its job, and the command before a deploy.
    assert_eq!(container(""), ([0, 3], Vec::new()));
    assert_eq!(container("privileged: true\n"), ([3, 0], vec!["security_opt[0]".to_owned()]));
}

/// Returns the keys of the JSON Schema of a definition, with those below the keys that have a table of their own.
fn keys() -> BTreeSet<String> {
    const WITH_KEYS: [(&str, &str); 4] =
        [("health", "Health"), ("deploy", "Deploy"), ("limits", "Limits"), ("cron", "Job")];
    let schema = serde_json::to_value(conductor_core::definition::schema()).unwrap();
    let of = |properties: &serde_json::Value| -> Vec<String> {
        properties.as_object().unwrap().keys().cloned().collect()
    };
    let mut keys: BTreeSet<String> = of(&schema["properties"]).into_iter().collect();
    for (key, name) in WITH_KEYS {
        keys.remove(key);
        let star = if key == "cron" { ".*" } else { "" };
        let inner = of(&schema["$defs"][name]["properties"]);
        keys.extend(inner.into_iter().map(|inner| format!("{key}{star}.{inner}")));
    }
    keys.insert("cron.*".to_owned());
    keys
}

#[test]
fn each_key_of_a_definition_has_one_row() {
    let rows: Vec<_> = ROWS.iter().map(|row| row.key.to_owned()).collect();
    let own: BTreeSet<_> = rows.iter().cloned().collect();
    assert_eq!(rows.len(), own.len(), "a key is there twice");
    let keys = keys();
    let missing: Vec<_> = keys.difference(&own).collect();
    let unknown: Vec<_> = own.difference(&keys).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "missing: {missing:?}, unknown: {unknown:?}");
}

#[test]
fn what_is_left_out_says_what_it_does() {
    for target in [Target::Compose, Target::Swarm, Target::Quadlet, Target::Kubernetes] {
        for row in ROWS {
            let is_lost = matches!(row.fate(target), Fate::Lost(_));
            assert!(!is_lost || !row.does(target).is_empty(), "{}", row.key);
        }
    }
}
