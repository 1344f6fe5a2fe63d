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
    let soon = "journalctl -q -o short-unix -u UNIT | grep -m1 'exited, code=' | cut -d. -f1";
    let crashed: u64 = host.sh(&soon.replace("UNIT", &unit)).parse().expect("a time");
    let heard = "journalctl -q -o short-unix -t shop | grep -m1 'told: ' | cut -d. -f1";
    let heard: u64 = host.sh(heard).parse().expect("a time");
    assert!(heard - crashed <= 2, "{crashed} {heard}");

    // It is never healthy again, and starts for ever.
    host.sh("touch /srv/sick");
    host.eventually("the loop is told", |host| told(host, "shop").len() == 4);
    assert_eq!(
        told(host, "shop")[2..],
        ["unhealthy watchdog TERM 1", "crash_loop watchdog TERM 1"]
    );
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
    host.sh(&format!("sed -i 's/\"up_ms\":[0-9]*/\"up_ms\":1/' {note}; {held}; {held}"));
    host.eventually("it has recovered", |host| told(host, "shop").len() == 5);
    assert_eq!(told(host, "shop")[4], "recovered 1");

    // Of each run, also if no process could start.
    host.conductor(&["cron", "run-now", "--id", "shop", "bad"]).exits(1);
    host.eventually("the job is told", |host| told(host, "shop").len() == 6);
    assert_eq!(told(host, "shop")[5], "job_failed exit-code 3 bad");

    host.sh("touch /srv/crash");
    host.define("shop.yaml", &shop("env: {A: b}\n"));
    host.conductor(&["apply"]).exits(3);
    let failed = |host: &Host| {
        told(host, "shop").iter().filter(|line| line.starts_with("deploy_failed")).count()
    };
    host.eventually("the deploy is told", |host| failed(host) == 1);
    assert_eq!(host.property(&unit, "ActiveState"), "active");
    assert_eq!(host.sh("systemctl list-units --no-legend --state=failed 'conductor-hook-*'"), "");
}

fn a_hook_that_hangs_holds_up_nothing(host: &Host) {
    host.write(
        &format!("{UNITS}/page@.service"),
        "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo %i >>/srv/paged'\n",
    );
    host.write("/srv/post.py", RECEIVER);
    host.sh("systemd-run -q --unit=receiver python3 /srv/post.py");
    host.write("/srv/url", "http://127.0.0.1:8099/hooks\n");
    host.sh("chmod 600 /srv/url; touch /srv/env");
    host.define(
        "hung.yaml",
        "id: hung\ncommand: [/bin/sh, -c, 'test ! -e /srv/crash || exit 7; exec sleep infinity']\n\
         env_files: [/srv/env]\ndeploy: {changed_files: ignore}\n\
         cron: {nightly: {schedule: '@yearly', command: [/bin/true]}}\n\
         on:\n  crash: {command: [/usr/bin/sleep, infinity]}\n  crash_loop: {unit: page@hung.service}\n  \
         job_failed: {url_file: /srv/url}\n",
    );
    host.apply();
    host.sh("touch /srv/crash");
    kill(host, "hung");
    host.eventually("the loop is told", |host| host.path("/srv/paged").exists());
    let hooks =
        host.sh("systemctl list-units --no-legend --plain 'conductor-hook-hung-crash-*' | wc -l");
    assert_eq!(hooks, "1", "the first hook hangs");
    host.sh("rm /srv/crash");
    host.eventually("it runs again", |host| !host.running("hung").is_empty());
    assert_eq!(host.sh("cat /srv/paged"), "hung");

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
    for (hook, message) in [
        ("{unit: no-such.service}", "on.crash.unit: there is no unit no-such.service on this host"),
        ("{command: [/srv/no-such]}", "on.crash.command: there is no /srv/no-such"),
        ("{url_file: /srv/no-such}", "on.crash.url_file: there is no file /srv/no-such"),
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
}
