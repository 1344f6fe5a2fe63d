//! Docker and Podman work in a sandbox: images, published ports, cgroups, systemd units, and reset.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]
#![expect(clippy::print_stderr, reason = "progress is for whoever runs the tests")]

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use conductor_sandbox::{Engine, Sandbox, Tree};

/// A podman unit in which a loop does what conductor-probe is for. A connection that is opened while
/// the port is being published can hang for good, hence the limit.
const PODMAN_UNIT: &str = "
[Service]
Type=notify
NotifyAccess=all
Delegate=yes
KillMode=mixed
ExecStart=sh -ec '\\
    (until curl -sf --max-time 1 127.0.0.1:20003/health; do sleep 0.05; done; systemd-notify --ready) & \\
    exec podman run --detach --replace --rm --init --name conductor-p --cgroups=split \\
        --sdnotify=container --publish 127.0.0.1:20003:80 localhost/app:v1'
ExecStop=podman stop --time 1 conductor-p
";

#[test]
fn docker_runs_containers() {
    let sandbox = boot();
    // Nobody has asked for it yet.
    assert_eq!(text(&sandbox, "systemctl is-active docker docker.socket containerd || true"), {
        "inactive\ninactive\ninactive"
    });
    sandbox.load_image(Engine::Docker).unwrap();
    let run = "docker run --detach --init --name";
    sandbox.sh(&format!("{run} web --publish 127.0.0.1:20001:80 localhost/app:v1")).unwrap();
    sandbox
        .sh(&format!("{run} web2 --publish 127.0.0.1:20002:8000 --env PORT=8000 localhost/app:v2"))
        .unwrap();
    assert_eq!(fetch(&sandbox, "127.0.0.1:20001/"), "v1");
    assert_eq!(fetch(&sandbox, "127.0.0.1:20002/"), "v2");
    assert_eq!(fetch(&sandbox, "127.0.0.1:20002/health"), "healthy");

    sandbox.sh("docker stop web && docker rm web && docker rm --force web2").unwrap();
    assert_eq!(text(&sandbox, "docker ps --all --quiet"), "");
    assert!(sandbox.sh("curl -sS --max-time 1 127.0.0.1:20001").is_err());

    let id = "docker run --rm --user app --network host --read-only localhost/app:v1 id -un";
    assert_eq!(text(&sandbox, id), "app");
}

#[test]
fn docker_puts_containers_into_a_slice() {
    let sandbox = boot();
    sandbox.load_image(Engine::Docker).unwrap();
    let run = "docker run --detach --cgroup-parent conductor-x.slice localhost/app:v1";
    let id = text(&sandbox, run);
    let path = format!("/sys/fs/cgroup/conductor.slice/conductor-x.slice/docker-{id}.scope");
    assert_ne!(text(&sandbox, &format!("cat {path}/cgroup.procs")), "");
}

#[test]
fn podman_runs_containers() {
    let sandbox = boot();
    sandbox.load_image(Engine::Podman).unwrap();
    let run = "podman run --detach --init --name";
    sandbox.sh(&format!("{run} web --publish 127.0.0.1:20001:80 localhost/app:v1")).unwrap();
    sandbox.sh(&format!("{run} web2 --network host --env PORT=20002 localhost/app:v2")).unwrap();
    assert_eq!(fetch(&sandbox, "127.0.0.1:20001/"), "v1");
    assert_eq!(fetch(&sandbox, "127.0.0.1:20002/"), "v2");
    sandbox.sh("podman stop web && podman rm web && podman rm --force --time 0 web2").unwrap();
    assert_eq!(text(&sandbox, "podman ps --all --quiet"), "");
    assert!(sandbox.sh("curl -sS --max-time 1 127.0.0.1:20001").is_err());

    let id = "podman run --rm --user app --read-only localhost/app:v1 id -un";
    assert_eq!(text(&sandbox, id), "app");
}

#[test]
fn podman_runs_as_a_unit_and_in_its_cgroup() {
    let sandbox = boot();
    sandbox.load_image(Engine::Podman).unwrap();
    fs::write(sandbox.path("/run/systemd/system/conductor-p.service"), PODMAN_UNIT).unwrap();
    sandbox.sh("systemctl start conductor-p.service").unwrap();
    assert_eq!(fetch(&sandbox, "127.0.0.1:20003/"), "v1");
    let main = "cat /proc/$(systemctl show --property MainPID --value conductor-p)/comm";
    assert_eq!(text(&sandbox, main), "conmon");
    let payload =
        "cat /sys/fs/cgroup/system.slice/conductor-p.service/libpod-payload-*/cgroup.procs";
    assert_ne!(text(&sandbox, payload), "");
    sandbox.sh("systemctl stop conductor-p.service").unwrap();
    assert_eq!(text(&sandbox, "podman ps --all --quiet"), "");
}

#[test]
fn systemd_runs_the_unpacked_image() {
    let sandbox = boot();
    let run = "systemd-run --wait --pipe --quiet --property DynamicUser=yes \
               --property RootDirectory=/usr/share/conductor-sandbox/root \
               --setenv VERSION=v1 sh -c 'server 127.0.0.1:8000 & \
               until wget -q -O - 127.0.0.1:8000; do sleep 0.05; done; kill $!'";
    assert_eq!(text(&sandbox, run), "v1");
}

#[test]
fn reset_removes_containers_and_tags() {
    let sandbox = boot();
    let began = Instant::now();
    sandbox.reset().unwrap();
    eprintln!("a reset without containers took {:?}", began.elapsed());
    assert_eq!(text(&sandbox, "systemctl is-active docker || true"), "inactive");

    for engine in [Engine::Docker, Engine::Podman] {
        sandbox.load_image(engine).unwrap();
        let program = engine.program();
        let run = format!("{program} run --detach --name");
        sandbox.sh(&format!("{run} conductor-a --restart always localhost/app:v1")).unwrap();
        sandbox.sh(&format!("{run} conductor-b --rm localhost/app:v1")).unwrap();
        sandbox.sh(&format!("{run} conductor-c localhost/app:v1 false")).unwrap();
        sandbox.sh(&format!("{run} other localhost/app:v1")).unwrap();
        sandbox.sh(&format!("{program} tag localhost/app:v1 localhost/app:v3")).unwrap();
    }
    // What is left when clients and monitors die; and a slice that has to wait for a container.
    sandbox.sh("pkill -KILL conmon").unwrap();
    let in_slice = "docker run --detach --name conductor-d --cgroup-parent conductor-x.slice";
    sandbox.sh(&format!("{in_slice} localhost/app:v1")).unwrap();
    fs::write(sandbox.path("/run/systemd/system/conductor-p.service"), PODMAN_UNIT).unwrap();
    sandbox.sh("systemctl start conductor-p.service").unwrap();

    let began = Instant::now();
    sandbox.reset().unwrap();
    eprintln!("a reset with containers took {:?}", began.elapsed());
    for engine in [Engine::Docker, Engine::Podman] {
        let names = format!("{} ps --all --format '{{{{.Names}}}}'", engine.program());
        assert_eq!(text(&sandbox, &names), "other", "{engine:?}");
        let program = engine.program();
        let tags = format!("{program} images --format '{{{{.Tag}}}}' localhost/app | sort");
        assert_eq!(text(&sandbox, &tags), "v1\nv2", "{engine:?}");
    }
    assert_eq!(text(&sandbox, "systemctl list-units --all --plain --no-legend 'conductor-*'"), "");
}

fn boot() -> Sandbox {
    let tree = Tree::ensure(&mut |line| eprintln!("{line}")).unwrap();
    Sandbox::builder(&tree).boot().unwrap()
}

fn text(sandbox: &Sandbox, script: &str) -> String {
    let output = sandbox.sh(script).unwrap();
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// Asks until there is an answer: a published port may refuse, reset or hang for a moment.
fn fetch(sandbox: &Sandbox, url: &str) -> String {
    let deadline = Instant::now() + Duration::from_mins(2);
    loop {
        match sandbox.sh(&format!("curl -sSf --max-time 1 {url}")) {
            Ok(output) => return String::from_utf8(output.stdout).unwrap().trim_end().to_owned(),
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        thread::sleep(Duration::from_millis(50));
    }
}
