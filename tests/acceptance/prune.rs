//! Services without a definition: noted, pruned, removed.

use crate::Test;
use crate::host::{Host, SLEEP};

pub(crate) const TESTS: &[Test] = &[
    ("a_service_without_definition_is_noted", a_service_without_definition_is_noted),
    ("prune_removes_it_and_nothing_else", prune_removes_it_and_nothing_else),
    ("remove_takes_a_service_off_the_host", remove_takes_a_service_off_the_host),
    ("remove_all_leaves_definitions_and_data", remove_all_leaves_definitions_and_data),
];

fn two_services(host: &Host) {
    for id in ["web", "web-worker"] {
        host.define(&format!("{id}.yaml"), &format!("id: {id}\n{SLEEP}instances: 2\n"));
    }
    host.apply();
}

/// Asserts that only the service `web` is left, unchanged.
fn only_web_is_left(host: &Host, web: &[(String, u32)]) {
    assert_eq!(host.running("web"), web);
    let others = host.files().into_keys().filter(|name| name.contains("worker"));
    assert_eq!(others.collect::<Vec<_>>(), Vec::<String>::new());
    let held = "systemctl list-units --all --plain --no-legend 'conductor-web*worker*'";
    assert_eq!(host.sh(held), "");
}

/// Returns the instances of `web` only; the other service's id begins with it, too.
fn web(host: &Host) -> Vec<(String, u32)> {
    let running = host.running("web").into_iter();
    running.filter(|(unit, _)| !unit.contains("worker")).collect()
}

fn a_service_without_definition_is_noted(host: &Host) {
    two_services(host);
    let (files, instances) = (host.files(), host.instances());
    host.undefine("web-worker.yaml");
    let ran = host.apply();
    let note = "note: web-worker is on this host and has no definition; --prune removes it\n";
    assert_eq!(ran.stdout, format!("{note}nothing changed\n"));
    let json = host.conductor(&["apply", "--output", "json"]).exits(0).json();
    assert_eq!(json["orphans"], serde_json::json!(["web-worker"]));
    // An apply of named files does not consider the others.
    let ran = host.conductor(&["apply", "/etc/conductor/services/web.yaml"]).exits(0);
    assert_eq!(ran.stdout, "nothing changed\n");
    assert_eq!((host.files(), host.instances()), (files, instances));
}

fn prune_removes_it_and_nothing_else(host: &Host) {
    two_services(host);
    let web = web(host);
    host.undefine("web-worker.yaml");
    let planned = host.conductor(&["apply", "--prune", "--dry-run"]).exits(0);
    planned.says("web-worker is removed\n");
    assert_eq!(host.instances().len(), 4);
    let ran = host.conductor(&["apply", "--prune"]).exits(0);
    ran.says("changed: web-worker\n");
    only_web_is_left(host, &web);
    let again = host.conductor(&["apply", "--prune"]).exits(0);
    assert_eq!(again.stdout, "nothing changed\n");
}

fn remove_takes_a_service_off_the_host(host: &Host) {
    two_services(host);
    let web = web(host);
    let ran = host.conductor(&["remove", "--id", "web-worker"]).exits(0);
    ran.says("removed: web-worker; its definition, if there is one, stays\n");
    only_web_is_left(host, &web);
    let again = host.conductor(&["remove", "--id", "web-worker"]).exits(2);
    again.complains("error: there is no service web-worker on this host\n");
    // Its definition still exists, so it comes back.
    host.apply().says("changed: web-worker\n");
    let json = host.conductor(&["remove", "--id", "web", "--output", "json"]).exits(0).json();
    assert_eq!((&json["changed"], &json["services"][0]["id"]), (&true.into(), &"web".into()));
    assert_eq!(host.instances().len(), 2);
}

fn remove_all_leaves_definitions_and_data(host: &Host) {
    two_services(host);
    let job = "cron: {tidy: {schedule: '@daily', command: [/bin/true]}}\n";
    let state = "systemd: {Service: {StateDirectory: data}}\n";
    host.define("data.yaml", &format!("id: data\n{SLEEP}{state}{job}"));
    host.apply();
    let data = host.sh("readlink -f /var/lib/data");
    host.sh(&format!("echo kept >{data}/file"));
    host.undefine("web.yaml");

    host.conductor(&["remove"]).exits(2);
    host.conductor(&["remove", "--all", "--id", "web"]).exits(2);
    let before = (host.files(), host.instances());
    let dry = host.conductor(&["remove", "--all", "--dry-run"]).exits(0);
    dry.says("data is removed\n").says("web-worker is removed\n").says("web is removed\n");
    assert_eq!((host.files(), host.instances()), before);

    let ran = host.conductor(&["remove", "--all"]).exits(0);
    ran.says("removed: data, web, web-worker; definitions and data stay\n");
    assert!(host.files().is_empty(), "{:?}", host.files().keys());
    let held = "systemctl list-units --all --plain --no-legend 'conductor-*'";
    assert_eq!(host.sh(held), "");
    assert_eq!(host.sh("ls /etc/conductor/services"), "data.yaml\nweb-worker.yaml");
    assert_eq!(host.sh(&format!("cat {data}/file")), "kept");
    let again = host.conductor(&["remove", "--all"]).exits(0);
    assert_eq!(again.stdout, "nothing changed\n");

    host.apply().says("changed: data, web-worker\n");
    host.sh(&format!("grep kept {data}/file"));
    host.conductor(&["remove", "--all"]).exits(0);
    host.sh(&format!("rm -r {data} /var/lib/data || true"));
}
