//! New versions that do not start: the old one still serves, and nothing of the new one is left.

use crate::Test;
use crate::host::{Host, SLEEP};

pub(crate) const TESTS: &[Test] = &[
    ("the_old_release_serves", the_old_release_serves),
    ("without_an_old_release_nothing_is_left", without_an_old_release_nothing_is_left),
    ("other_services_are_not_concerned", other_services_are_not_concerned),
    ("what_is_not_new_is_not_removed", what_is_not_new_is_not_removed),
    ("stop_first_starts_the_old_release_again", stop_first_starts_the_old_release_again),
];

/// There is no such program: systemd's 203/EXEC. A command runs before it and might create it, so conductor
/// does not look for it.
const MISSING: &str = "command: [/usr/bin/no-such-program]\n\
                       systemd: {Service: {ExecStartPre: /usr/bin/true}}\n";

fn nothing_is_held(host: &Host) {
    assert_eq!(host.sh("systemctl list-units --all --failed -q 'conductor-*'"), "");
}

fn the_old_release_serves(host: &Host) {
    host.define("web.yaml", &format!("id: web\n{SLEEP}instances: 2\n"));
    host.apply();
    let (running, files) = (host.running("web"), host.files());
    host.define("web.yaml", &format!("id: web\ndescription: New\n{MISSING}instances: 2\n"));
    let ran = host.conductor(&["apply"]).exits(3);
    let ran = ran.complains("error: web: start conductor-web-host.");
    let ran = ran.complains("-1.service: the job failed: it exited with status 203/EXEC\n");
    let ran = ran.complains("status=203/EXEC").complains("the previous release still serves\n");
    assert!(!ran.stdout.contains("changed: "), "{ran}");
    let contents = |files: std::collections::BTreeMap<String, (u64, i64, Vec<u8>)>| {
        files.into_iter().map(|(name, (_, _, content))| (name, content)).collect::<Vec<_>>()
    };
    let after = |host: &Host| (host.running("web"), contents(host.files()));
    assert_eq!(after(host), (running.clone(), contents(files.clone())));
    assert_eq!(host.instances().len(), 2);
    assert_eq!(host.property("conductor-web.target", "Description"), "All instances of web");
    nothing_is_held(host);

    let json = host.conductor(&["apply", "--output", "json"]).exits(3).json();
    assert_eq!((&json["changed"], &json["healthy"]), (&false.into(), &false.into()), "{json}");
    let failure = &json["services"][0]["failure"];
    assert_eq!(failure["old_serves"], true, "{json}");
    assert_eq!(after(host), (running, contents(files)));
}

fn without_an_old_release_nothing_is_left(host: &Host) {
    host.define("web.yaml", &format!("id: web\n{MISSING}"));
    let ran = host.conductor(&["apply"]).exits(1);
    ran.complains("the change was undone\n");
    assert!(host.files().is_empty(), "{:?}", host.files().keys());
    let held = host.sh("systemctl list-units --all --plain --no-legend 'conductor-*'");
    assert_eq!(held, "");
    host.conductor(&["logs", "--id", "web"]).exits(0).says("status=203/EXEC");
}

fn other_services_are_not_concerned(host: &Host) {
    host.define("bad.yaml", &format!("id: bad\n{MISSING}"));
    host.define("good.yaml", &format!("id: good\n{SLEEP}"));
    let json = host.conductor(&["apply", "--output", "json"]).exits(1).json();
    assert_eq!((&json["changed"], &json["healthy"]), (&true.into(), &false.into()), "{json}");
    assert_eq!(host.running("good").len(), 1);
    assert!(host.files().keys().all(|name| !name.contains("conductor-bad")));
    nothing_is_held(host);
}

fn stop_first_starts_the_old_release_again(host: &Host) {
    let order = "deploy: {order: stop-first}\n";
    host.define("db.yaml", &format!("id: db\n{SLEEP}{order}"));
    host.apply();
    let before = host.running("db");
    host.define("db.yaml", &format!("id: db\n{MISSING}{order}"));
    host.conductor(&["apply"]).exits(3);
    let after = host.running("db");
    assert_eq!(after.len(), 1);
    assert_eq!(after[0].0, before[0].0);
    assert_ne!(after[0].1, before[0].1, "it was not stopped first");
    nothing_is_held(host);
    host.define("db.yaml", &format!("id: db\n{SLEEP}{order}"));
    host.is_converged();
}

fn what_is_not_new_is_not_removed(host: &Host) {
    host.sh("cp /usr/bin/sleep /srv/program");
    host.define("web.yaml", "id: web\ncommand: [/srv/program, infinity]\nsystemd: {Service: {ExecStartPre: /usr/bin/true}}\n");
    host.apply();
    let (unit, pid) = host.running("web").remove(0);
    host.sh(&format!("mv /srv/program /srv/away; kill -KILL {pid}"));
    let names = |host: &Host| host.files().into_keys().collect::<Vec<_>>();
    let before = names(host);
    host.eventually("it does not come back", |host| host.running("web").is_empty());
    let ran = host.conductor(&["apply"]).exits(1);
    ran.complains("systemd keeps trying to start it; conductor logs --id web has more\n");
    assert_eq!(names(host), before);
    host.sh("mv /srv/away /srv/program");
    host.apply();
    host.eventually("it is up again", |host| host.running("web").len() == 1);
    assert_eq!(host.running("web")[0].0, unit);
}
