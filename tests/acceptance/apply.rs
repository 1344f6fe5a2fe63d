//! `conductor apply` with real programs: the first time, again, and after every kind of change.

use std::collections::BTreeSet;
use std::fs;

use crate::Test;
use crate::calls::Calls;
use crate::host::{Host, SLEEP, UNITS, undated};

pub(crate) const TESTS: &[Test] = &[
    ("a_first_definition_runs_as_it_is", a_first_definition_runs_as_it_is),
    ("starts_what_is_defined", starts_what_is_defined),
    ("a_second_run_does_nothing", a_second_run_does_nothing),
    ("a_change_replaces_only_its_own_instances", a_change_replaces_only_its_own_instances),
    ("scaling_touches_only_the_difference", scaling_touches_only_the_difference),
    ("many_stale_units_are_one_reload", many_stale_units_are_one_reload),
    ("what_is_down_waits_for_no_neighbour", what_is_down_waits_for_no_neighbour),
    ("what_was_changed_by_hand_is_put_right", what_was_changed_by_hand_is_put_right),
    ("a_dry_run_does_nothing", a_dry_run_does_nothing),
    ("own_templates_are_configuration", own_templates_are_configuration),
];

const REDIS: &str = r#"
id = "cache"
command = ["/usr/bin/redis-server", "--bind", "127.0.0.1", "--port", "{port}", "--save", ""]
port = 6379
"#;
const WEB: &str = "id: web\n\
    command: [/usr/bin/python3, -m, http.server, --bind, 127.0.0.1, \"{port}\"]\n\
    instances: 2\nport: 80\n";

fn starts_what_is_defined(host: &Host) {
    host.define("cache.toml", REDIS);
    host.define("web.yaml", WEB);
    host.apply().says("changed: cache, web\n");

    let status = host.conductor(&["status", "--output", "json"]).exits(0).json();
    let port = |service: usize, instance: usize| {
        status["services"][service]["instances"][instance]["port"].as_u64().expect("a port")
    };
    let redis = format!("redis-cli -p {} ping", port(0, 0));
    host.eventually("Redis answers", |host| host.sh(&format!("{redis} || true")) == "PONG");
    for instance in [0, 1] {
        let url = format!("http://127.0.0.1:{}/", port(1, instance));
        let fetch = "curl -sS --retry 50 --retry-connrefused --retry-delay 1 -o /dev/null";
        host.sh(&format!("{fetch} -w '%{{http_code}}' {url}"));
    }
    for unit in ["conductor-web.target", "conductor-web.slice", "conductor-cache.target"] {
        assert_eq!(host.property(unit, "ActiveState"), "active", "{unit}");
    }
    let (unit, _) = &host.running("web")[0];
    let cgroup = host.property(unit, "ControlGroup");
    assert_eq!(cgroup, format!("/conductor.slice/conductor-web.slice/{unit}"));
    assert_eq!(host.sh("systemctl is-enabled conductor-start@web.service"), "enabled");
}

fn a_second_run_does_nothing(host: &Host) {
    host.define("cache.toml", REDIS);
    host.define("web.yaml", WEB);
    host.apply();
    let (files, instances) = (host.files(), host.instances());
    assert_eq!(files.len(), 3 + 7 + 3, "{:?}", files.keys());
    assert_eq!(instances.len(), 3, "{instances:?}");

    let calls = Calls::record(host);
    let text = host.apply();
    let json = host.conductor(&["apply", "--output", "json"]).exits(0).json();
    assert_eq!(calls.end(), Vec::<String>::new());
    assert_eq!(text.stdout, "nothing changed\n");
    assert_eq!((&json["changed"], &json["healthy"]), (&false.into(), &true.into()), "{json}");
    for service in json["services"].as_array().expect("services") {
        assert_eq!(service["changed"], false, "{json}");
        assert_eq!(service["steps"].as_array().map(Vec::len), Some(0), "{json}");
    }
    assert_eq!(host.files(), files);
    assert_eq!(host.instances(), instances);
    let diff = host.conductor(&["diff"]).exits(0);
    assert_eq!(diff.stdout, "");
}

fn what_is_down_waits_for_no_neighbour(host: &Host) {
    let data = |version: u32| {
        let text = format!("{WEB}deploy: {{order: stop-first}}\nenv: {{VERSION: \"{version}\"}}\n");
        host.define("data.yaml", &text.replace("id: web", "id: data"));
    };
    data(1);
    host.apply();
    data(2);
    let slow = "sleep 5; exec /usr/bin/python3 -m http.server --bind 127.0.0.1 {port}";
    host.define(
        "slow.yaml",
        &format!("id: slow\ncommand: [/bin/sh, -c, \"{slow}\"]\nport: 80\nhealth: {{http: /}}\n"),
    );
    host.apply().says("changed: data, slow\n");
    // systemd's messages about started units (sd-messages.h), in order.
    let started = host
        .sh("journalctl -o cat --output-fields=UNIT MESSAGE_ID=39f53479d3a045ac8e11786248231fbf \
         | grep -o 'conductor-[a-z]*-[^ ]*[0-9].service' || true");
    let place = |unit: &str| started.lines().position(|line| line == unit);
    let (slow, _) = &host.running("slow")[0];
    for (unit, _) in &host.running("data") {
        let (data, slow) = (place(unit), place(slow));
        assert!(data.is_some() && data < slow, "{unit} is not up before the slow one:\n{started}");
    }
}

fn a_change_replaces_only_its_own_instances(host: &Host) {
    host.define("cache.toml", REDIS);
    host.define("web.yaml", WEB);
    host.apply();
    let (redis, web, files) = (host.running("cache"), host.running("web"), host.files());

    host.define("web.yaml", &format!("{WEB}env: {{GREETING: hello}}\n"));
    let calls = Calls::record(host);
    let json = host.conductor(&["apply", "--output", "json"]).exits(0).json();
    let calls = calls.end();
    assert!(!calls.contains(&"Reload".to_owned()), "{calls:?}");
    assert_eq!(calls.iter().filter(|call| *call == "StartUnit").count(), 2, "{calls:?}");
    assert_eq!(calls.iter().filter(|call| *call == "StopUnit").count(), 2, "{calls:?}");

    let changed = |id: &str| {
        let services = json["services"].as_array().expect("services");
        let service = services.iter().find(|service| service["id"] == id).expect("the service");
        service["changed"] == true
    };
    assert!(changed("web") && !changed("cache"), "{json}");
    assert_eq!(host.running("cache"), redis);
    let new = host.running("web");
    assert_eq!(new.len(), 2);
    assert!(new.iter().all(|unit| !web.contains(unit)), "{new:?}");
    for (unit, pid) in &new {
        let environment = fs::read(host.path(&format!("/proc/{pid}/environ"))).expect("it runs");
        let environment = String::from_utf8_lossy(&environment).into_owned();
        assert!(environment.split('\0').any(|line| line == "GREETING=hello"), "{unit}");
    }
    let left: BTreeSet<_> = host.files().into_keys().collect();
    // The previous release is kept for a rollback, and does not start with the target.
    assert_eq!(left.len(), files.len() + web.len());
    for (unit, _) in &web {
        assert!(left.contains(unit), "{left:?}");
        assert!(!left.contains(&format!("conductor-web.target.wants/{unit}")), "{left:?}");
    }
    assert_eq!(host.sh("systemctl list-units --all --failed -q 'conductor-*'"), "");
    host.is_converged();
}

fn scaling_touches_only_the_difference(host: &Host) {
    let scale = |instances: u16| {
        host.define("web.yaml", &format!("id: web\n{SLEEP}instances: {instances}\n"));
        let calls = Calls::record(host);
        host.apply().says("changed: web\n");
        (host.running("web"), calls.end())
    };
    let (two, _) = scale(2);
    let (four, calls) = scale(4);
    assert_eq!((four.len(), &four[..2]), (4, &two[..]));
    assert_eq!(calls, ["StartUnit", "StartUnit"]);
    let (one, _) = scale(1);
    assert_eq!(one, two[..1]);
    let (none, _) = scale(0);
    assert_eq!(none, []);
    assert_eq!(host.instances().len(), 0);
    let (one, _) = scale(1);
    assert_eq!(one.len(), 1);
    host.is_converged();
}

fn many_stale_units_are_one_reload(host: &Host) {
    let define = |description: &str| {
        for id in ["a", "b", "c"] {
            let text = format!("id: {id}\ndescription: {description}\n{SLEEP}");
            host.define(&format!("{id}.yaml"), &text);
        }
    };
    define("before");
    host.apply();
    let instances = host.instances();
    define("after");
    let calls = Calls::record(host);
    host.apply().says("systemd reloads its unit files\n");
    assert_eq!(calls.end(), ["Reload"]);
    assert_eq!(host.property("conductor-b.target", "Description"), "after");
    assert_eq!(host.instances(), instances);
    host.is_converged();
}

fn what_was_changed_by_hand_is_put_right(host: &Host) {
    host.define("web.yaml", &format!("id: web\n{SLEEP}instances: 2\n"));
    host.apply();
    let (running, files) = (host.running("web"), host.files());
    let contents = |host: &Host| {
        let files = host.files().into_iter();
        files.map(|(name, (_, _, content))| (name, undated(&content))).collect::<Vec<_>>()
    };
    let right = contents(host);

    // Stopped: started again.
    host.sh("systemctl stop conductor-web.target");
    assert_eq!(host.running("web"), []);
    host.apply().says("changed: web\n");
    assert_eq!(host.running("web").len(), 2);
    assert_eq!(host.files(), files);

    // Edited: written and restarted, and nothing else.
    let second = host.running("web").remove(1);
    let (edited, pid) = &running[0];
    host.sh(&format!("cd {UNITS}; sed -i s/infinity/1d/ {edited}; systemctl daemon-reload"));
    host.sh(&format!("systemctl restart {edited}"));
    host.apply().says(&format!("web: restart {edited}\n"));
    assert_eq!(host.running("web")[1], second);
    assert_ne!(host.running("web")[0].1, *pid);
    let command =
        host.sh(&format!("cat /proc/{}/cmdline | tr '\\0' ' '", host.running("web")[0].1));
    assert_eq!(command, "/usr/bin/sleep infinity");
    assert_eq!(contents(host), right);

    // Removed: written again.
    host.sh(&format!("cd {UNITS}; rm -r conductor-web*"));
    host.apply().says("changed: web\n");
    assert_eq!(contents(host), right);
    host.is_converged();
}

fn a_dry_run_does_nothing(host: &Host) {
    host.define("web.yaml", &format!("id: web\n{SLEEP}"));
    let calls = Calls::record(host);
    let ran = host.conductor(&["apply", "--dry-run"]).exits(0);
    let ran = ran.says("web at host\n  write conductor-retry@.service\n");
    ran.says("nothing was done: this was a dry run\n");
    let json = host.conductor(&["apply", "--dry-run", "--output", "json"]).exits(0).json();
    assert_eq!(json["changed"], true);
    assert_eq!(calls.end(), Vec::<String>::new());
    assert!(host.files().is_empty());
    host.apply();
    host.conductor(&["apply", "--dry-run"]).exits(0).says("nothing to change\n");
}

fn own_templates_are_configuration(host: &Host) {
    host.define("web.yaml", &format!("id: web\n{SLEEP}"));
    host.apply();
    let before = host.running("web");
    let template = include_str!("../../unit-templates/instance.service.hbs");
    let own = template.replace("KillMode=mixed", "KillMode=control-group");
    assert_ne!(own, template);
    host.write("/etc/conductor/templates/instance.service.hbs", &own);
    let templates = "/etc/conductor/templates";
    host.conductor(&["apply", "--templates", templates]).exits(0).says("changed: web\n");
    let (unit, pid) = host.running("web").remove(0);
    assert_eq!(host.property(&unit, "KillMode"), "control-group");
    assert!(unit != before[0].0 && pid != before[0].1);
    let ran = host.conductor(&["apply", "--templates", templates]).exits(0);
    assert_eq!(ran.stdout, "nothing changed\n");
}

fn a_first_definition_runs_as_it_is(host: &Host) {
    host.sh("rm -rf /etc/conductor");
    // Who begins is told how.
    host.conductor(&["apply"]).exits(2).complains("conductor init writes a first one");
    let ran = host.conductor(&["init"]).exits(0);
    assert_eq!(ran.stdout, "wrote /etc/conductor/services/hello.yaml\n", "{ran}");
    assert_eq!(host.sh("stat -c '%a %U' /etc/conductor/services/hello.yaml"), "644 root");
    let ran = host.conductor(&["check"]).exits(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("1 service is valid\n", ""), "{ran}");
    host.apply();
    assert_eq!(host.running("hello").len(), 1);
    // What was changed by hand is left as it is, wherever it is.
    host.define("hello.yaml", &format!("id: hello\n{SLEEP}"));
    host.conductor(&["init"])
        .exits(2)
        .complains("hello.yaml: the file exists and has another content");
    host.sh("mv /etc/conductor/services/hello.yaml /etc/conductor/services/other.yaml");
    host.conductor(&["init"]).exits(2).complains("other.yaml: it defines hello already");
    assert_eq!(host.sh("ls /etc/conductor/services"), "other.yaml");
}
