//! Hooks: each event is told once and soon, whatever the hook and the service do.

use serde_json::Value;

use crate::Test;
use crate::host::{Host, UNITS};

pub(crate) const TESTS: &[Test] = &[
    ("each_event_is_told_once", each_event_is_told_once),
    ("a_hook_that_hangs_holds_up_nothing", a_hook_that_hangs_holds_up_nothing),
    ("what_a_hook_names_is_looked_for", what_a_hook_names_is_looked_for),
];

/// A hook that writes what it is told, and who it is, into the journal.
const HOOK: &str = "{command: [/bin/sh, -c, 'echo \"told: $CONDUCTOR_EVENT $CONDUCTOR_RESULT \
                    $CONDUCTOR_EXIT_STATUS $CONDUCTOR_INSTANCE$CONDUCTOR_JOB $(id -u)\"']}";

fn shop(more: &str) -> String {
    let events = ["crash", "unhealthy", "crash_loop", "recovered", "deploy_failed", "job_failed"];
    let hooks = events.map(|event| format!("  {event}: {HOOK}\n")).concat();
    format!(
        "id: shop\nrevision: v1\ncommand: [/bin/sh, -c, 'test ! -e /srv/crash || exit 7; exec sleep infinity']\n\
         health: {{command: [/usr/bin/test, '!', -e, /srv/sick], interval: 100ms, retries: 2, start_period: 1s}}\n\
         cron:\n  bad: {{schedule: '@yearly', command: [/bin/sh, -c, exit 3]}}\non:\n{hooks}{more}"
    )
}

/// Returns the hooks that were told something, without the user.
fn told(host: &Host, id: &str) -> Vec<String> {
    let lines = host.sh(&format!("journalctl --sync; journalctl -q -o cat -t {id}"));
    let told = lines.lines().filter_map(|line| line.strip_prefix("told: "));
    told.map(|line| {
        let (words, user) = line.rsplit_once(' ').expect("the user is the last word");
        // A dynamic user (systemd's range).
        assert!(user.parse::<u32>().is_ok_and(|user| (61184..=65519).contains(&user)), "{line}");
        words.split_whitespace().collect::<Vec<_>>().join(" ")
    })
    .collect()
}

/// Returns when lines with a text were written, in seconds; of the journal that `of` chooses.
fn times(host: &Host, of: &str, text: &str) -> Vec<f64> {
    let lines = host.sh(&format!("journalctl --sync; journalctl -q -o short-unix {of}"));
    let lines = lines.lines().filter(|line| line.contains(text));
    let time = |line: &str| line.split_once(' ').and_then(|(time, _)| time.parse().ok());
    lines.map(|line| time(line).unwrap_or_else(|| panic!("no time: {line}"))).collect()
}

/// Returns when instances of a service ended: killed, failed, or to be restarted because of their checks.
fn ends(host: &Host, id: &str) -> Vec<f64> {
    let of = format!("-t systemd -u 'conductor-{id}-*'");
    let ways = ["status=9/KILL", "status=7/", "Watchdog request"];
    let mut all: Vec<_> = ways.iter().flat_map(|way| times(host, &of, way)).collect();
    all.sort_by(f64::total_cmp);
    all
}

/// Returns the time in the sandbox, in seconds.
fn now(host: &Host) -> f64 {
    host.sh("date +%s.%N").parse().expect("a time")
}

/// Asserts that the hook for an event began within two seconds; `nth` counts from 0. An instance recovers before systemd
/// writes that it is up.
#[track_caller]
fn is_told_soon(host: &Host, event: &str, nth: usize, happened: f64) {
    let told = times(host, "-t shop", &format!("told: {event} "))[nth];
    let after = told - happened;
    eprintln!("hooks: {event} was told after {after:.3} s");
    assert!((-2.0..=2.0).contains(&after), "{event} happened at {happened} and was told at {told}");
}

fn kill(host: &Host, id: &str) {
    let (_, pid) = host.running(id).remove(0);
    host.sh(&format!("pkill -KILL -P {pid} || kill -KILL {pid}"));
}

fn each_event_is_told_once(host: &Host) {
    host.define("shop.yaml", &shop(""));
    host.apply();
    // A stop, a restart and a deploy are no crashes.
    let (unit, _) = host.running("shop").remove(0);
    host.sh(&format!("systemctl restart {unit}"));
    host.conductor(&["restart", "--id", "shop"]).exits(0);
    assert_eq!(told(host, "shop"), [""; 0]);
    let (unit, _) = host.running("shop").remove(0);

    kill(host, "shop");
    host.eventually("it is told", |host| told(host, "shop").len() == 2);
    assert_eq!(told(host, "shop"), ["crash signal KILL 1", "recovered 1"]);
    is_told_soon(host, "crash", 0, ends(host, "shop")[0]);
    let up = times(host, &format!("-t systemd -u {unit}"), "Started ");
    is_told_soon(host, "recovered", 0, *up.last().expect("it is up"));

    // It is never healthy again, and starts for ever.
    host.sh("touch /srv/sick");
    host.eventually("the loop is told", |host| told(host, "shop").len() == 4);
    assert_eq!(
        told(host, "shop")[2..],
        ["unhealthy watchdog TERM 1", "crash_loop watchdog TERM 1"]
    );
    // The crash was the first end of five.
    let ends = ends(host, "shop");
    is_told_soon(host, "unhealthy", 0, ends[1]);
    is_told_soon(host, "crash_loop", 0, ends[4]);
    let restarts = host.property(&unit, "NRestarts");
    host.eventually("it starts again", |host| host.property(&unit, "NRestarts") != restarts);
    host.sh("rm /srv/sick");
    host.eventually("it is healthy", |host| host.property(&unit, "ActiveState") == "active");
    assert_eq!(told(host, "shop").len(), 4);
    // A minute later. The notes are made older here.
    let timers = host.sh("systemctl list-timers --no-legend 'conductor-held-*' | wc -l");
    assert_ne!(timers, "0");
    let note = format!("/run/conductor/events/{unit}");
    assert_eq!(host.sh(&format!("stat -c %a /run/conductor/events {note}")), "700\n600");
    let held = format!("conductor-probe event --moment=held --unit-file={UNITS}/{unit}");
    host.sh(&held);
    let held_long = now(host);
    host.sh(&format!("sed -i 's/\"up_ms\":[0-9]*/\"up_ms\":1/' {note}; {held}; {held}"));
    host.eventually("it has recovered", |host| told(host, "shop").len() == 5);
    assert_eq!(told(host, "shop")[4], "recovered 1");
    is_told_soon(host, "recovered", 1, held_long);

    // Of each run, also if no process could start.
    host.conductor(&["cron", "run-now", "--id", "shop", "bad"]).exits(1);
    host.eventually("the job is told", |host| told(host, "shop").len() == 6);
    assert_eq!(told(host, "shop")[5], "job_failed exit-code 3 bad");
    let failed = times(host, "-t systemd -u 'conductor-shop-*'", "status=3/");
    is_told_soon(host, "job_failed", 0, failed[0]);

    host.sh("touch /srv/crash");
    host.define("shop.yaml", &shop("env: {A: b}\n"));
    host.conductor(&["apply"]).exits(3);
    let applied = now(host);
    let failed = |host: &Host| {
        told(host, "shop").iter().filter(|line| line.starts_with("deploy_failed")).count()
    };
    host.eventually("the deploy is told", |host| failed(host) == 1);
    is_told_soon(host, "deploy_failed", 0, applied);
    assert_eq!(host.property(&unit, "ActiveState"), "active");
    assert_eq!(host.sh("systemctl list-units --no-legend --state=failed 'conductor-hook-*'"), "");
}

fn a_hook_that_hangs_holds_up_nothing(host: &Host) {
    host.write(
        &format!("{UNITS}/page@.service"),
        "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'date +%%s.%%N >>/srv/paged-%i'\n",
    );
    host.write("/srv/post.py", RECEIVER);
    host.sh("systemd-run -q --unit=receiver python3 /srv/post.py");
    host.write("/srv/url", "http://127.0.0.1:8099/hooks\n");
    host.sh("chmod 600 /srv/url; touch /srv/env");
    for (id, hook) in [("hung", "[/usr/bin/sleep, infinity]"), ("failing", "[/bin/false]")] {
        host.define(
            &format!("{id}.yaml"),
            &format!(
                "id: {id}\ncommand: [/bin/sh, -c, 'test ! -e /srv/crash || exit 7; exec sleep infinity']\n\
                 env_files: [/srv/env]\ndeploy: {{changed_files: ignore}}\n\
                 cron: {{nightly: {{schedule: '@yearly', command: [/bin/true]}}}}\n\
                 on:\n  crash: {{command: {hook}}}\n  crash_loop: {{unit: page@{id}.service}}\n  \
                 job_failed: {{url_file: /srv/url}}\n"
            ),
        );
    }
    host.apply();
    host.sh("touch /srv/crash");
    for id in ["hung", "failing"] {
        kill(host, id);
        let paged = format!("/srv/paged-{id}");
        host.eventually("the loop is told", |host| {
            host.path(&paged).metadata().is_ok_and(|file| file.len() > 0)
        });
        let told: f64 = host.sh(&format!("cat {paged}")).parse().expect("it is told once");
        let happened = ends(host, id)[4];
        eprintln!("hooks: crash_loop of {id} was told after {:.3} s", told - happened);
        assert!((0.0..=2.0).contains(&(told - happened)), "{happened} {told}");
    }
    let hooks = |id: &str, state: &str| {
        let hooks = format!("--state={state} 'conductor-hook-{id}-crash-*'");
        host.sh(&format!("systemctl list-units --no-legend --plain {hooks} | wc -l"))
    };
    assert_eq!(hooks("hung", "active,activating"), "1", "the first hook hangs");
    let why = host.sh("journalctl -q -o cat -t systemd | grep 'conductor-hook-failing-crash-.*Failed with result' | wc -l");
    assert_eq!(why, "1", "the first hook failed, and is not repeated");
    host.sh("rm /srv/crash");
    for id in ["hung", "failing"] {
        host.eventually("it runs again", |host| !host.running(id).is_empty());
        host.sh(&format!("test $(wc -l </srv/paged-{id}) = 1"));
    }

    // No process of the job can start.
    host.sh("rm /srv/env");
    host.conductor(&["cron", "run-now", "--id", "hung", "nightly"]).exits(1);
    host.eventually("the failure is posted", |host| host.path("/srv/posted").exists());
    let posted: Value = serde_json::from_str(&host.sh("cat /srv/posted")).expect("an object");
    assert_eq!((&posted["event"], &posted["job"]), (&"job_failed".into(), &"nightly".into()));
    assert_eq!(posted["result"], "resources");
    assert!(
        posted["text"].as_str().is_some_and(|text| text.starts_with("job_failed of hung, job"))
    );
    host.sh("systemctl stop receiver 'conductor-hook-*'");
}

/// Keeps what is posted.
const RECEIVER: &str = "
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        assert self.path == '/hooks' and self.headers['Content-Type'] == 'application/json'
        body = self.rfile.read(int(self.headers['Content-Length']))
        with open('/srv/posted.new', 'ab') as file:
            file.write(body)
        os.rename('/srv/posted.new', '/srv/posted')
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(('127.0.0.1', 8099), Handler).serve_forever()
";

fn what_a_hook_names_is_looked_for(host: &Host) {
    let define = |hooks: &str| {
        host.define("a.yaml", &format!("id: a\ncommand: [/usr/bin/sleep, infinity]\non:\n{hooks}"));
    };
    host.sh("printf 'http://127.0.0.1/\\noutput = \"/x\"\\n' >/srv/two; install -d -o www-data /srv/eve");
    host.write("/srv/eve/url", "http://127.0.0.1/\n");
    for (hook, message) in [
        ("{unit: no-such.service}", "on.crash.unit: there is no unit no-such.service on this host"),
        ("{command: [/srv/no-such]}", "on.crash.command: there is no /srv/no-such"),
        ("{url_file: /srv/no-such}", "on.crash.url_file: there is no file /srv/no-such"),
        (
            "{url_file: /etc/shadow}",
            "on.crash.url_file: /etc/shadow has no URL, or more than one line",
        ),
        ("{url_file: /srv/two}", "on.crash.url_file: /srv/two has no URL, or more than one line"),
        (
            "{url_file: /srv/eve/url}",
            "on.crash.url_file: root reads /srv/eve/url, which others can replace",
        ),
        (
            "{command: [/bin/true], user: nobody-such}",
            "on.crash.user: there is no user nobody-such",
        ),
    ] {
        define(&format!("  crash: {hook}\n"));
        let file = "/etc/conductor/services/a.yaml:4:10: ";
        host.conductor(&["apply"]).exits(2).complains(&format!("{file}{message}"));
        host.conductor(&["check"]).exits(0).complains(message);
    }
    assert!(host.running("a").is_empty());
    // Another action replaces no instance.
    define("  crash: {command: [/bin/true]}\n");
    host.apply();
    let before = host.running("a");
    define("  crash: {command: [/bin/false]}\n");
    host.apply().says("changed: a");
    assert_eq!(host.running("a"), before);
    host.is_converged();

    // Those of the host are for services without their own.
    host.define("b.yaml", "id: b\ncommand: [/usr/bin/sleep, infinity]\n");
    host.write("/etc/conductor/host.yaml", "on: {crash: {unit: no-such.service}}\n");
    let ran = host.conductor(&["apply"]).exits(2);
    ran.complains("/etc/conductor/host.yaml:1:13: on.crash.unit: there is no unit no-such.service");
    assert!(host.running("b").is_empty());
    host.write("/etc/conductor/host.yaml", &format!("on: {{crash: {HOOK}}}\n"));
    host.apply().says("changed: b");
    assert_eq!(host.running("a"), before);
    host.is_converged();
    kill(host, "b");
    host.eventually("the host's hook is told", |host| !told(host, "b").is_empty());
    assert_eq!(told(host, "b"), ["crash signal KILL 1"]);
}
