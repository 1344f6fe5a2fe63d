//! Bad input on a real host: exit status 2, and nothing is written.

use crate::Test;
use crate::host::{Host, SERVICES, SLEEP};
use crate::ran::Ran;

pub(crate) const TESTS: &[Test] = &[
    ("one_bad_file_stops_everything", one_bad_file_stops_everything),
    ("an_unreadable_file", an_unreadable_file),
    ("no_definitions", no_definitions),
];

fn untouched(host: &Host) {
    assert!(host.files().is_empty());
    assert!(host.instances().is_empty());
}

fn one_bad_file_stops_everything(host: &Host) {
    host.define("good.yaml", &format!("id: good\n{SLEEP}"));
    host.define("bad.yaml", "id: bad\ncommand: [/bin/true]\nlimits: {memory: 512Q}\n");
    for arguments in [&["apply"][..], &["apply", "--prune"], &["diff"]] {
        let ran = host.conductor(arguments).exits(2);
        ran.complains(
            "/etc/conductor/services/bad.yaml:3:18: limits.memory: \"512Q\" is not a size",
        );
        untouched(host);
    }
    host.define("bad.yaml", &format!("id: bad\n{SLEEP}"));
    host.write("/etc/conductor/host.yaml", "ports: 20000-1\n");
    let ran = host.conductor(&["apply"]).exits(2);
    ran.complains("/etc/conductor/host.yaml:1:8: ports: ");
    untouched(host);
}

/// Root can read everything, so this runs as the operator.
fn an_unreadable_file(host: &Host) {
    host.define("web.yaml", &format!("id: web\n{SLEEP}"));
    let file = format!("{SERVICES}/web.yaml");
    host.sh(&format!("chmod 000 {file}"));
    let mut command = host.sandbox.command_as_operator("conductor").expect("an operator");
    let ran = Ran::new(command.args(["check", &file])).exits(2);
    ran.complains(&format!("{file}: cannot read it: Permission denied"));
}

fn no_definitions(host: &Host) {
    let ran = host.conductor(&["apply"]).exits(2);
    ran.complains("/etc/conductor/services: there is no such file or directory");
    host.sh(&format!("mkdir -p {SERVICES}"));
    for arguments in [&["apply"][..], &["apply", "--prune"]] {
        let ran = host.conductor(arguments).exits(2);
        ran.complains("/etc/conductor/services: there are no definitions in this directory");
        let ran = host.conductor(&["deploy", "--id", "web", "--revision", "v1"]).exits(2);
        ran.complains("hint: put the definition of web there: web.yaml");
    }
    untouched(host);
}
