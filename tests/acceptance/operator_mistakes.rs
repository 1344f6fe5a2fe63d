//! Mistakes of operators: closed pipes, deleted unit files, empty settings.

use crate::Test;
use crate::host::{Host, SLEEP};

pub(crate) const TESTS: &[Test] = &[
    ("a_reader_that_is_gone_stops_nothing", a_reader_that_is_gone_stops_nothing),
    ("units_that_vanished_are_written_again", units_that_vanished_are_written_again),
    ("empty_settings_are_the_defaults", empty_settings_are_the_defaults),
    ("bad_usage_has_a_json_form", bad_usage_has_a_json_form),
    ("what_systemd_ignores_is_said", what_systemd_ignores_is_said),
];

fn a_reader_that_is_gone_stops_nothing(host: &Host) {
    let text = format!("id: web\n{SLEEP}instances: 3\ndeploy: {{order: stop-first}}\n");
    host.define("web.yaml", &text);
    host.apply();
    for (number, sink) in ["| true", "> /dev/full", ">&-"].into_iter().enumerate() {
        host.define("web.yaml", &format!("{text}env: {{A: \"{number}\"}}\n"));
        host.sh(&format!("conductor apply {sink} || true"));
        assert_eq!(host.running("web").len(), 3, "{sink}");
        host.is_converged();
    }
}

fn units_that_vanished_are_written_again(host: &Host) {
    host.define("web.yaml", &format!("id: web\n{SLEEP}instances: 2\n"));
    host.apply();
    for gone in ["conductor-web*", "conductor-web-host.*-2.service"] {
        host.sh(&format!("rm -r /etc/systemd/system/{gone}; systemctl daemon-reload"));
        host.apply();
        assert_eq!(host.running("web").len(), 2, "{gone}");
        host.is_converged();
    }
}

fn empty_settings_are_the_defaults(host: &Host) {
    host.define("web.yaml", &format!("id: web\n{SLEEP}port: 80\n"));
    host.write("/etc/conductor/host.yaml", "# ports: 1000-2000\n\n");
    host.apply();
    let status = host.conductor(&["status", "--output", "json"]).exits(0).json();
    assert_eq!(status["services"][0]["instances"][0]["port"], 20_000);
    host.write("/etc/conductor/host.yaml", "ports: 5\n");
    for command in ["check", "diff", "apply"] {
        host.conductor(&[command]).exits(2).complains("/etc/conductor/host.yaml:1:8: ports: ");
    }
}

fn bad_usage_has_a_json_form(host: &Host) {
    for arguments in [&["aply", "--output", "json"][..], &["logs", "--output=json"]] {
        let json = host.conductor(arguments).exits(2).json();
        assert_eq!(json["error"]["kind"], "usage", "{json}");
    }
}

fn what_systemd_ignores_is_said(host: &Host) {
    host.define(
        "a.yaml",
        &format!("id: a\n{SLEEP}systemd: {{Service: {{MemoryHihg: 1G, Nice: [5, nicer]}}, Unit: {{Foo: x}}}}\n"),
    );
    host.define(
        "b.yaml",
        "id: b\ninstances: 0\ncron:\n  a: {schedule: '@daily', command: [x], on_failure: notify@%n.service}\n",
    );
    host.write("/etc/conductor/services/old/c.yaml", "id: c\n");
    let mut ran = host.conductor(&["check"]).exits(0);
    for line in [
        "/etc/conductor/services/a.yaml:1:5: systemd.Service.MemoryHihg: systemd says: Unknown key",
        "/etc/conductor/services/a.yaml:1:5: systemd.Service.Nice: systemd says: ",
        "/etc/conductor/services/a.yaml:1:5: systemd.Unit.Foo: systemd says: Unknown key",
        "/etc/conductor/services/b.yaml:4:6: cron.a.on_failure: there is no unit notify@%n.service on this host",
        "/etc/conductor/services/old: the definitions in this subdirectory are not read",
    ] {
        ran = ran.complains(line);
    }
    host.write("/etc/systemd/system/notify@.service", "[Service]\nExecStart=/bin/true\n");
    host.define(
        "a.yaml",
        &format!("id: a\n{SLEEP}systemd: {{Service: {{MemoryHigh: 1G, Nice: 5}}}}\n"),
    );
    host.sh("rm -r /etc/conductor/services/old");
    assert_eq!(host.conductor(&["check"]).exits(0).stderr, "");
}
