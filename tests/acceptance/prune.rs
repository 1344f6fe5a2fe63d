//! Services without a definition: noted, pruned, removed.

use crate::Test;
use crate::host::{Host, SLEEP};

pub(crate) const TESTS: &[Test] = &[
    ("a_service_without_definition_is_noted", a_service_without_definition_is_noted),
    ("prune_removes_it_and_nothing_else", prune_removes_it_and_nothing_else),
    ("remove_takes_a_service_off_the_host", remove_takes_a_service_off_the_host),
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
