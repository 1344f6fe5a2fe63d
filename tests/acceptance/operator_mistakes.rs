//! Mistakes of operators: closed pipes, deleted unit files, empty settings.

use crate::Test;
use crate::host::{Host, SLEEP};

pub(crate) const TESTS: &[Test] = &[
    ("a_reader_that_is_gone_stops_nothing", a_reader_that_is_gone_stops_nothing),
    ("units_that_vanished_are_written_again", units_that_vanished_are_written_again),
    ("empty_settings_are_the_defaults", empty_settings_are_the_defaults),
    ("bad_usage_has_a_json_form", bad_usage_has_a_json_form),
    ("what_systemd_ignores_is_said", what_systemd_ignores_is_said),
    ("a_proxy_that_does_not_read_its_directory_is_named", a_proxy_that_does_not_read_its_directory),
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

/// A proxy that is told its directory by an argument, as `HAProxy` is; nginx has an `include`.
fn a_proxy_that_does_not_read_its_directory(host: &Host) {
    let settings = |test: &str| {
        format!(
            "proxy:\n  edge: {{directory: /srv/edge, suffix: .cfg, test: {test}, unit: edge.service}}\n"
        )
    };
    let unit = |arguments: &str| {
        let text = format!("[Service]\nExecStart=/bin/sh -c 'sleep infinity; :' {arguments}\n");
        host.write("/run/systemd/system/edge.service", &format!("{text}ExecReload=/bin/true\n"));
        host.sh("systemctl daemon-reload; systemctl restart edge.service");
    };
    host.sh("mkdir -p /srv/edge");
    host.write("/srv/check", "! grep -q '}}}' \"$2\"/*.cfg\n");
    host.define(
        "web.yaml",
        &format!(
            "id: web\n{SLEEP}port: 80\nproxy: {{edge: {{upstream: app}}}}\ndeploy: {{drain: 0}}\n"
        ),
    );
    unit("edge");
    host.write("/etc/conductor/host.yaml", &settings("[/bin/true]"));
    let ran = host.conductor(&["apply"]).exits(1);
    ran.complains(
        "the test of edge does not read what is in /srv/edge: it accepts an invalid file there",
    )
    .complains("let proxy.edge.test in the host settings read it");
    host.write("/etc/conductor/host.yaml", &settings("[/bin/sh, /srv/check, -f, /srv/edge]"));
    let ran = host.conductor(&["apply"]).exits(1);
    ran.complains("edge.service was not started with /srv/edge, which its test reads")
        .complains("add the directory to the arguments of edge.service");
    assert_eq!((host.running("web"), host.sh("ls /srv/edge")), (Vec::new(), String::new()));
    unit("edge -f /srv/edge");
    host.apply();
    assert_eq!(host.sh("ls /srv/edge"), "conductor-web.cfg");

    // Another directory, or no such proxy: the old file is not forgotten.
    let left = "/srv/edge/conductor-web.cfg is left, and the host settings have no proxy with this directory any more";
    host.sh("mkdir /srv/other");
    host.write(
        "/etc/conductor/host.yaml",
        &settings("[/bin/sh, /srv/check, -f, /srv/other]").replace("/srv/edge", "/srv/other"),
    );
    unit("edge -f /srv/other");
    host.conductor(&["apply", "--dry-run"]).exits(0).says(left);
    host.apply().says(left);
    assert_eq!(host.sh("ls /srv/other"), "conductor-web.cfg");
    host.sh("rm /srv/edge/conductor-web.cfg");
    assert!(!host.apply().stdout.contains("is left"));
    host.sh("rm /etc/conductor/host.yaml");
    host.define("web.yaml", &format!("id: web\n{SLEEP}port: 80\ndeploy: {{drain: 0}}\n"));
    let ran = host.conductor(&["check"]).exits(0);
    ran.complains("warning: /srv/other/conductor-web.cfg: this file of conductor is left");
    host.conductor(&["status"]).exits(0).says("note: /srv/other/conductor-web.cfg is left, and");
    let status = host.conductor(&["status", "web", "--output", "json"]).exits(0).json();
    assert_eq!(status["left_files"][0]["path"], "/srv/other/conductor-web.cfg");
    host.apply().says("/srv/other/conductor-web.cfg is left");
}
