//! Servers that never become healthy, and the state of their units.

use crate::Test;
use crate::health::{definition, install, start};
use crate::host::Host;

pub(crate) const TESTS: &[Test] = &[
    ("never_well", never_well),
    ("one_that_ends_fails_at_once", one_that_ends_fails_at_once),
    ("a_missing_program_is_named", a_missing_program_is_named),
    ("a_port_that_answers_already", a_port_that_answers_already),
    ("without_its_probe_it_is_restarted", without_its_probe_it_is_restarted),
    ("with_a_probe_that_hangs_it_is_restarted", with_a_probe_that_hangs_it_is_restarted),
    ("restarts_are_counted_and_given_up", restarts_are_counted_and_given_up),
    ("without_the_probe_nothing_is_changed", without_the_probe_nothing_is_changed),
];

#[track_caller]
fn nothing_is_left(host: &Host) {
    assert!(host.files().is_empty(), "{:?}", host.files().keys());
    assert_eq!(host.sh("systemctl list-units --all --plain --no-legend 'conductor-*'"), "");
    assert_eq!(host.sh("pgrep -c conductor-probe || true"), "0");
}

fn never_well(host: &Host) {
    install(host);
    for (mode, health, why) in [
        ("refuse", "http: /", "connection refused on 127.0.0.1:200"),
        ("refuse", "tcp: true", "connection refused on 127.0.0.1:200"),
        ("silent", "http: /", "no answer within "),
        ("trickle", "http: /", "no answer within "),
        ("500", "http: /", "500 Internal Server Error"),
        ("302", "http: /, status: 200-299", "302 Found"),
        ("302", "http: /, follow_redirects: true, status: 200", "redirects"),
        ("endless", "http: /, contains: no such text", "does not contain \"no such text\""),
        ("garbage", "http: /", "not HTTP"),
        ("refuse", "command: [/usr/bin/test, -e, /srv/nothing]", "exit status 1"),
        ("refuse", "command: [/usr/bin/sleep, '10']", "300 ms"),
    ] {
        // The start ends long before systemd's own deadline, because the probe ends it.
        host.define("web.yaml", &definition(mode, &format!("{health}, start_period: 200ms")));
        let ran = host.conductor(&["apply"]).exits(1);
        let ran = ran.complains("Watchdog request (last status: never healthy in ");
        ran.complains(why);
        nothing_is_left(host);
    }
}

fn one_that_ends_fails_at_once(host: &Host) {
    install(host);
    // Its failures would be ignored for a day.
    host.define("web.yaml", &definition("die", "http: /, start_period: 1d"));
    host.conductor(&["apply"]).exits(1).complains("status=3");
    nothing_is_left(host);
}

fn a_missing_program_is_named(host: &Host) {
    let text = definition("ok", "http: /, start_period: 1d")
        .replace("/usr/bin/python3", "/no/such")
        + "systemd: {Service: {ExecStartPre: /usr/bin/true}}\n";
    host.define("web.yaml", &text);
    let ran = host.conductor(&["apply"]).exits(1);
    ran.complains("cannot run /no/such: ").complains("status=203/EXEC");
    nothing_is_left(host);
}

fn a_port_that_answers_already(host: &Host) {
    let unit = start(host, "ok", "http: /");
    host.sh(&format!(
        "systemctl stop conductor-web.target '{unit}'
         systemd-run -q --unit=squatter --setenv=PORT=20000 python3 /srv/server.py ok"
    ));
    host.eventually("it listens", |host| !host.sh("ss -Hltn 'sport = :20000'").is_empty());
    // Without this, it would wait as long as the instance does not start.
    host.sh("systemctl start --no-block conductor-web.target");
    host.eventually("the journal says why", |host| {
        let journal = host.sh(&format!("journalctl -o cat -u '{unit}'"));
        journal.contains("127.0.0.1:20000 is in use")
    });
    assert!(host.running("web").is_empty());
    host.sh("systemctl stop squatter");
    host.eventually("it takes its port", |host| host.running("web").len() == 1);
}

/// Kills the main process or makes it hang, and returns systemd's messages about it after the restart.
fn lose_the_probe(host: &Host, signal: &str) -> String {
    let unit = start(host, "ok", "http: /");
    let before = host.running("web")[0].1;
    host.sh(&format!("kill -{signal} {before}"));
    host.eventually("it is restarted", |host| {
        host.running("web").first().is_some_and(|(_, pid)| *pid != before)
    });
    // The program was killed too; otherwise it would still have the port.
    assert_eq!(host.sh("pgrep -fc '[s]rv/server.py ok'"), "2", "the program and its probe");
    host.sh(&format!("journalctl -o cat UNIT='{unit}'"))
}

fn without_its_probe_it_is_restarted(host: &Host) {
    let journal = lose_the_probe(host, "KILL");
    assert!(journal.contains("status=9/KILL"), "{journal}");
}

fn with_a_probe_that_hangs_it_is_restarted(host: &Host) {
    let journal = lose_the_probe(host, "STOP");
    assert!(journal.contains("Watchdog timeout"), "{journal}");
}

fn restarts_are_counted_and_given_up(host: &Host) {
    install(host);
    let limit = "systemd: {Unit: {StartLimitBurst: 4}}\n";
    host.define("web.yaml", &format!("{}{limit}", definition("ok", "http: /")));
    host.apply();
    let (unit, pid) = host.running("web").remove(0);
    let restarts =
        |host: &Host| host.property(&unit, "NRestarts").parse::<u32>().expect("a number");
    host.sh(&format!("kill -KILL {pid}"));
    host.eventually("it is up again", |host| restarts(host) == 1 && host.running("web").len() == 1);
    host.write("/srv/die", "");
    host.sh(&format!("kill -KILL {}", host.running("web")[0].1));
    host.eventually("it is given up", |host| host.property(&unit, "ActiveState") == "failed");
    let table = host.conductor(&["status"]).exits(0);
    table.says("failed (starts again, ");
    let journal = host.sh(&format!("journalctl -o cat UNIT='{unit}'"));
    assert!(journal.contains("Start request repeated too quickly"), "{journal}");
    // apply tries again, and a repaired service comes up by itself.
    host.conductor(&["apply"]).exits(1).complains("status=3");
    host.sh("rm /srv/die");
    host.eventually("it is up by itself", |host| host.running("web").len() == 1);
    host.is_converged();
}

fn without_the_probe_nothing_is_changed(host: &Host) {
    install(host);
    host.spoil();
    host.sh("umount /usr/bin/conductor-probe && rm -f /usr/bin/conductor-probe");
    host.define("web.yaml", &definition("ok", "http: /"));
    let ran = host.conductor(&["apply"]).exits(1);
    ran.complains("web needs the probe, and there is no /usr/bin/conductor-probe")
        .complains("hint: install conductor-probe there");
    assert!(host.files().is_empty());
    // A service that needs no probe is applied without it.
    host.define("web.yaml", "id: web\ncommand: [/usr/bin/sleep, infinity]\n");
    host.apply();
}
