//! Check commands that hang, and would use up the service's limits with each check.

use conductor_sandbox::Engine;

use crate::Test;
use crate::containers::start;
use crate::host::Host;

pub(crate) const TESTS: &[Test] = &[
    ("docker_has_none_left", |host| none_is_left(host, Engine::Docker)),
    ("podman_has_none_left", |host| none_is_left(host, Engine::Podman)),
    ("a_container_without_a_run_is_checked", a_container_without_a_run_is_checked),
];

/// Finds the leftover processes of the command below in all containers.
const LEFT: &str = "pgrep -fc '^sleep 98[78]$' || true";

fn none_is_left(host: &Host, engine: Engine) {
    let names = start(
        host,
        engine,
        "health: {interval: 200ms, timeout: 1s, retries: 1000, \
         command: [sh, -c, 'test -e /tmp/hang || exit 0; sleep 987 & setsid sleep 988 & wait']}\n",
    );
    let container = |script: &str| {
        host.sh(&format!("{} exec {} {script}", engine.program(), names[0]));
    };
    container("touch /tmp/hang");
    host.eventually("six checks fail in a row", |host| {
        let status = host.property(&format!("{}.service", names[0]), "StatusText");
        let failures = status.strip_prefix("unhealthy ").and_then(|rest| rest.split_once('/'));
        failures.and_then(|(number, _)| number.parse().ok()).is_some_and(|number: u32| number >= 6)
    });
    // The processes of this check, and of the previous one if the engine was slow.
    let left: u32 = host.sh(LEFT).parse().expect("a number");
    assert!(left <= 4, "{left} are left");
    container("rm /tmp/hang");
    host.eventually("it is well", |host| {
        host.property(&format!("{}.service", names[0]), "StatusText").starts_with("healthy: ")
    });
    host.eventually("none is left", |host| host.sh(LEFT) == "0");
}

/// A read-only root directory, and volumes at possible paths of the probe.
fn a_container_without_a_run_is_checked(host: &Host) {
    host.sh("mkdir -p /srv/empty");
    for engine in [Engine::Docker, Engine::Podman] {
        let names = start(
            host,
            engine,
            "volumes: ['/srv/empty:/run:ro']\ncommand: [/bin/sleep, 1d]\n\
             deploy: {stop_timeout: 6s}\nhealth: {interval: 200ms, timeout: 5s, command: [/bin/ls, /run]}\nuser: app\n",
        );
        let ran = host.conductor(&["status"]).exits(0);
        ran.says("healthy: exit status 0 in ");
        let read_only =
            format!("{} exec -u 0 {} sh -c 'echo >/.conductor-probe'", engine.program(), names[0]);
        host.sh(&format!("! {read_only} 2>/dev/null"));
        assert!(!host.sh("ls -A /srv/empty").contains("probe"));
        host.conductor(&["remove", "--id", "web"]).exits(0);
    }
}
