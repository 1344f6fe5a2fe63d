//! Mistakes of operators: closed pipes, deleted unit files, empty settings.

use crate::Test;
use crate::host::{Host, SLEEP};

pub(crate) const TESTS: &[Test] = &[
    ("a_reader_that_is_gone_stops_nothing", a_reader_that_is_gone_stops_nothing),
    ("units_that_vanished_are_written_again", units_that_vanished_are_written_again),
    ("empty_settings_are_the_defaults", empty_settings_are_the_defaults),
    ("bad_usage_has_a_json_form", bad_usage_has_a_json_form),
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
