//! Networks of containers: services find each other by name, and a network is there as long as it has a user.

use conductor_sandbox::Engine;

use crate::Test;
use crate::containers::containers;
use crate::host::Host;
use crate::pods;

pub(crate) const TESTS: &[Test] = &[
    ("docker_services_find_each_other", |host| find_each_other(host, Engine::Docker)),
    ("podman_services_find_each_other", |host| find_each_other(host, Engine::Podman)),
    ("docker_has_a_network_as_long_as_it_is_used", |host| as_long_as_used(host, Engine::Docker)),
    ("podman_has_a_network_as_long_as_it_is_used", |host| as_long_as_used(host, Engine::Podman)),
    ("docker_makes_a_network_once", docker_makes_a_network_once),
    ("podman_says_that_it_knows_no_names", says_that_it_knows_no_names),
    ("podman_services_share_a_pod", pods::share),
    ("podman_has_a_pod_as_long_as_it_is_used", pods::as_long_as_used),
];

/// A health check of a server without a port of the host.
const HEALTHY: &str = "health: {command: [wget, -q, -O, /dev/null, 'http://127.0.0.1/health'], interval: 200ms, timeout: 5s}\n";

fn define(host: &Host, engine: Engine, id: &str, version: &str, more: &str) {
    let engine = engine.program();
    let text = format!("id: {id}\nruntime: {engine}\nimage: localhost/app:{version}\n{more}");
    host.define(&format!("{id}.yaml"), &text);
}

/// Returns the networks of an engine, without its own ones.
#[track_caller]
fn networks(host: &Host, engine: Engine) -> String {
    let own = "bridge|host|none|podman";
    let program = engine.program();
    let names = format!("{program} network ls --format '{{{{.Name}}}}' | grep -vxE '{own}' | sort");
    host.sh(&format!("{names} || true")).replace('\n', " ")
}

/// Returns what a server answers in the container of a service's first instance.
#[track_caller]
fn asked_inside(host: &Host, engine: Engine, service: &str, url: &str) -> String {
    let prefix = format!("conductor-{service}-");
    let mut names = containers(host, engine).into_iter();
    let name = names.rfind(|name| name.starts_with(&prefix)).expect("it runs");
    host.sh(&format!("{} exec {name} wget -q -O - {url}", engine.program()))
}

/// Checks that a network and an address in it are as the definition says.
#[track_caller]
fn is_made_as_defined(host: &Host, engine: Engine) {
    let program = engine.program();
    let network = host.sh(&format!("{program} network inspect front | tr -d ' '")).to_lowercase();
    for part in ["\"internal\":true", "10.199.7.0/24", "10.199.7.1\""] {
        assert!(network.contains(part), "{part}: {network}");
    }
    host.sh("test -d /sys/class/net/br-front");
    let names = containers(host, engine);
    let name = names.iter().find(|name| name.starts_with("conductor-shop-")).expect("it runs");
    let networks = host
        .sh(&format!("{program} inspect --format '{{{{json .NetworkSettings.Networks}}}}' {name}"));
    assert!(networks.contains("\"10.199.7.9\""), "{networks}");
}

/// docker before 25 takes a second network of a name, and then refuses both as ambiguous.
fn docker_makes_a_network_once(host: &Host) {
    host.sandbox.load_image(Engine::Docker).expect("the engine takes the image");
    for id in ["a", "b", "c", "d", "e", "f"] {
        define(host, Engine::Docker, id, "v1", "networks: {one: {}}\n");
    }
    host.apply();
    assert_eq!(networks(host, Engine::Docker), "one");
    host.conductor(&["remove", "--all"]).exits(0);
    assert_eq!(networks(host, Engine::Docker), "");
}

fn find_each_other(host: &Host, engine: Engine) {
    host.sandbox.load_image(engine).expect("the engine takes the image");
    let db = format!("networks: {{backend: {{aliases: [store.example]}}}}\n{HEALTHY}");
    define(host, engine, "db", "v1", &db);
    // It becomes healthy once it has reached the other one, which starts at the same time.
    let shop = |front: &str| {
        let front = format!("{front}gateways: [10.199.7.1], subnets: [10.199.7.0/24]");
        let more = format!(
            "networks:\n  backend:\n  front: {{{front}, ipv4_address: 10.199.7.9, \
             driver_opts: {{com.docker.network.bridge.name: br-front}}}}\n\
             port: 8080\nhealth: {{http: /health, interval: 200ms, timeout: 5s}}\n\
             command: [sh, -c, 'until wget -q -O /dev/null http://db/; do sleep 0.1; done; exec server']\n\
             cron: {{tidy: {{schedule: '0 3 * * *', command: [wget, -q, -O-, 'http://db/']}}}}\n"
        );
        define(host, engine, "shop", "v1", &more);
    };
    shop("internal: true, ");
    let engine_name = engine.program();
    host.apply()
        .says(&format!("make the network backend if {engine_name} has none of that name"))
        .says(&format!("make the network front if {engine_name} has none of that name"));
    assert_eq!(networks(host, engine), "backend front");
    host.is_converged();
    is_made_as_defined(host, engine);
    // The network that is there stays as it is, and so does what is in it.
    let before = containers(host, engine);
    shop("");
    host.conductor(&["apply"])
        .exits(3)
        .complains("a network of that name is there, made otherwise");
    assert_eq!(containers(host, engine), before);
    shop("internal: true, ");
    host.apply();
    host.is_converged();
    let inside = |service, url| asked_inside(host, engine, service, url);
    assert_eq!(inside("shop", "http://store.example/"), "v1");
    assert_eq!(inside("db", "http://shop:8080/"), "v1");
    let run = |arguments: &[&str]| {
        let all = [&["run", "--id", "shop"], arguments].concat();
        host.conductor(&all).exits(0).stdout
    };
    let from_job = |version: &str| {
        host.conductor(&["cron", "run-now", "--id", "shop", "tidy"]).exits(0).says(version);
    };
    assert_eq!(run(&["wget", "-q", "-O", "-", "http://db/"]), "v1\n");
    from_job("v1");

    // The name leads to the new release. The command before it has found it, too.
    define(host, engine, "db", "v2", &format!("{db}deploy: {{before: [wget, -q, -O-, db]}}\n"));
    host.apply().says("v1");
    for url in ["http://db/", "http://store.example/"] {
        assert_eq!(inside("shop", url), "v2");
    }
    assert_eq!(run(&["wget", "-q", "-O", "-", "http://db/"]), "v2\n");
    from_job("v2");
    host.is_converged();
    let status = host.conductor(&["status", "--output", "json"]).exits(0).json();
    assert_eq!(status["services"][0]["networks"][0]["name"], "backend");
    // A job is not its service: its container has no name of it.
    let look_up = "sleep 0.3; nslookup -type=a db 2>/dev/null | grep -c '^Address' || true";
    let before = run(&["sh", "-c", look_up]);
    host.conductor(&["run", "--id", "db", "--detach", "sleep", "1d"]).exits(0);
    host.eventually("it runs", |host| containers(host, engine).len() == 3);
    assert_eq!(run(&["sh", "-c", look_up]), before);
    host.sh("systemctl stop 'conductor-db-*-run-*.service'");
    has_its_name(host, engine, &db);

    host.conductor(&["remove", "--id", "shop"]).exits(0).says("remove the network front");
    assert_eq!(networks(host, engine), "backend");
    host.conductor(&["remove", "--id", "db"]).exits(0).says("remove the network backend");
    assert_eq!(networks(host, engine), "");
}

/// The container of a service has a name of its own, in each release; nothing happens to somebody else's.
fn has_its_name(host: &Host, engine: Engine, db: &str) {
    let program = engine.program();
    let named = |version: &str, name: &str| {
        define(host, engine, "db", version, &format!("{db}container_name: {name}\n"));
    };
    let answer = || host.sh(&format!("{program} exec the.db wget -q -O - http://127.0.0.1/"));
    for version in ["v1", "v2"] {
        named(version, "the.db");
        host.apply();
        assert_eq!(answer(), version);
        assert_eq!(asked_inside(host, engine, "shop", "http://the.db/"), version);
        host.is_converged();
    }
    // It has it again when it was started again, and after a power cut has left the old one.
    let unit = host.running("db").remove(0).0;
    let own = format!("{program} inspect --format '{{{{.Id}}}}' the.db");
    let old = host.sh(&own);
    host.sh(&format!("{program} kill the.db"));
    host.sh(&format!(
        "until new=$({own} 2>/dev/null) && test $new != {old} && {program} exec the.db wget -q -O - http://127.0.0.1/; \
         do sleep 0.1; done"
    ));
    host.sh(&format!("systemctl stop '{unit}'"));
    host.sh(&format!("{program} create --name the.db --label CONDUCTOR_ID=db localhost/app:v1"));
    host.sh(&format!("systemctl start '{unit}'"));
    assert_eq!(answer(), "v2");
    // Somebody else has the name.
    let id = host.sh(&format!("{program} run --detach --name theirs localhost/app:v1 sleep 1d"));
    named("v1", "theirs");
    let ran = host.conductor(&["apply"]).exits(3);
    assert!(ran.stderr.contains("in use"), "{}", ran.stderr);
    assert_eq!(answer(), "v2");
    let left = host.sh(&format!("{program} ps --no-trunc --quiet --filter name=theirs"));
    assert_eq!(left, id.lines().last().unwrap_or_default());
    host.sh(&format!("{program} kill theirs; {program} rm --force theirs"));
    named("v2", "the.db");
    host.apply();
}

/// At how many moments of an apply it is killed.
const MOMENTS: u32 = 4;

fn as_long_as_used(host: &Host, engine: Engine) {
    let program = engine.program();
    host.sandbox.load_image(engine).expect("the engine takes the image");
    host.sh(&format!("{program} network create theirs"));
    let sleeps = |id: &str, networks: &str| {
        let text = format!("networks: [{networks}]\ncommand: [sleep, 1d]\ndeploy: {{keep: 0}}\n");
        define(host, engine, id, "v1", &text);
    };
    sleeps("a", "theirs, one");
    sleeps("b", "one");
    host.apply();
    assert_eq!(networks(host, engine), "one theirs");
    // Killed at any moment, the next run finishes, and nothing is left.
    for moment in 1..=MOMENTS {
        let (new, old) = if moment % 2 == 1 { ("two", "one") } else { ("one", "two") };
        sleeps("a", &format!("theirs, {new}"));
        sleeps("b", new);
        let delay = 0.4 * f64::from(moment);
        host.sh(&format!("timeout -s KILL {delay} conductor apply >/dev/null 2>&1 || true"));
        host.apply();
        let left = networks(host, engine);
        assert!(left.contains(new) && !left.contains(old), "{left} after {delay} s");
        assert_eq!(containers(host, engine).len(), 2);
        host.is_converged();
    }
    // What does not start leaves no network.
    define(host, engine, "c", "v1", "networks: [three]\ncommand: [/nowhere]\n");
    // The others are up.
    host.conductor(&["apply"]).exits(1);
    assert_eq!(networks(host, engine), "one theirs");
    host.undefine("c.yaml");
    // Both leave it at once. It stays for somebody else, as does that of somebody else.
    let run =
        format!("{program} run --detach --name other --network one localhost/app:v1 sleep 1d");
    host.sh(&run);
    host.conductor(&["remove", "--all"]).exits(0).says("the network one was not removed: Error");
    assert_eq!(networks(host, engine), "one theirs");
    host.sh(&format!("{program} kill other; {program} rm --force other; {program} network rm one"));
    sleeps("a", "theirs, one");
    sleeps("b", "one");
    host.apply();
    host.conductor(&["remove", "--all"]).exits(0);
    assert_eq!(networks(host, engine), "theirs");
    host.sh(&format!("{program} network rm theirs"));
}

fn says_that_it_knows_no_names(host: &Host) {
    host.sandbox.load_image(Engine::Podman).expect("the engine takes the image");
    host.spoil();
    let define = |env: &str| {
        let text = format!("networks: [backend]\ncommand: [sleep, 1d]\nenv: {{A: {env}}}\n");
        define(host, Engine::Podman, "web", "v1", &text);
    };
    define("a");
    host.apply();
    let before = host.running("web");
    host.sh("mv /usr/lib/podman/aardvark-dns /root/");
    define("b");
    host.conductor(&["apply"])
        .exits(3)
        .complains("without aardvark-dns, containers of podman do not find each other by name")
        .complains("apt install aardvark-dns");
    assert_eq!(host.running("web"), before);
}
