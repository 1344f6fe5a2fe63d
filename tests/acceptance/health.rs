//! Native services with health checks: ready when they answer, restarted when they do not.

use crate::Test;
use crate::host::Host;
use crate::ran::Ran;

pub(crate) const TESTS: &[Test] = &[
    ("ready_when_it_answers_and_not_before", ready_when_it_answers_and_not_before),
    ("the_probe_is_the_main_process", the_probe_is_the_main_process),
    ("status_shows_the_last_check", status_shows_the_last_check),
    ("a_broken_instance_is_replaced", a_broken_instance_is_replaced),
    ("a_stubborn_one_is_killed", a_stubborn_one_is_killed),
    ("one_that_drains_is_not_unhealthy", one_that_drains_is_not_unhealthy),
    ("every_kind_of_check", every_kind_of_check),
    ("a_program_in_an_image_needs_no_library_for_it", a_program_in_an_image),
];

/// Returns the definition of such a server with frequent checks.
pub(crate) fn definition(mode: &str, health: &str) -> String {
    format!(
        "id: web\ncommand: [/usr/bin/python3, /srv/server.py, {mode}]\nport: 80\n\
         health: {{interval: 100ms, timeout: 300ms, retries: 3, {health}}}\n"
    )
}

/// Installs the server for services.
pub(crate) fn install(host: &Host) {
    host.write("/srv/server.py", include_str!("server.py"));
}

/// Applies such a server, which must become ready, and returns its unit.
#[track_caller]
pub(crate) fn start(host: &Host, mode: &str, health: &str) -> String {
    install(host);
    host.define("web.yaml", &definition(mode, health));
    host.apply();
    host.running("web").remove(0).0
}

fn number(host: &Host, unit: &str, property: &str) -> u64 {
    host.property(unit, property).parse().expect("a number")
}

fn ready_when_it_answers_and_not_before(host: &Host) {
    install(host);
    // The watchdog starts with the first success, so a slow start does not trigger it.
    let watchdog = "systemd: {Service: {WatchdogSec: 2s}}\n";
    host.define("web.yaml", &format!("{}{watchdog}", definition("late", "http: /")));
    host.apply();
    let unit = host.running("web").remove(0).0;
    assert_eq!(host.property(&unit, "NRestarts"), "0");
    let journal = host.sh(&format!("journalctl -o cat -u '{unit}'"));
    let line = journal.lines().find_map(|line| line.strip_prefix("listens at "));
    let listens: u64 = line.expect("it says when").parse().expect("a number");
    let started = number(host, &unit, "ExecMainStartTimestampMonotonic");
    let active = number(host, &unit, "ActiveEnterTimestampMonotonic");
    assert!(started < listens && listens <= active, "{started} {listens} {active}");
    host.is_converged();
}

fn the_probe_is_the_main_process(host: &Host) {
    let unit = start(host, "ok", "http: /");
    let main = host.running("web")[0].1;
    let pid = host.sh(&format!("pgrep --parent {main}"));
    let command = host.sh(&format!("tr '\\0' ' ' </proc/{pid}/cmdline"));
    assert_eq!(command, "/usr/bin/python3 /srv/server.py ok");
    let environment = host.sh(&format!("tr '\\0' '\\n' </proc/{pid}/environ"));
    for name in ["NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"] {
        assert!(!environment.contains(name), "{environment}");
    }
    // No other process can notify systemd for the unit, and there is no zombie.
    assert_eq!(host.property(&unit, "NotifyAccess"), "main");
    assert_eq!(host.sh(&format!("ps --no-headers --ppid {pid} | wc -l")), "0");
    assert_eq!(host.sh("ps -eo stat= | grep -c '^Z' || true"), "0");
    let group = "systemctl show --value -p ControlGroup";
    let count = format!("wc -l </sys/fs/cgroup$({group} '{unit}')/cgroup.procs");
    assert_eq!(host.sh(&count), "2", "the program and its probe");

    host.conductor(&["remove", "--id", "web"]).exits(0);
    assert_eq!(host.sh("pgrep -c conductor-probe || true"), "0");
    let directory = host.path("/run/conductor").join(unit.trim_end_matches(".service"));
    assert!(directory.symlink_metadata().is_err());
}

fn status_shows_the_last_check(host: &Host) {
    start(host, "ok", "http: /");
    host.conductor(&["status"]).exits(0).says("healthy: 200 in ");
    let instance = |host: &Host| {
        let json = host.conductor(&["status", "--output", "json"]).exits(0).json();
        json["services"][0]["instances"][0].clone()
    };
    let before = instance(host);
    assert_eq!(before["healthy"], true, "{before}");
    let last = |json: &serde_json::Value| json["last_check"].as_u64().expect("a time");
    host.eventually("it is checked again", |host| last(&instance(host)) > last(&before));
    // It is restarted after three failures, ten seconds apart.
    host.define("web.yaml", &definition("ok", "http: /").replace("100ms", "3s"));
    host.apply();
    host.write("/srv/broken", "");
    host.eventually("a failure shows", |host| {
        let json = instance(host);
        json["healthy"] == false
            && json["active_state"] == "active"
            && json["status"].as_str().is_some_and(|text| text.starts_with("unhealthy 1/3: 500"))
    });
}

fn a_broken_instance_is_replaced(host: &Host) {
    let unit = start(host, "ok", "http: /, start_period: 500ms");
    let pid = host.running("web")[0].1;
    host.write("/srv/broken", "");
    host.eventually("it is restarted", |host| number(host, &unit, "NRestarts") > 0);
    host.sh("rm /srv/broken");
    host.eventually("it is well again", |host| {
        host.running("web").first().is_some_and(|(_, now)| *now != pid)
    });
    // One line of systemd says why, in the probe's words.
    let journal = host.sh(&format!("journalctl -o cat UNIT='{unit}'"));
    let line = journal.lines().find(|line| line.contains("Watchdog request"));
    assert!(line.is_some_and(|line| line.contains("unhealthy 3/3: 500 ")), "{journal}");
    assert!(journal.contains("Failed with result 'watchdog'"), "{journal}");
    host.is_converged();
}

fn a_stubborn_one_is_killed(host: &Host) {
    install(host);
    let stop = "deploy: {stop_timeout: 1s}\n";
    host.define("web.yaml", &format!("{}{stop}", definition("stubborn", "http: /")));
    host.apply();
    let (unit, pid) = host.running("web").remove(0);
    host.write("/srv/broken", "");
    host.eventually("it is killed", |host| !host.path(&format!("/proc/{pid}")).exists());
    host.sh("rm /srv/broken");
    host.eventually("it is well again", |host| host.running("web").len() == 1);
    assert!(number(host, &unit, "NRestarts") > 0);
    host.conductor(&["remove", "--id", "web"]).exits(0);
    assert!(host.instances().is_empty());
    assert_eq!(host.sh("pgrep -c conductor-probe || true"), "0");
}

fn one_that_drains_is_not_unhealthy(host: &Host) {
    let unit = start(host, "drain", "http: /");
    // It does not answer for longer than it takes to become unhealthy.
    host.sh(&format!("systemctl stop '{unit}'"));
    assert_eq!(host.property(&unit, "Result"), "success");
    host.conductor(&["logs", "--id", "web", "-n", "5"]).exits(0).says("drained");
}

fn every_kind_of_check(host: &Host) {
    for (mode, health) in [
        ("ok", "tcp: true"),
        ("302", "http: /"),
        ("ok", "http: /, method: HEAD"),
        ("ok", "http: /, contains: all well, success_threshold: 3"),
        ("endless", "http: /"),
        ("endless", "http: /, contains: xxx"),
        ("host", "http: /, headers: {Host: app.example}"),
        ("500", "http: /, status: 500"),
        ("refuse", "command: [/usr/bin/test, -e, /srv/server.py]"),
    ] {
        start(host, mode, health);
        host.conductor(&["status"]).exits(0).says("healthy: ");
    }
    host.define(
        "web.yaml",
        "id: web\ncommand: [/usr/bin/python3, /srv/server.py, ok]\n\
         env: {SOCKET: '/run/app/{instance}.sock'}\ninstances: 2\n\
         health: {http: /, socket: '/run/app/{instance}.sock', interval: 100ms}\n\
         systemd: {Service: {RuntimeDirectory: app, DynamicUser: false}}\n",
    );
    host.apply();
    assert_eq!(host.running("web").len(), 2);
    host.conductor(&["status"]).exits(0).says("healthy: 200 in ");
}

fn a_program_in_an_image(host: &Host) {
    // A file system with only a static busybox.
    host.sh("cp -a /usr/share/conductor-sandbox/root /srv/root; echo fine >/srv/root/index.html");
    host.define(
        "web.yaml",
        "id: web\nimage: /srv/root\nport: 80\n\
         command: [/bin/busybox, httpd, -f, -p, '127.0.0.1:{port}', -h, /]\n\
         health: {http: /index.html, contains: fine, interval: 100ms}\n",
    );
    host.apply();
    host.conductor(&["status"]).exits(0).says("healthy: 200 in ");
    let port = host.conductor(&["status", "--output", "json"]).json()["services"][0]["instances"]
        [0]["port"]
        .to_string();
    let mut curl = host.sandbox.command("curl");
    Ran::new(curl.arg("-sf").arg(format!("http://127.0.0.1:{port}/index.html"))).says("fine");
}
