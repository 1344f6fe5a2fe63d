//! Attacks on the journal: everybody can write to it, with any field that does not begin with `_`.

use conductor_sandbox::Engine;

use super::as_eve;
use crate::Test;
use crate::host::Host;
use crate::ran::Ran;

pub(crate) const TESTS: &[Test] = &[
    ("forged_lines_are_not_the_services", forged_lines_are_not_the_services),
    ("forged_lines_are_no_last_words", forged_lines_are_no_last_words),
    ("a_users_services_have_logs", a_users_services_have_logs),
];

/// Writes a line in each possible way, and one with control sequences. It keeps running, because journald
/// reads the unit of a process when it receives the line.
const SPEAK: &str = r#"
import signal, socket, sys
def send(path, data):
    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(data, "/run/systemd/journal/" + path)
name = sys.argv[1].encode()
for file in sys.argv[2:]:
    send("socket", open(file, "rb").read())
sys.stdout.buffer.write(b"by stdout of " + name + b"\n\x1b[2J\x1b]0;owned\x07\xc2\x9b2J\n")
send("dev-log", b"<14>by syslog of " + name)
send("socket", b"MESSAGE=by itself of " + name + b"\n")
send("socket", b"MESSAGE=\x1b[2J by itself\n")
signal.pause()
"#;

/// The path where another service finds the entry of [`forge`].
const FORGED: &str = "/srv/forged/entry";

/// Writes an entry that claims to be from an instance, or from systemd about it.
#[track_caller]
fn forge(host: &Host, id: &str, unit: &str) {
    let entry = format!(
        "MESSAGE=forged\nCONDUCTOR_ID={id}\nCONDUCTOR_REVISION=host\nCONDUCTOR_INSTANCE=1\n\
         CONDUCTOR_UNIT={unit}\nUNIT={unit}\nUSER_UNIT={unit}\nOBJECT_SYSTEMD_UNIT={unit}\n\
         SYSLOG_IDENTIFIER={id}\nMESSAGE_ID=98e322203f7a4ed290d09fe03c09fe15\nEXIT_CODE=killed\n\
         EXIT_STATUS=FORGED\n_SYSTEMD_UNIT={unit}\n_SYSTEMD_SLICE=conductor-{id}.slice\n_PID=1\n_UID=0\n"
    );
    host.write(FORGED, &entry);
    as_eve(host, &format!("logger --journald <{FORGED}")).exits(0);
    // The entry has arrived in the journal.
    host.sh("journalctl --sync");
    let arrived = host.sh(&format!("journalctl --output=json UNIT='{unit}' _UID=1000"));
    assert!(arrived.contains("FORGED"), "{arrived}");
}

/// Asserts that an output has neither forged entries nor control sequences.
#[track_caller]
fn is_genuine(ran: &Ran) {
    for text in ["forged", "FORGED", "\u{1b}"] {
        assert!(!ran.stdout.contains(text) && !ran.stderr.contains(text), "{text:?} in {ran}");
    }
}

fn forged_lines_are_not_the_services(host: &Host) {
    host.write("/srv/speak.py", SPEAK);
    let service = |id: &str, more: &str| {
        let command = format!("[/usr/bin/python3, -u, /srv/speak.py, {id}{more}]");
        host.define(&format!("{id}.yaml"), &format!("id: {id}\ncommand: {command}\n"));
    };
    service("a", "");
    service("a-b", "");
    host.define(
        "job.yaml",
        "id: job\ninstances: 0\ncron: {work: {schedule: '@yearly', command: [/bin/echo, by a job]}}\n",
    );
    host.define(
        "box.yaml",
        "id: box\nruntime: docker\nimage: localhost/app:v1\n\
         command: [sh, -c, 'echo by a container; exec sleep 1d']\n",
    );
    host.sandbox.load_image(Engine::Docker).expect("the engine takes the image");
    host.apply();
    host.conductor(&["cron", "run-now", "--id", "job", "work"]).exits(0);
    for id in ["a-b", "box", "job"] {
        forge(host, id, &format!("conductor-{id}-host.000000-1.service"));
    }
    // Another service counts as a different user, too.
    forge(host, "a-b", "conductor-a-b-host.000000-1.service");
    service("eve", &format!(", {FORGED}"));
    host.apply();
    let ids = "journalctl --sync; journalctl --output=json CONDUCTOR_ID=eve CONDUCTOR_ID=a-b";
    host.eventually("the other one wrote it", |host| {
        host.sh(ids).lines().any(|line| line.contains("\"eve\"") && line.contains("FORGED"))
    });

    let logs = |id: &str, more: &[&str]| {
        let ran = host.conductor(&[&["logs", "--id", id], more].concat()).exits(0);
        is_genuine(&ran);
        ran
    };
    for more in [&[][..], &["--instance", "1"]] {
        let ran = logs("a-b", more).says("by stdout of a-b").says("by syslog of a-b");
        let ran = ran.says("by itself of a-b").says("Started conductor-a-b-host.");
        assert!(!ran.stdout.contains(" of a\n"), "{ran}");
        let ran = logs("a", more).says("by stdout of a\n");
        assert!(!ran.stdout.contains("of a-b"), "{ran}");
        logs("box", more).says("by a container").says("Started conductor-box-v1.");
    }
    logs("job", &[]).says("by a job").says("Finished conductor-job-work.service");
    let json = host.conductor(&["logs", "--id", "a-b", "--output", "json"]).exits(0);
    assert!(!json.stdout.contains("FORGED"), "{json}");
}

fn forged_lines_are_no_last_words(host: &Host) {
    let script = "echo last words of its own; printf \"\\033[2J\\n\"; exit 7";
    host.define(
        "job.yaml",
        &format!(
            "id: job\ninstances: 0\ncron: {{work: {{schedule: '@yearly', command: [/bin/sh, -c, '{script}']}}}}\n"
        ),
    );
    host.apply();
    host.conductor(&["cron", "run-now", "--id", "job", "work"]).exits(1);
    forge(host, "job", "conductor-job-work.service");
    let ran = host.conductor(&["status"]).exits(0);
    is_genuine(&ran);
    ran.says("last words of its own").says("status=7");

    let failing =
        format!("id: web\ncommand: [/bin/sh, -c, '{script}']\nhealth: {{tcp: true}}\nport: 80\n");
    host.define("web.yaml", &failing);
    // Its name follows from the definition.
    let first = host.conductor(&["apply"]).exits(1);
    let unit = first.stderr.split_whitespace().find(|word| word.starts_with("conductor-web-"));
    let unit = unit.expect("the unit is named").trim_end_matches(':');
    forge(host, "web", unit);
    let ran = host.conductor(&["apply"]).exits(1);
    is_genuine(&ran);
    ran.complains("last words of its own").complains("it exited with status 7");
}

fn a_users_services_have_logs(host: &Host) {
    // The process keeps running, as in `SPEAK`.
    let script = "mkdir -p ~/.config/conductor/services; cd ~/.config/conductor/services; \
         for id in web web-2; do printf \"id: $id\\ncommand: [/bin/sh, -c, 'echo hello from $id; \
         (echo good day from $id; exec sleep infinity) | logger']\\ninstances: 2\\n\" >$id.yaml; done; \
         conductor --user apply >&2; \
         printf 'MESSAGE=forged\\nCONDUCTOR_ID=web\\nUSER_UNIT=web\\n' | logger --journald";
    let operator = |script: &str| {
        let mut command = host.sandbox.command_as_operator("sh").expect("an operator");
        Ran::new(command.args(["-ec", script])).exits(0)
    };
    operator(script);
    let logs = |more: &str| {
        host.sh("journalctl --sync");
        operator(&format!("conductor --user logs --id web {more}"))
    };
    // A unit can be active before its program has written anything.
    host.eventually("both have said good day", |_| {
        logs("").stdout.matches("good day from web\n").count() == 2
    });
    let ran = logs("").says("Started conductor-web-host.");
    assert!(!ran.stdout.contains("web-2") && !ran.stdout.contains("forged"), "{ran}");
    assert_eq!(ran.stdout.matches("hello from web\n").count(), 2, "{ran}");
    let ran = logs("--instance 2").says("-2.service");
    assert_eq!(ran.stdout.matches("hello from web\n").count(), 1, "{ran}");
    assert!(!ran.stdout.contains("-1.service"), "{ran}");
}
