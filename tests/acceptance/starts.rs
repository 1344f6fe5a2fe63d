//! Why an instance does not start: said before anything is changed, or with the failure.

use crate::Test;
use crate::host::{Host, SLEEP};

pub(crate) const TESTS: &[Test] = &[
    ("what_cannot_start_is_refused_before_a_change", what_cannot_start_is_refused_before_a_change),
    ("a_failure_names_what_is_missing", a_failure_names_what_is_missing),
    ("a_failure_shows_this_attempt_only", a_failure_shows_this_attempt_only),
    ("what_ends_after_one_answer_replaces_nothing", what_ends_after_one_answer_replaces_nothing),
    ("a_start_is_repeated_until_it_works", a_start_is_repeated_until_it_works),
    ("a_program_in_the_background_is_recognized", a_program_in_the_background_is_recognized),
];

fn what_cannot_start_is_refused_before_a_change(host: &Host) {
    host.define("good.yaml", &format!("id: good\n{SLEEP}"));
    host.apply();
    let before = host.files();
    host.sh("cp /usr/bin/sleep /srv/plain; chmod 644 /srv/plain
             mkdir -p /srv/image/bin; cp /usr/bin/sleep /root/sleep
             printf '#!/no/such/sh\\n' >/srv/script; chmod 755 /srv/script");
    for (id, text) in [
        ("a", "command: [/usr/bin/no-such-program]\n"),
        ("b", "command: [/srv/plain, '9']\n"),
        ("c", "command: [/root/sleep, '9']\n"),
        ("d", "command: [/srv/script]\n"),
        ("e", "command: [/bin/web]\nimage: /srv/image\n"),
        ("f", "command: [/usr/bin/sleep, '9']\nuser: nobody-like-this\n"),
    ] {
        host.define(&format!("{id}.yaml"), &format!("id: {id}\n{text}"));
    }
    let ran = host.conductor(&["apply"]).exits(2);
    let ran = ran
        .complains("a.yaml:1:5: command: there is no /usr/bin/no-such-program\n")
        .complains(
            "b.yaml:1:5: command: /srv/plain is not executable\n  hint: chmod +x /srv/plain\n",
        )
        .complains("c.yaml:1:5: command: /root/sleep is below /root, which ProtectHome=yes hides")
        .complains("d.yaml:1:5: command: /srv/script needs the interpreter \"/no/such/sh\"")
        .complains("e.yaml:1:5: command: there is no /bin/web in the image /srv/image\n");
    ran.complains("f.yaml:1:5: user: there is no user nobody-like-this on this host\n");
    host.conductor(&["apply", "--dry-run"]).exits(2).complains("a.yaml:1:5: command: there is no");
    assert_eq!(host.files(), before);
    // A service that is not started needs nothing.
    for id in ["a", "b", "c", "d", "e", "f"] {
        host.undefine(&format!("{id}.yaml"));
    }
    host.define("good.yaml", "id: good\ninstances: 0\ncommand: [/usr/bin/no-such-program]\n");
    host.apply();
}

fn a_failure_names_what_is_missing(host: &Host) {
    for (directive, name, why) in [
        (
            "ExecStartPre: /usr/bin/true",
            "status 203/EXEC",
            "could not execute the program: there is no /srv/none",
        ),
        ("BindPaths: /no/such", "status 226/NAMESPACE", "sandbox: there is no /no/such"),
        (
            "LoadCredential: 'x:/no/such'",
            "status 243/CREDENTIALS",
            "could not read a secret: there is no /no/such",
        ),
        ("EnvironmentFile: /no/such", "", "hint: there is no /no/such"),
    ] {
        let program = if directive.starts_with("Exec") { "/srv/none" } else { "/usr/bin/sleep" };
        let text = format!("command: [{program}, '99']\nsystemd: {{Service: {{{directive}}}}}\n");
        host.define("web.yaml", &format!("id: web\n{text}"));
        let json = host.conductor(&["apply", "--output", "json"]).exits(1).json();
        let failure = &json["services"][0]["failure"];
        assert!(
            failure["reason"].as_str().is_some_and(|reason| reason.contains(name)),
            "{failure}"
        );
        let hint = failure["hint"].as_str().unwrap_or_default();
        assert!(format!("hint: {hint}").contains(why), "{failure}");
    }
}

/// Writes many lines, and ends after an excuse that is in a file.
const TALK: &str = "
import sys
for number in range(15):
    print('line', number, open('/srv/excuse').read().strip(), flush=True)
sys.exit(7)
";

fn a_failure_shows_this_attempt_only(host: &Host) {
    host.write("/srv/talk.py", TALK);
    for health in ["", "port: 80\nhealth: {tcp: true}\n"] {
        let text = format!("id: web\ncommand: [/usr/bin/python3, /srv/talk.py]\n{health}");
        host.define("web.yaml", &text);
        host.write("/srv/excuse", "of the first\n");
        host.conductor(&["apply"]).exits(1).complains("line 14 of the first\n");
        host.write("/srv/excuse", "of the second\n");
        let ran = host.conductor(&["apply"]).exits(1);
        assert!(!ran.stderr.contains("of the first"), "{ran}");
        // All of them, then what systemd says.
        let ran = ran.complains("  | line 0 of the second\n").complains("line 14 of the second\n");
        let ran = ran.complains("status=7/NOTRUNNING\n");
        let place = |text: &str| ran.stderr.find(text).expect("it is shown");
        assert!(place("line 14 of the second") < place("status=7/NOTRUNNING"), "{ran}");
        let first = ran.stderr.matches("line 0 of").count();
        assert!(first >= 1, "{ran}");
        host.conductor(&["remove", "--id", "web"]);
    }
}

/// Answers one request and ends.
const ONCE: &str = "
import http.server, os, sys, threading
class Once(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        threading.Timer(0.1, os._exit, [1]).start()
http.server.HTTPServer(('127.0.0.1', int(os.environ['PORT'])), Once).serve_forever()
";

fn what_ends_after_one_answer_replaces_nothing(host: &Host) {
    host.write("/srv/once.py", ONCE);
    let health = "port: 80\nhealth: {http: /}\n";
    let good = "[/usr/bin/python3, -m, http.server, --bind, 127.0.0.1, --directory, /usr/share/doc, '{port}']";
    host.define("web.yaml", &format!("id: web\ncommand: {good}\n{health}"));
    host.apply();
    let before = host.running("web");
    let bad = "[/usr/bin/python3, /srv/once.py]";
    host.define("web.yaml", &format!("id: web\ncommand: {bad}\n{health}"));
    let ran = host.conductor(&["apply"]).exits(3);
    ran.complains("confirm that the new instance stays healthy for 500ms (conductor-web-host.")
        .complains("the previous release still serves\n");
    assert_eq!(host.running("web"), before);
}

fn a_program_in_the_background_is_recognized(host: &Host) {
    let fork = "import os, time; os.fork() and os._exit(0); os.setsid(); time.sleep(99)";
    for health in ["", "port: 80\nhealth: {tcp: true}\n"] {
        let text = format!("command: [/usr/bin/python3, -c, \"{fork}\"]\n{health}");
        host.define("web.yaml", &format!("id: web\n{text}"));
        let ran = host.conductor(&["apply"]).exits(1);
        let ran = ran.complains("it exited with status 0\n");
        ran.complains(
            "hint: it ended and left processes: if it put itself in the background, run it in the foreground",
        );
    }
}

/// Failures before the program or its probe runs.
fn a_start_is_repeated_until_it_works(host: &Host) {
    let server = "[/usr/bin/python3, -m, http.server, --bind, 127.0.0.1, --directory, /usr/share/doc, '{port}']";
    let repair = "touch /srv/env; echo key >/srv/key";
    host.sh(repair);
    host.define(
        "web.yaml",
        &format!("id: web\ncommand: {server}\nport: 80\nhealth: {{http: /}}\nsecrets: {{key: /srv/key}}\n"),
    );
    host.define("plain.yaml", &format!("id: plain\n{SLEEP}env_files: [/srv/env]\n"));
    host.apply();
    let ids = ["web", "plain"];
    let units = ids.map(|id| host.running(id)[0].0.clone());
    let running = |host: &Host| ids.iter().all(|id| host.running(id).len() == 1);
    // When systemd has given an instance up, in seconds.
    let given_up = |unit: &String| -> Vec<f64> {
        let said = format!("journalctl -o short-monotonic _PID=1 UNIT={unit}");
        let when = host.sh(&format!("{said} | grep 'too quickly' | tr -d '[]' || true"));
        let first = |line: &str| line.split_whitespace().next()?.parse().ok();
        when.lines().map(|line| first(line).expect("a time")).collect()
    };
    let before = units.each_ref().map(|unit| given_up(unit).len());
    host.sh("rm /srv/env /srv/key");
    let pids = ids.map(|id| host.running(id)[0].1.to_string()).join(" ");
    host.sh(&format!("kill -KILL {pids}"));
    host.eventually("both are given up twice", |_| {
        units.iter().zip(before).all(|(unit, before)| given_up(unit).len() >= before + 2)
    });
    // Ten starts at most, then a rest of ten seconds: it costs little however long the repair takes.
    // systemd 257 counts the ten seconds from the first failure, so half of them are certain.
    for (unit, before) in units.iter().zip(before) {
        let times = &given_up(unit)[before..];
        let pause = times[1] - times[0];
        assert!(pause > 5.0, "{unit} is started again after {pause} s");
    }
    let table = host.conductor(&["status"]).exits(0);
    assert_eq!(table.stdout.matches("failed (starts again, ").count(), 2, "{table}");
    host.sh(repair);
    host.eventually("both are up by themselves", running);
    // What an operator stops stays stopped.
    host.sh("rm /srv/env");
    host.sh(&format!("kill -KILL {}", host.running("plain")[0].1));
    let timer = |id: &str| host.property(&format!("conductor-start@{id}.timer"), "ActiveState");
    host.eventually("it is given up", |_| timer("plain") == "active");
    host.sh("systemctl stop conductor-plain.target");
    assert_eq!(timer("plain"), "inactive");
}
