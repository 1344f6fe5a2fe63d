//! After a kill, a stop or a failed start, no container is left behind, and a working one comes back.

use conductor_sandbox::Engine;

use crate::Test;
use crate::containers::{HEALTH, containers, definition, start};
use crate::host::Host;

pub(crate) const TESTS: &[Test] = &[
    ("docker_client_killed", |host| main_killed(host, Engine::Docker)),
    ("podman_client_killed", |host| main_killed(host, Engine::Podman)),
    ("docker_container_killed", |host| container_killed(host, Engine::Docker)),
    ("podman_container_killed", |host| container_killed(host, Engine::Podman)),
    ("docker_probe_hangs", |host| probe_hangs(host, Engine::Docker)),
    ("podman_probe_hangs", |host| probe_hangs(host, Engine::Podman)),
    ("docker_start_failed", |host| start_failed(host, Engine::Docker)),
    ("podman_start_failed", |host| start_failed(host, Engine::Podman)),
    ("docker_never_well", |host| never_well(host, Engine::Docker)),
    ("podman_never_well", |host| never_well(host, Engine::Podman)),
    ("docker_ends_with_a_status", |host| ends_with_a_status(host, Engine::Docker)),
    ("podman_ends_with_a_status", |host| ends_with_a_status(host, Engine::Podman)),
    ("docker_stop_timed_out", |host| stop_timed_out(host, Engine::Docker)),
    ("podman_stop_timed_out", |host| stop_timed_out(host, Engine::Podman)),
    ("docker_daemon_restarted", docker_daemon_restarted),
    ("docker_a_container_of_that_name", |host| name_in_use(host, Engine::Docker)),
    ("podman_a_container_of_that_name", |host| name_in_use(host, Engine::Podman)),
];

#[track_caller]
fn nothing_is_left(host: &Host, engine: Engine) {
    assert_eq!(containers(host, engine), Vec::<String>::new());
    assert_eq!(host.sh("pgrep -c conductor-probe || true"), "0");
    assert_eq!(host.sh("systemctl list-units --all --plain --no-legend 'conductor-*'"), "");
}

/// Waits until the service runs as a new process with a single container.
#[track_caller]
fn comes_back(host: &Host, engine: Engine, names: &[String], before: u32) {
    host.eventually("it comes back", |host| {
        host.running("web").first().is_some_and(|(_, pid)| *pid != before && *pid != 0)
    });
    assert_eq!(containers(host, engine), names);
    let before = watchdog_requests(host);
    host.conductor(&["remove", "--id", "web"]).exits(0);
    // The checks do not matter then: a stopped container is not unhealthy.
    assert_eq!(watchdog_requests(host), before, "{}", host.sh("journalctl -n 30 --no-pager"));
    nothing_is_left(host, engine);
}

fn watchdog_requests(host: &Host) -> String {
    host.sh("journalctl --sync; journalctl -o cat --grep 'Watchdog request' | wc -l")
}

fn main_killed(host: &Host, engine: Engine) {
    let names = start(host, engine, HEALTH);
    let pid = host.running("web")[0].1;
    host.sh(&format!("kill -KILL {pid}"));
    comes_back(host, engine, &names, pid);
}

fn container_killed(host: &Host, engine: Engine) {
    let names = start(host, engine, HEALTH);
    let pid = host.running("web")[0].1;
    host.sh(&format!("{} kill {}", engine.program(), names[0]));
    comes_back(host, engine, &names, pid);
}

fn probe_hangs(host: &Host, engine: Engine) {
    let names = start(host, engine, HEALTH);
    let pid = host.running("web")[0].1;
    host.sh(&format!("kill -STOP {pid}"));
    comes_back(host, engine, &names, pid);
}

fn start_failed(host: &Host, engine: Engine) {
    host.sandbox.load_image(engine).expect("the engine takes the image");
    for broken in ["command: [no-such-program]\n", "user: nobody9\n"] {
        host.define("web.yaml", &definition(engine, &format!("{HEALTH}{broken}")));
        host.conductor(&["apply"]).exits(1);
        nothing_is_left(host, engine);
    }
    let unknown = definition(engine, HEALTH).replace("app:v1", "app:no-such-tag");
    host.define("web.yaml", &unknown);
    host.conductor(&["apply"]).exits(1).complains("no-such-tag");
    nothing_is_left(host, engine);
}

fn never_well(host: &Host, engine: Engine) {
    host.sandbox.load_image(engine).expect("the engine takes the image");
    let health = "port: 8080\nhealth: {http: /nothing, interval: 200ms, start_period: 1s}\n";
    host.define("web.yaml", &definition(engine, health));
    let ran = host.conductor(&["apply"]).exits(1);
    ran.complains("never healthy in ").complains("404");
    nothing_is_left(host, engine);
}

fn ends_with_a_status(host: &Host, engine: Engine) {
    host.sandbox.load_image(engine).expect("the engine takes the image");
    let command = "command: [sh, -c, 'echo going; exit 7']\n";
    host.define("web.yaml", &definition(engine, &format!("{HEALTH}{command}")));
    let ran = host.conductor(&["apply"]).exits(1);
    ran.complains("status=7").complains("going");
    nothing_is_left(host, engine);
}

fn stop_timed_out(host: &Host, engine: Engine) {
    let stubborn = "command: [sh, -c, 'trap \"\" TERM; server & while true; do sleep 1; done']\n\
                    deploy: {stop_timeout: 7s}\n";
    let names = start(host, engine, &format!("{HEALTH}{stubborn}"));
    assert_eq!(containers(host, engine), names);
    host.conductor(&["remove", "--id", "web"]).exits(0);
    nothing_is_left(host, engine);
}

fn docker_daemon_restarted(host: &Host) {
    let names = start(host, Engine::Docker, HEALTH);
    let pid = host.running("web")[0].1;
    host.sh("systemctl restart docker");
    comes_back(host, Engine::Docker, &names, pid);
    // Without warning, as by the kernel's OOM killer.
    let names = start(host, Engine::Docker, HEALTH);
    let pid = host.running("web")[0].1;
    host.sh("systemctl kill --signal=KILL docker");
    comes_back(host, Engine::Docker, &names, pid);
}

/// As after a power cut, when nothing could remove the container.
fn name_in_use(host: &Host, engine: Engine) {
    let names = start(host, engine, HEALTH);
    host.sh("systemctl stop conductor-web.target 'conductor-web-*.service'");
    assert_eq!(containers(host, engine), Vec::<String>::new());
    let program = engine.program();
    host.sh(&format!("{program} create --name {} localhost/app:v1 >/dev/null", names[0]));
    host.sh("systemctl start conductor-web.target");
    host.eventually("it runs", |host| host.running("web").len() == 1);
    assert_eq!(containers(host, engine), names);
}
