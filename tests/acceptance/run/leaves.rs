//! Signals and all kinds of ends leave nothing behind.

use std::thread;
use std::time::Duration;

use conductor_sandbox::Engine;

use super::{define, nothing_is_left};
use crate::host::{FEW_FILTERS, Host};

/// Sleeps, and reports that it is ready after the sleep has begun, because a shell loses a signal in between.
const WAIT: &str = "(sleep 0.3; echo ready) & exec sleep 300";

/// Runs a script in the background and returns its exit status. A second script runs when the first has
/// reported that it is ready. `$PID` is conductor's.
#[track_caller]
fn meanwhile(host: &Host, script: &str, then: &str) -> String {
    // A shell makes its background processes ignore SIGINT, and conductor would respect that.
    let script = format!(
        "rm -f /srv/said; \
         env --default-signal conductor run --id a /bin/sh -c '{script}' >/srv/said 2>&1 </dev/null & PID=$!; \
         until grep -q ready /srv/said; do sleep 0.05; done; {then}; \
         status=0; wait $PID || status=$?; echo $status"
    );
    host.sh(&script)
}

pub(super) fn signals(host: &Host, engine: Option<Engine>) {
    define(host, engine, "deploy: {stop_timeout: 8s}\n");
    // A shell runs its trap between two commands.
    let trap = |signal: &str| {
        format!(
            "trap \"echo got {signal}; exit 7\" {signal}; echo ready; while :; do sleep 0.1; done"
        )
    };
    for signal in ["INT", "TERM", "HUP", "USR1", "QUIT"] {
        let status = meanwhile(host, &trap(signal), &format!("kill -{signal} $PID"));
        let said = host.sh("cat /srv/said");
        assert!(status == "7" && said.ends_with(&format!("\ngot {signal}")), "{status}: {said}");
    }
    // A command that ignores signals is ended by several of them.
    let deaf = "trap \"\" INT TERM; echo ready; while :; do sleep 0.1; done";
    let status = meanwhile(host, deaf, "for i in 1 2 3; do kill -INT $PID; sleep 0.3; done");
    assert_ne!(status, "0");
    // A command without handlers is killed by a signal, and so are its children.
    for (signal, expected) in [("INT", "130"), ("TERM", "143")] {
        let status = meanwhile(host, WAIT, &format!("kill -{signal} $PID"));
        assert_eq!(status, expected, "{signal}");
    }
    nothing_is_left(host, engine);
    for script in [WAIT, "sleep 301 & (sleep 0.3; echo ready) & sleep 302", deaf] {
        assert_eq!(meanwhile(host, script, "kill -KILL $PID"), "137");
        nothing_is_left(host, engine);
    }
    assert_eq!(host.sh("pgrep -f 'sleep 30[012]' || true"), "");
    // Nothing blocks a stop.
    let stop = "systemctl stop \"conductor-a-*-run-*\"";
    assert_eq!(meanwhile(host, WAIT, stop), "143");
    nothing_is_left(host, engine);
}

/// Sends a signal at each moment of a start: none is lost while an engine creates the container.
pub(super) fn a_signal_at_any_moment(host: &Host, engine: Option<Engine>) {
    define(host, engine, "");
    // Ctrl-C goes to a process group, which does not exist at first.
    for (signal, status) in [("TERM", 143), ("INT", 130)] {
        is_not_lost(host, signal, status);
        nothing_is_left(host, engine);
    }
}

fn is_not_lost(host: &Host, signal: &str, status: u8) {
    let at = "setsid env --default-signal conductor run --id a sleep 300 </dev/null >/srv/said.$1 2>&1 & PID=$!
         # What a shell starts in the background ignores Ctrl-C until it is conductor.
         while [ -d /proc/$PID ] && [ \"$(cat /proc/$PID/comm)\" != conductor ]; do :; done
         sleep $1; kill -SIGNAL $PID
         timeout 20 tail --pid=$PID -f /dev/null || kill -KILL $PID
         status=0; wait $PID || status=$?
         [ $status = STATUS ] || echo \"after $1 s: $status: $(cat /srv/said.$1)\"";
    let at = at.replace("SIGNAL", signal).replace("STATUS", &status.to_string());
    host.write("/srv/at", &at);
    let wrong = host.sh("seq 0 0.027 0.5 | xargs --max-procs=6 --max-args=1 sh /srv/at");
    assert_eq!(wrong, "", "{signal}");
}

pub(super) fn two_hundred_at_once(host: &Host, engine: Option<Engine>) {
    let rest = match engine {
        Some(_) => String::new(),
        None => format!("systemd: {FEW_FILTERS}\n"),
    };
    define(host, engine, &rest);
    let script = "mkdir -p /srv/many; cd /srv/many; \
         for i in $(seq 200); do \
           (status=0; echo $i | conductor run --id a sh -c 'read x; echo $x; sleep 1; exit $((x % 100))' >out.$i 2>err.$i || status=$?; echo $status >status.$i) & \
         done; wait; \
         for i in $(seq 200); do \
           [ \"$(cat out.$i)\" = $i ] && [ \"$(cat status.$i)\" = $((i % 100)) ] || \
             echo \"$i: $(cat out.$i) $(cat err.$i) $(cat status.$i)\"; \
         done";
    assert_eq!(host.sh(script), "");
    nothing_is_left(host, engine);
}

pub(super) fn detached(host: &Host) {
    for engine in [None, Some(Engine::Docker), Some(Engine::Podman)] {
        define(host, engine, "");
        let words = ["run", "--id", "a", "--detach", "/bin/sh", "-c", "echo begun; sleep 300"];
        let unit = host.conductor(&words).exits(0).stdout.trim().to_owned();
        assert_eq!(host.property(&unit, "ActiveState"), "active", "{unit}");
        host.eventually("it writes to the journal", |host| {
            host.sh(&format!("journalctl --output cat -u {unit} CONDUCTOR_ID=a")).contains("begun")
        });
        host.sh(&format!("systemctl stop {unit}"));
        nothing_is_left(host, engine);
        let words = ["run", "--id", "a", "--detach", "--output", "json", "true"];
        let json = host.conductor(&words).exits(0).json();
        assert!(json["unit"].as_str().is_some_and(|unit| unit.starts_with("conductor-a-v1.")));
        nothing_is_left(host, engine);
    }
    define(host, None, "");
    let words = ["run", "--id", "a", "--detach", "/no/such/program"];
    host.conductor(&words).exits(125).complains("/no/such/program");
    let words = ["run", "--id", "a", "--detach", "--timeout", "1s", "sleep", "300"];
    host.conductor(&words).exits(0);
    nothing_is_left(host, None);
}

pub(super) fn what_was_killed_before_it_began(host: &Host) {
    define(host, None, "");
    host.sh("mkdir -p /run/conductor/runs; cd /run/conductor/runs; \
         python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"run-abcdefgh\")'; \
         touch -d '2 min ago' run-abcdefgh; \
         echo '[Service]' >/run/systemd/system/conductor-a-v1.123456-run-abcdefgh.service; \
         python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"run-ijklmnop\")'");
    host.conductor(&["run", "--id", "a", "true"]).exits(0);
    let left = "cd /run/systemd/system; ls -d *run-abcdefgh* /run/conductor/runs/run-* 2>/dev/null || true";
    // A new socket may belong to a process that does not listen yet.
    assert_eq!(host.sh(left), "/run/conductor/runs/run-ijklmnop");
    host.sh("rm /run/conductor/runs/run-ijklmnop");
    host.write("/srv/stranger.py", include_str!("stranger.py"));
    // Other processes that connect get nothing, and block nothing.
    host.sh(
        "docker rm -f xx; (conductor run --id a sh -c 'sleep 3; echo mine' </dev/null >/srv/said; echo $? >>/srv/said) & \
         until ls /run/conductor/runs/run-* 2>/dev/null; do sleep 0.05; done; \
         python3 /srv/stranger.py; wait",
    );
    assert_eq!(host.sh("cat /srv/said"), "mine\n0");
    thread::sleep(Duration::from_millis(100));
    nothing_is_left(host, None);
}
