//! Foreign files in the place of conductor's are rejected before anything is written.

use std::fs;

use crate::Test;
use crate::host::{Host, SLEEP, UNITS};

pub(crate) const TESTS: &[Test] = &[
    ("what_is_in_the_way_is_refused", what_is_in_the_way_is_refused),
    ("what_is_not_in_the_way_is_left_alone", what_is_not_in_the_way_is_left_alone),
    ("a_foreign_file_stops_a_change_and_no_service", a_foreign_file_stops_a_change_and_no_service),
];

/// Scripts that put something into the unit directory, with the reported path and reason.
const OBSTACLES: [(&str, &str, &str); 7] = [
    ("echo '[Unit]' >conductor-web.target", "conductor-web.target", "a file without"),
    ("echo '# [X-Conductor]' >conductor-start@.service", "conductor-start@.service", "a file"),
    ("ln -s /dev/null conductor-web.target", "conductor-web.target", "a symbolic link"),
    ("mkdir conductor-web.target", "conductor-web.target", "not a regular file"),
    (
        "mkdir -p multi-user.target.wants; \
         ln -s /srv/evil.service multi-user.target.wants/conductor-start@web.service",
        "multi-user.target.wants/conductor-start@web.service",
        "not a link to the unit of this name",
    ),
    (
        "mkdir -p multi-user.target.wants; \
         echo '[Unit]' >multi-user.target.wants/conductor-start@web.service",
        "multi-user.target.wants/conductor-start@web.service",
        "not a link to the unit of this name",
    ),
    ("ln -s /srv conductor-web.target.wants", "conductor-web.target.wants", "not a directory"),
];

fn what_is_in_the_way_is_refused(host: &Host) {
    host.define("aaa.yaml", &format!("id: aaa\n{SLEEP}"));
    host.define("web.yaml", &format!("id: web\n{SLEEP}"));
    for (script, path, what) in OBSTACLES {
        host.sh(&format!("cd {UNITS}; {script}"));
        let files = host.files();
        let ran = host.conductor(&["apply"]).exits(2);
        let ran = ran.complains(&format!("error: {UNITS}/{path} is {what}"));
        ran.complains("foreign, or damaged\n  hint: ");
        let json = host.conductor(&["apply", "--output", "json"]).exits(2).json();
        assert_eq!(json["error"]["kind"], "foreign_file", "{json}");
        assert_eq!(host.files(), files, "{path}");
        assert!(host.instances().is_empty(), "{path}");
        host.sh(&format!("cd {UNITS}; rm -r {path}"));
    }
    host.apply().says("changed: aaa, web\n");
}

fn what_is_not_in_the_way_is_left_alone(host: &Host) {
    host.sh(&format!(
        "cd {UNITS}; echo '[Unit]' >conductor-other.target; echo '[Slice]' >conductor-web.slice; ln -s /dev/null conductor-masked.service; \
         mkdir conductor-web.target.d; echo '[Unit]' >conductor-web.target.d/own.conf; \
         touch conductor-notes.txt conductor"
    ));
    let before = host.files();
    host.define("web.yaml", &format!("id: web\n{SLEEP}"));
    host.apply();
    host.is_converged();
    host.conductor(&["remove", "--id", "web"]).exits(0);
    assert_eq!(host.files(), before);
    host.conductor(&["remove", "--id", "other"]).exits(2);
    assert_eq!(host.files(), before);
    host.sh(&format!("rm -r {UNITS}/conductor*"));
}

fn a_foreign_file_stops_a_change_and_no_service(host: &Host) {
    let define = |greeting: &str| {
        host.define("web.yaml", &format!("id: web\n{SLEEP}env: {{GREETING: {greeting}}}\n"));
    };
    define("one");
    host.apply();
    let running = host.running("web");
    define("two");
    let planned = host.conductor(&["apply", "--dry-run"]).exits(0).stdout;
    let line = planned.lines().find_map(|line| line.strip_prefix("  start "));
    let unit = line.expect("an instance is to be started");
    fs::write(host.path(UNITS).join(unit), "[Service]\n").expect("the directory can be written");
    let files = host.files();
    let ran = host.conductor(&["apply"]).exits(2);
    ran.complains(&format!("{UNITS}/{unit} is a file without [X-Conductor] metadata"));
    assert_eq!((host.files(), host.running("web")), (files, running));
}
