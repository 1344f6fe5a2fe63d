//! The ends of commands, and their input and output.

use conductor_sandbox::Engine;

use super::{define, nothing_is_left, shell};
use crate::host::Host;

/// 100 MB of random data, and their checksum.
const MANY: &str = "head -c 100000000 /dev/urandom >/srv/many; sha256sum </srv/many";

pub(super) fn statuses_and_streams(host: &Host, engine: Option<Engine>) {
    define(host, engine, "");
    for status in [0, 1, 42, 255] {
        shell(host, &[], &format!("exit {status}")).exits(status);
    }
    for (signal, status) in [("TERM", 143), ("KILL", 137)] {
        shell(host, &[], &format!("kill -{signal} $$")).exits(status);
    }
    host.conductor(&["run", "--id", "a", "/no/such/program"])
        .exits(127)
        .complains("/no/such/program");
    host.conductor(&["run", "--id", "a", "no-such-program"])
        .exits(127)
        .complains("no-such-program");
    host.conductor(&["run", "--id", "a", "/etc/passwd"]).exits(126);
    let ran = shell(host, &[], "echo out; echo err >&2").exits(0);
    assert_eq!((&*ran.stdout, &*ran.stderr), ("out\n", "err\n"));

    let sum = host.sh(MANY);
    let run = "conductor run --id a";
    assert_eq!(host.sh(&format!("{run} sha256sum </srv/many")), sum, "in from a file");
    assert_eq!(host.sh(&format!("cat /srv/many | {run} sha256sum")), sum, "in from a pipe");
    assert_eq!(host.sh(&format!("cat /srv/many | {run} cat | sha256sum")), sum, "in and out");
    host.sh(&format!("{run} cat </srv/many >/srv/copy; cmp /srv/many /srv/copy"));
    // As in every pipeline, the writer ends when its output is closed.
    assert_eq!(host.sh(&format!("{run} yes | head -n 1")), "y");
    assert_eq!(host.sh(&format!("{run} cat </dev/null; echo $?")), "0");
    // Input that is not read does not block the end.
    host.sh(&format!("{run} true </srv/many"));
    // Docker's client uses two connections for this.
    if engine != Some(Engine::Docker) {
        let both =
            "i=0; while [ $i -lt 2000 ]; do echo out $i; echo err $i >&2; i=$((i + 1)); done";
        host.sh(&format!("{run} sh -c '{both}' >/srv/both 2>&1; ({both}) 2>&1 | cmp /srv/both"));
        let full = host.sh(&format!("{run} echo lost 2>/srv/full >/dev/full || cat /srv/full"));
        assert!(full.contains("No space left on device"), "{full}");
    }
    let slow = shell(host, &["--timeout", "2s"], "echo begun; sleep 60").exits(124);
    slow.says("begun").complains("error: the command exceeded --timeout");
    nothing_is_left(host, engine);
}

pub(super) fn mistakes(host: &Host) {
    define(host, None, "");
    let run = |words: &[&str]| host.conductor(&[&["run"], words].concat());
    run(&["--id", "b", "true"]).exits(125).complains("no definition").complains("b");
    run(&["--id", "a"]).exits(2).complains("COMMAND");
    run(&["--id", "a", "--memroy", "1G", "true"]).exits(2).complains("--memory");
    run(&["--id", "a", "--memory", "lots", "true"]).exits(2).complains("\"lots\"");
    run(&["--id", "a", "--user", "no-such-user", "true"])
        .exits(125)
        .complains("Failed to determine user credentials");
    run(&["--id", "a", "-t", "true"]).exits(125).complains("the input is not a terminal");
    run(&["--id", "a", "--env", "NOT SO=1", "true"]).exits(2).complains("NOT SO");
    run(&["--id", "a", "--root", "/srv", "true"]).exits(125);
    host.define("a.yaml", "id: a\ninstances: lots\n");
    run(&["--id", "a", "true"]).exits(125).complains("a.yaml:2:12");
    host.define("a.yaml", "id: a\nruntime: docker\nimage: localhost/app\ninstances: 0\n");
    run(&["--id", "a", "true"]).exits(125).complains("--revision");
    run(&["--id", "a", "--revision", "no-such-tag", "true"])
        .exits(125)
        .complains("cannot pull docker");
    nothing_is_left(host, None);
}
