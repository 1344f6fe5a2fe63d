//! The command lines of docker and podman for each kind of container.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use conductor_core::release::{Release, Task};
use conductor_core::runtime::{Attached, RunParts, Scope};
use conductor_core::service::Service;
use conductor_core::unit::Templates;
use insta::assert_snapshot;

/// A definition with every field that becomes an option of an engine.
const FULL: &str = "\
    id: shop\nimage: registry.example/shop\nrevision: v42\nport: 8080\nuser: app\ncommand: [bin/serve]\n\
    env: {A: '{revision}'}\nenv_files: [/etc/shop.env]\nsecrets: {key: /etc/key}\n\
    volumes: ['/srv/uploads:/uploads:ro', '/srv/a,b:/b', 'data:/data', 'old:/old']\nvolume_names: {old: Shop_old}\nlimits: {memory: 64M, cpu: 0.5, pids: 9}\n\
    networks: {front: {aliases: [www, shop.example], ipv4_address: 10.9.0.5, ipv6_address: 'fd00::5'}, backend: }\n\
    health: {command: [bin/alive]}\n";

/// A definition with none of them.
const BARE: &str = "id: bare\nimage: bare\nrevision: v1\n";

/// Returns the commands that run once: a job, a run without a waiting process, and runs with one.
fn tasks() -> [(&'static str, Option<RunParts>); 4] {
    let run = |attached| {
        Some(RunParts { unit_file: "/run/systemd/system/a.service".parse().unwrap(), attached })
    };
    let attached =
        |terminal| Some(Attached { socket: "/run/conductor/runs/a".parse().unwrap(), terminal });
    [
        ("a job", None),
        ("a detached command", run(None)),
        ("a command with a caller", run(attached(false))),
        ("a command with a terminal", run(attached(true))),
    ]
}

fn service(engine: &str, text: &str) -> Service {
    let text = format!("runtime: {engine}\n{text}");
    Service::parse(Path::new("a.yaml"), &text).unwrap_or_else(|problems| panic!("{problems}"))
}

/// Adds the command of a unit, each word in a line.
fn write_words(text: &mut String, title: &str, unit: &str) {
    let command = unit.lines().find_map(|line| line.strip_prefix("ExecStart=:")).unwrap();
    let words = command.trim_matches('"').replace("\" \"", "\n");
    writeln!(text, "# {title}\n{words}\n").unwrap();
}

fn all(engine: &str) -> String {
    let templates = Templates::new(&[]).unwrap();
    let mut text = String::new();
    for (name, definition) in [("full", FULL), ("bare", BARE)] {
        let service = service(engine, definition);
        let revision = service.own_revision().unwrap();
        let release = Release::new(&service, revision, &templates);
        let ports = BTreeMap::from([(1, "20001".parse().unwrap())]);
        let set = release.compile(&ports, None, Scope::System, &templates).unwrap();
        let instance = set.units.iter().find(|(name, _)| name.as_str().ends_with("-1.service"));
        write_words(&mut text, &format!("{name}: an instance"), &instance.unwrap().1.text);
        for (title, run) in tasks() {
            let command = vec!["bin/report".parse().unwrap()];
            let task = Task { command, run, ..Task::default() };
            let unit = "conductor-shop-report.service".parse().unwrap();
            let unit = release.compile_task(task, &unit, "report", Scope::System, &templates);
            write_words(&mut text, &format!("{name}: {title}"), &unit.unwrap());
        }
    }
    text
}

#[test]
fn docker() {
    assert_snapshot!(all("docker"));
}

#[test]
fn podman() {
    assert_snapshot!(all("podman"));
}

#[test]
fn a_container_keeps_no_children() {
    let job = "cron: {a: {schedule: '@daily', command: [/bin/x], children: keep}}\n";
    let parse = |text: &str| Service::parse(Path::new("x.yaml"), &format!("{text}{job}"));
    assert!(parse("id: a\ncommand: [/bin/x]\n").is_ok());
    for runtime in ["docker", "podman"] {
        let error = parse(&format!("id: a\nimage: app\nruntime: {runtime}\n")).unwrap_err();
        assert!(error.to_string().contains("children: keep works only with"), "{error}");
    }
}
