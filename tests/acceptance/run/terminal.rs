//! `conductor run -t` at a terminal.

use conductor_sandbox::Engine;

use super::{define, nothing_is_left};
use crate::host::Host;

/// Runs a command at a terminal, and returns the output.
#[track_caller]
fn at_a_terminal(host: &Host, command: &str, steps: &str) -> String {
    host.write("/srv/terminal.py", include_str!("terminal.py"));
    host.write("/srv/steps", steps);
    host.sh(&format!("TERM=xterm-256color python3 /srv/terminal.py {command} </srv/steps"))
}

pub(super) fn works(host: &Host, engine: Option<Engine>) {
    define(host, engine, "");
    let run = "conductor run --id a -t";
    // The size, now and after a change; a shell that reads keys; and its exit status. The signal may come once
    // more, and would end a read while there is a trap for it.
    let shown = at_a_terminal(
        host,
        &format!(
            "{run} /bin/sh -c 'trap \"told=yes\" WINCH; \
             is() {{ test \"$(stty size)\" = \"$1\"; }}; \
             test -t 0 && test -t 1 && test -t 2 && echo $TERM; \
             until is \"24 80\"; do sleep 0.1; done; stty size; \
             until is \"50 132\" && test -n \"$told\"; do sleep 0.1; done; stty size; \
             trap - WINCH; while read -r line; do echo \"<$line>\"; test \"$line\" = bye && exit 5; done'"
        ),
        "wait 24 80\nsize 50 132\nwait 50 132\ntype hello\\r\nwait <hello>\ntype bye\\r\n",
    );
    assert!(shown.contains("xterm"), "{shown}");
    assert!(shown.ends_with("exit status 5, cooked True"), "{shown}");
    // Ctrl-C goes to the command: it can handle it, or is killed by it.
    let shown = at_a_terminal(
        host,
        &format!(
            "{run} /bin/sh -c 'trap \"echo caught\" INT; echo ready; read x; read y; echo \"[$y]\"'"
        ),
        "wait ready\ntype \\x03\nwait caught\ntype a\\rb\\r\nwait ]\n",
    );
    assert!(shown.ends_with("exit status 0, cooked True"), "{shown}");
    // (A shell that has just forked for the next command, and not executed it, loses a signal.)
    let shown = at_a_terminal(
        host,
        &format!("{run} /bin/sh -c '(sleep 0.3; echo ready) & sleep 300; echo not reached'"),
        "wait ready\ntype \\x03\n",
    );
    assert!(shown.ends_with("exit status 130, cooked True"), "{shown}");
    assert!(!shown.contains("not reached"), "{shown}");
    // Ctrl-P goes to the command at once, and not to an engine.
    let shown = at_a_terminal(
        host,
        &format!("{run} /bin/sh -c 'stty raw -echo; echo ready; head -c 1 | od -An -tx1'"),
        "wait ready\ntype \\x10\nwait 10\n",
    );
    assert!(shown.contains("exit status 0"), "{shown}");
    nothing_is_left(host, engine);
}

/// A person types at a terminal, but a command in a container has none unless it was requested.
pub(super) fn none_was_asked_for(host: &Host) {
    for engine in [None, Some(Engine::Docker), Some(Engine::Podman)] {
        define(host, engine, "");
        let script = "read x; echo \"<$x>\"; exit 5";
        let run = format!("exec conductor run --id a sh -c '{script}'");
        host.write("/srv/typed", &run);
        let shown = at_a_terminal(host, "sh /srv/typed", "type hello\\r\nwait <hello>\n");
        assert!(shown.ends_with("exit status 5, cooked True"), "{engine:?}: {shown}");
        for redirected in ["</dev/null", "2>/dev/null"] {
            host.write("/srv/typed", &format!("{run} {redirected}"));
            let steps = "type hello\\r\nwait <\n";
            let shown = at_a_terminal(host, "sh /srv/typed", steps);
            assert!(
                shown.ends_with("exit status 5, cooked True"),
                "{engine:?} {redirected}: {shown}"
            );
        }
        // Ctrl-C goes to the command, as anywhere.
        host.write(
            "/srv/typed",
            "exec conductor run --id a sh -c '(sleep 0.3; echo ready) & sleep 300'",
        );
        let shown = at_a_terminal(host, "sh /srv/typed", "wait ready\ntype \\x03\n");
        assert!(shown.ends_with("exit status 130, cooked True"), "{engine:?}: {shown}");
        nothing_is_left(host, engine);
    }
}
