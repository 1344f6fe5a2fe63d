//! Pods of podman: containers of several services share an address, and none stops because of another one.

use conductor_sandbox::Engine;

use crate::containers::containers;
use crate::host::Host;

/// How the pod is made.
const POD: &str = "pod: {name: shop, ports: ['127.0.0.1:8090:80'], networks: [front]}\n";
/// The port at which the other one listens, inside of the pod.
const STORE: &str = "env: {PORT: '81'}\n";

fn define_one(host: &Host, id: &str, version: &str, more: &str) {
    let text = format!("id: {id}\nruntime: podman\nimage: localhost/app:{version}\n{more}");
    host.define(&format!("{id}.yaml"), &text);
}

/// Defines a service that answers at the port of the pod, and becomes healthy once it has reached the other one.
fn define_web(host: &Host, more: &str) {
    let command =
        "until wget -q -O /dev/null http://127.0.0.1:81/; do sleep 0.1; done; exec server";
    let text = format!(
        "{more}command: [sh, -c, '{command}']\n\
         health: {{http: /health, interval: 200ms, timeout: 5s}}\n\
         cron: {{tidy: {{schedule: '0 3 * * *', command: [wget, -q, -O-, 'http://127.0.0.1:81/']}}}}\n"
    );
    define_one(host, "web", "v1", &text);
}

/// Defines two services that share a pod.
pub(crate) fn define(host: &Host) {
    define_web(host, POD);
    define_one(host, "store", "v1", &format!("{POD}{STORE}"));
}

/// Returns what is answered at the port that the pod has on the host.
#[track_caller]
pub(crate) fn front(host: &Host) -> String {
    host.sh("curl -s http://127.0.0.1:8090/")
}

/// Returns what the other one answers to the container of the service `web`, if it runs.
#[track_caller]
fn asked_inside(host: &Host) -> String {
    let mut names = containers(host, Engine::Podman).into_iter();
    let Some(name) = names.rfind(|name| name.starts_with("conductor-web-")) else {
        return String::new();
    };
    host.sh(&format!("podman exec {name} wget -q -O - http://127.0.0.1:81/ || true"))
}

#[track_caller]
fn pods(host: &Host) -> String {
    host.sh("podman pod ls --format '{{.Name}}' | sort | tr '\\n' ' '").trim_end().to_owned()
}

pub(crate) fn share(host: &Host) {
    host.sandbox.load_image(Engine::Podman).expect("the engine takes the image");
    define(host);
    host.apply()
        .says("make the network front if podman has none of that name")
        .says("make the pod shop if podman has none of that name");
    host.is_converged();
    assert_eq!((asked_inside(host), front(host)), ("v1".to_owned(), "v1".to_owned()));
    // Each is in the control group of its own unit, where its limits are.
    let unit = host.running("web").remove(0).0;
    let name = unit.trim_end_matches(".service");
    let group = host
        .sh(&format!("cat /proc/$(podman inspect --format '{{{{.State.Pid}}}}' {name})/cgroup"));
    assert!(group.contains(&format!("/{unit}/")), "{group}");
    let status = host.conductor(&["status", "--output", "json"]).exits(0).json();
    assert_eq!(status["services"][1]["pods"][0], "shop");
    assert_eq!(status["services"][1]["networks"][0]["name"], "front");

    // Jobs and commands that run once are in it, too.
    let at = "http://127.0.0.1:81/";
    host.conductor(&["run", "--id", "web", "wget", "-q", "-O-", at]).exits(0).says("v1");
    host.conductor(&["cron", "run-now", "--id", "web", "tidy"]).exits(0).says("v1");

    // A new release of one leaves the other as it is; so does its rollback.
    let web = host.running("web");
    define_one(
        host,
        "store",
        "v2",
        &format!("{POD}{STORE}deploy: {{before: [wget, -q, -O-, '{at}']}}\n"),
    );
    host.apply().says("v1");
    assert_eq!(asked_inside(host), "v2");
    host.conductor(&["rollback", "--id", "store"]).exits(0);
    assert_eq!(asked_inside(host), "v1");
    host.sh(&format!("podman kill {}", containers(host, Engine::Podman)[0]));
    host.eventually("it is back", |host| asked_inside(host) == "v1");
    assert_eq!(host.running("web"), web);
    define_one(host, "store", "v1", &format!("{POD}{STORE}"));
    host.apply();

    // If what holds the address ends, or its monitor, all start again.
    for kill in ["podman kill shop-infra", "kill -9 $(cat /run/conductor-pod-shop.pid)"] {
        let before = host.running("web");
        host.sh(kill);
        host.eventually("all are back", |host| {
            host.running("web") != before
                && asked_inside(host) == "v1"
                && host.sh("curl -s http://127.0.0.1:8090/ || true") == "v1"
        });
    }
    host.eventually("all are up", |host| host.running("store").len() == 1);
    host.is_converged();

    is_not_changed(host);
    host.conductor(&["remove", "--id", "web"]).exits(0);
    assert_eq!(pods(host), "shop");
    host.conductor(&["remove", "--id", "store"])
        .exits(0)
        .says("remove the pod shop")
        .says("remove the network front");
    assert_eq!(pods(host), "");
    assert_eq!(host.property("conductor-pod@shop.service", "ActiveState"), "inactive");
    host.sh("! podman network exists front");
}

/// A pod is never changed: not conductor's own, nor that of somebody else.
fn is_not_changed(host: &Host) {
    let before = (host.running("web"), host.running("store"));
    let other = POD.replace("8090", "8091");
    define_web(host, &other);
    define_one(host, "store", "v1", &format!("{other}{STORE}"));
    host.conductor(&["apply"])
        .exits(3)
        .complains("a pod of that name is there, made otherwise")
        .complains("systemctl stop conductor-pod@NAME");
    host.sh("podman pod create --name theirs");
    define_web(host, &POD.replace("shop", "theirs").replace("8090", "8092"));
    define_one(host, "store", "v1", &format!("{POD}{STORE}"));
    host.conductor(&["apply"])
        .exits(3)
        .complains("a pod of that name is there, which conductor did not make");
    assert_eq!((host.running("web"), host.running("store")), before);
    host.sh("podman pod rm theirs");
    // What the message says makes it anew.
    define_web(host, &other);
    define_one(host, "store", "v1", &format!("{other}{STORE}"));
    host.sh("systemctl stop conductor-pod@shop; podman pod rm shop");
    host.apply();
    assert_eq!(host.sh("curl -s http://127.0.0.1:8091/"), "v1");
    host.is_converged();
}

/// At how many moments of an apply it is killed.
const MOMENTS: u32 = 2;

pub(crate) fn as_long_as_used(host: &Host) {
    host.sandbox.load_image(Engine::Podman).expect("the engine takes the image");
    let sleeps = |id: &str, pod: &str| {
        define_one(
            host,
            id,
            "v1",
            &format!("pod: {pod}\ncommand: [sleep, 1d]\ndeploy: {{keep: 0}}\n"),
        );
    };
    sleeps("a", "one");
    sleeps("b", "one");
    host.apply();
    assert_eq!(pods(host), "one");
    // Killed at any moment, the next run finishes, and nothing is left.
    for moment in 1..=MOMENTS {
        let (new, old) = if moment % 2 == 1 { ("two", "one") } else { ("one", "two") };
        sleeps("a", new);
        sleeps("b", new);
        let delay = 0.5 * f64::from(moment);
        host.sh(&format!("timeout -s KILL {delay} conductor apply >/dev/null 2>&1 || true"));
        host.apply();
        let left = pods(host);
        assert!(left == new, "{left} after {delay} s, not only {new} without {old}");
        assert_eq!(containers(host, Engine::Podman).len(), 2);
        host.is_converged();
    }
    // What does not start leaves no pod.
    define_one(host, "c", "v1", "pod: three\ncommand: [/nowhere]\n");
    host.conductor(&["apply"]).exits(1);
    assert_eq!(pods(host), "one");
    host.undefine("c.yaml");
    // A container of somebody else keeps it.
    host.sh("podman run --detach --pod one --name other localhost/app:v1 sleep 1d");
    host.conductor(&["remove", "--all"])
        .exits(0)
        .says("the pod one was not removed: other containers are in it: other");
    assert_eq!(host.sh("podman inspect --format '{{.State.Status}}' other"), "running");
    host.sh("podman rm --force --time 0 other");
    sleeps("a", "one");
    host.undefine("b.yaml");
    host.apply();
    host.conductor(&["remove", "--all"]).exits(0);
    assert_eq!(pods(host), "");
}
