//! Services in containers, with both engines: they run, answer, are limited, and are replaced.

use conductor_sandbox::Engine;

use crate::Test;
use crate::host::Host;

pub(crate) const TESTS: &[Test] = &[
    ("docker_runs_what_is_defined", |host| runs_what_is_defined(host, Engine::Docker)),
    ("podman_runs_what_is_defined", |host| runs_what_is_defined(host, Engine::Podman)),
    ("docker_without_a_health_check", |host| without_a_health_check(host, Engine::Docker)),
    ("podman_without_a_health_check", |host| without_a_health_check(host, Engine::Podman)),
    ("docker_shows_secrets_to_any_user", |host| secrets(host, Engine::Docker)),
    ("podman_shows_secrets_to_any_user", |host| secrets(host, Engine::Podman)),
    ("docker_replaces_the_unhealthy", |host| replaces_the_unhealthy(host, Engine::Docker)),
    ("podman_replaces_the_unhealthy", |host| replaces_the_unhealthy(host, Engine::Podman)),
    ("docker_changes_the_revision", |host| changes_the_revision(host, Engine::Docker)),
    ("podman_changes_the_revision", |host| changes_the_revision(host, Engine::Podman)),
    ("podman_runs_an_image_by_its_digest", podman_runs_an_image_by_its_digest),
    ("docker_checks_with_a_command_inside", |host| command_inside(host, Engine::Docker)),
    ("podman_checks_with_a_command_inside", |host| command_inside(host, Engine::Podman)),
    ("docker_replaces_the_entrypoint", |host| entrypoint(host, Engine::Docker)),
    ("podman_replaces_the_entrypoint", |host| entrypoint(host, Engine::Podman)),
    ("docker_has_the_capabilities_of_its_definition", |host| capabilities(host, Engine::Docker)),
    ("podman_has_the_capabilities_of_its_definition", |host| capabilities(host, Engine::Podman)),
    ("docker_listens_for_everybody", |host| listens_for_everybody(host, Engine::Docker)),
    ("podman_listens_for_everybody", |host| listens_for_everybody(host, Engine::Podman)),
    ("docker_is_not_its_proxy", |host| nothing_listens_inside(host, Engine::Docker)),
    ("podman_is_not_its_listener", |host| nothing_listens_inside(host, Engine::Podman)),
    ("docker_has_all_of_its_stop_timeout", |host| stop_timeout(host, Engine::Docker)),
    ("podman_has_all_of_its_stop_timeout", |host| stop_timeout(host, Engine::Podman)),
    ("docker_passes_signals_on", |host| passes_signals_on(host, Engine::Docker)),
];

/// The health check of a container that listens on a port.
pub(crate) const HEALTH: &str =
    "port: 8080\nhealth: {http: /health, interval: 200ms, timeout: 2s}\n";

/// Returns the definition of a service in the test's image.
pub(crate) fn definition(engine: Engine, rest: &str) -> String {
    let engine = engine.program();
    format!("id: web\nruntime: {engine}\nimage: localhost/app:v1\n{rest}")
}

/// Applies a definition and returns the names of its units, which are also those of its containers.
#[track_caller]
pub(crate) fn start(host: &Host, engine: Engine, rest: &str) -> Vec<String> {
    host.sandbox.load_image(engine).expect("the engine takes the image");
    host.define("web.yaml", &definition(engine, rest));
    host.apply();
    let running = host.running("web").into_iter();
    running.map(|(unit, _)| unit.trim_end_matches(".service").to_owned()).collect()
}

/// Returns the names of all containers of conductor, running or not.
#[track_caller]
pub(crate) fn containers(host: &Host, engine: Engine) -> Vec<String> {
    let engine = engine.program();
    let names = host.sh(&format!("{engine} ps --all --format '{{{{.Names}}}}' | sort"));
    names.lines().filter(|name| name.starts_with("conductor-")).map(str::to_owned).collect()
}

/// Returns the ports of the instances, from the first.
#[track_caller]
pub(crate) fn ports(host: &Host) -> Vec<u64> {
    let json = host.conductor(&["status", "--output", "json"]).exits(0).json();
    let instances = json["services"][0]["instances"].as_array().expect("instances");
    instances.iter().map(|instance| instance["port"].as_u64().expect("a port")).collect()
}

#[track_caller]
pub(crate) fn get(host: &Host, port: u64, path: &str) -> String {
    host.sh(&format!("curl -sS --max-time 5 127.0.0.1:{port}{path}"))
}

fn runs_what_is_defined(host: &Host, engine: Engine) {
    host.write("/srv/data/file", "from the host\n");
    host.write("/srv/web.env", "FROM_FILE=a value\nBOTH=file\n");
    let names = start(
        host,
        engine,
        &format!(
            "{HEALTH}instances: 2\nuser: app\nenv: {{GREETING: \"it's 100% $HOME\", BOTH: env, PORT_TOO: '{{port}}'}}\n\
             env_files: [/srv/web.env]\nvolumes: ['/srv/data:/data:ro']\n\
             command: [sh, -c, 'echo started as $(id -un) with $1; exec server', sh, \"a b\\\"$X%n\"]\n"
        ),
    );
    assert_eq!(containers(host, engine), names);
    let ports = ports(host);
    for port in &ports {
        assert_eq!(get(host, *port, "/"), "v1");
        let environment = get(host, *port, "/cgi-bin/env");
        for line in ["GREETING=it's 100% $HOME", "FROM_FILE=a value", "BOTH=env", "PORT_TOO=8080"] {
            assert!(environment.lines().any(|found| found == line), "no {line} in {environment}");
        }
        // Reachable only from this host, unless the definition says otherwise.
        let listeners = host.sh(&format!("ss -Hltn 'sport = :{port}'"));
        assert!(!listeners.contains(&format!("0.0.0.0:{port}")), "{listeners}");
    }
    let program = engine.program();
    let inside = |script: &str| host.sh(&format!("{program} exec {} {script}", names[0]));
    assert_eq!(inside("cat /data/file"), "from the host");
    assert_eq!(inside("id -un"), "app");
    host.sh(&format!("! {program} exec {} touch /data/x 2>/dev/null", names[0]));
    // The container's output is in the service's journal.
    host.conductor(&["logs", "--id", "web"]).exits(0).says("started as app with a b\"$X%n");
    host.conductor(&["status"]).exits(0).says("healthy: 200 in ");
    // No client process stays next to the container.
    for client in ["docker run", "docker create", "podman run"] {
        assert_eq!(host.sh(&format!("pgrep -fc '^/usr/bin/{client}' || true")), "0", "{client}");
    }
    host.is_converged();
    host.conductor(&["remove", "--id", "web"]).exits(0);
    assert_eq!(containers(host, engine), Vec::<String>::new());
    assert_eq!(host.sh("pgrep -c conductor-probe || true"), "0");
}

fn without_a_health_check(host: &Host, engine: Engine) {
    let names = start(host, engine, "command: [sleep, 1d]\ndeploy: {stop_timeout: 6s}\n");
    assert_eq!(containers(host, engine), names);
    host.is_converged();
    let unit = format!("{}.service", names[0]);
    assert_eq!(host.property(&unit, "Type"), "notify");
    let main = host.sh(&format!("cat /proc/{}/comm", host.running("web")[0].1));
    assert_eq!(main, if engine == Engine::Docker { "conductor-probe" } else { "conmon" });
    // A container that was stopped did not fail.
    host.sh(&format!("systemctl stop '{unit}'"));
    assert_eq!(host.property(&unit, "ActiveState"), "inactive");
    assert_eq!(containers(host, engine), Vec::<String>::new());
    host.conductor(&["remove", "--id", "web"]).exits(0);
    assert_eq!(containers(host, engine), Vec::<String>::new());
}

fn secrets(host: &Host, engine: Engine) {
    host.write("/etc/web/key", "very secret\n");
    host.sh("chmod 600 /etc/web/key");
    let secrets = "secrets: {key: /etc/web/key, restarts: /etc/web/key}\n";
    for user in ["", "user: app\n"] {
        let names = start(host, engine, &format!("{HEALTH}{secrets}{user}"));
        let program = engine.program();
        let read =
            format!("{program} exec {} cat /run/secrets/key /run/secrets/restarts", names[0]);
        assert_eq!(host.sh(&read), "very secret\nvery secret");
        let unit = host.sh(&format!("cat /etc/systemd/system/{}.service", names[0]));
        assert!(!unit.contains("very secret"), "{unit}");
        let environment = get(host, ports(host)[0], "/cgi-bin/env");
        assert!(!environment.contains("very secret"), "{environment}");
        // On the host, only root can reach it.
        let look = format!("setpriv --reuid=1000 cat /run/conductor/{}/secrets/key", names[0]);
        host.sh(&format!("! {look} 2>/dev/null"));
        host.conductor(&["remove", "--id", "web"]).exits(0);
        assert!(!host.path(&format!("/run/conductor/{}", names[0])).exists());
    }
}

fn replaces_the_unhealthy(host: &Host, engine: Engine) {
    let names = start(host, engine, HEALTH);
    let program = engine.program();
    let id = |host: &Host| {
        let inspect = format!("{program} inspect --format '{{{{.Id}}}}' {} || true", names[0]);
        host.sh(&format!("{inspect} 2>/dev/null"))
    };
    let before = id(host);
    host.sh(&format!("{program} exec {} rm /tmp/www/health", names[0]));
    host.eventually("another container is well", |host| {
        let now = id(host);
        !now.is_empty() && now != before && host.running("web").len() == 1
    });
    let journal = host.sh(&format!("journalctl -o cat UNIT='{}.service'", names[0]));
    let line = journal.lines().rfind(|line| line.contains("Watchdog request"));
    assert!(line.is_some_and(|line| line.contains("unhealthy 3/3: 404 ")), "{journal}");
    assert_eq!(containers(host, engine), names);
}

fn changes_the_revision(host: &Host, engine: Engine) {
    let old = start(host, engine, HEALTH);
    host.define("web.yaml", &definition(engine, HEALTH).replace("app:v1", "app:v2"));
    host.apply();
    let new = containers(host, engine);
    assert_eq!(new.len(), 1);
    assert_ne!(new, old);
    assert_eq!(get(host, ports(host)[0], "/"), "v2");
}

/// Docker knows digests only of images from a registry, and a sandbox has none.
fn podman_runs_an_image_by_its_digest(host: &Host) {
    host.sandbox.load_image(Engine::Podman).expect("the engine takes the image");
    let digest = host.sh("podman image inspect --format '{{.Digest}}' localhost/app:v2");
    let by_digest = definition(Engine::Podman, HEALTH).replace("app:v1", &format!("app@{digest}"));
    host.define("web.yaml", &by_digest);
    host.apply();
    assert_eq!(get(host, ports(host)[0], "/"), "v2");
    host.is_converged();
}

fn capabilities(host: &Host, engine: Engine) {
    let names = start(
        host,
        engine,
        &format!(
            "{HEALTH}cap_add: [CAP_SYS_NICE]\ncap_drop: [ALL]\n\
             cron: {{own: {{schedule: '@yearly', command: [grep, CapEff, /proc/self/status]}}}}\n"
        ),
    );
    let program = engine.program();
    let of_first = format!("{program} exec {} grep CapEff /proc/1/status", names[0]);
    assert_eq!(host.sh(&of_first), "CapEff:\t0000000000800000");
    let job = host.conductor(&["cron", "run-now", "--id", "web", "own"]).exits(0);
    job.says("0000000000800000");
    // Only podman has ambient capabilities, for other users than root.
    let run = ["run", "--id", "web", "--user", "app", "grep", "CapEff", "/proc/self/status"];
    let of_user = if engine == Engine::Podman { "800000" } else { "000000" };
    host.conductor(&run).exits(0).says(&format!("0000000000{of_user}"));
}

fn listens_for_everybody(host: &Host, engine: Engine) {
    start(host, engine, &format!("listen: 0.0.0.0\n{HEALTH}"));
    let port = ports(host)[0];
    let listeners = host.sh(&format!("ss -Hltn 'sport = :{port}'"));
    assert!(listeners.contains(&format!("0.0.0.0:{port}")), "{listeners}");
    assert_eq!(get(host, port, "/"), "v1");
}

fn command_inside(host: &Host, engine: Engine) {
    let health = "health: {command: [test, -e, /tmp/www/health], interval: 200ms, timeout: 5s}\n";
    let names = start(host, engine, health);
    host.conductor(&["status"]).exits(0).says("healthy: exit status 0 in ");
    let program = engine.program();
    host.sh(&format!("{program} exec {} rm /tmp/www/health", names[0]));
    let unit = format!("{}.service", names[0]);
    host.eventually("it is restarted", |host| host.property(&unit, "NRestarts") != "0");
    host.eventually("it is well again", |host| host.running("web").len() == 1);
}

fn passes_signals_on(host: &Host, engine: Engine) {
    let names = start(
        host,
        engine,
        "command: [sh, -c, 'trap \"echo got HUP\" HUP; while true; do sleep 0.1; done']\n",
    );
    host.sh(&format!("systemctl kill --kill-whom=main --signal=HUP {}.service", names[0]));
    host.eventually("the container got it", |host| {
        host.conductor(&["logs", "--id", "web"]).stdout.contains("got HUP")
    });
    assert_eq!(host.running("web").len(), 1);
}

/// docker's proxy and podman itself accept connections to a published port.
fn nothing_listens_inside(host: &Host, engine: Engine) {
    let check = "port: 8080\nhealth: {tcp: true, interval: 200ms, start_period: 2s}\n";
    start(host, engine, check);
    host.conductor(&["status"]).exits(0).says("healthy: connected in ");
    host.define("web.yaml", &definition(engine, &format!("{check}command: [sleep, 1d]\n")));
    let ran = host.conductor(&["apply"]).exits(3).complains("last health check: never healthy in ");
    let why = match engine {
        Engine::Docker => "accepts connections and closes them at once",
        Engine::Podman => "connection refused on 127.0.0.1:",
    };
    ran.complains(why).complains("the previous release still serves\n");
}

fn stop_timeout(host: &Host, engine: Engine) {
    host.sh("mkdir -m 777 /srv/out");
    let slow = "trap 'echo >/out/hup' HUP; trap 'sleep 2; echo saved >>/out/saved; exit 0' TERM; while :; do sleep 0.1; done";
    let names = start(
        host,
        engine,
        &format!(
            "volumes: [/srv/out:/out]\ndeploy: {{stop_timeout: 4s}}\ncommand: [sh, -c, \"{slow}\"]\n\
             health: {{command: [test, '!', -e, /out/sick], interval: 200ms, retries: 1}}\n"
        ),
    );
    let unit = format!("{}.service", names[0]);
    // systemd waits longer than the engine.
    assert_eq!(host.property(&unit, "TimeoutStopUSec"), "9s");
    let saved = |host: &Host| host.sh("cat /srv/out/saved 2>/dev/null || true").lines().count();
    host.sh(&format!("systemctl stop '{unit}'"));
    assert_eq!(saved(host), 1);
    // The program is not the first process, which the kernel protects from signals that it does not handle.
    let program = engine.program();
    host.sh(&format!("systemctl start '{unit}'"));
    let first = host.sh(&format!("{program} exec {} cat /proc/1/comm", names[0]));
    assert!(first.contains("init"), "{first}");
    host.sh(&format!("systemctl kill --kill-whom=main --signal=HUP '{unit}'"));
    host.eventually("the program got it", |host| host.path("/srv/out/hup").exists());
    // An unhealthy one has as long to end.
    host.sh("touch /srv/out/sick");
    host.eventually("it is told to end", |host| saved(host) == 2);
    host.sh("rm /srv/out/sick");
    host.eventually("it is well again", |host| host.running("web").len() == 1);
    assert_eq!(containers(host, engine), names);
}

/// An image whose ENTRYPOINT takes every command as its arguments: the hook and the one-off command would wait for
/// ever.
fn entrypoint(host: &Host, engine: Engine) {
    host.sandbox.load_image(engine).expect("the engine takes the image");
    let program = engine.program();
    host.sh(&format!(
        "{program} create --name base localhost/app:v1 && {program} commit \
         --change 'ENTRYPOINT [\"/bin/sh\", \"-c\", \"exec sleep inf\"]' base localhost/app:e1 && \
         {program} rm base"
    ));
    let define = |deploy: &str| {
        let rest = format!(
            "{HEALTH}entrypoint: [/bin/sh, -c]\ncommand: ['exec server']\ndeploy: {{{deploy}}}\n\
             cron: {{tidy: {{schedule: '@yearly', entrypoint: [], command: [echo, tidied]}}}}\n"
        );
        host.define("web.yaml", &definition(engine, &rest).replace("app:v1", "app:e1"));
    };
    // The hook is the service's entrypoint with two arguments, and sleeps.
    define("before: ['sleep inf'], before_timeout: 1s");
    let ran = host.conductor(&["apply"]).exits(1);
    ran.complains("it took longer than deploy.before_timeout, and was ended");
    assert_eq!(host.running("web").len(), 0);

    define("before: [echo, migrated], before_entrypoint: []");
    host.conductor(&["apply"]).exits(0).says("web: | migrated");
    assert_eq!(get(host, ports(host)[0], "/").trim(), "v1");
    host.conductor(&["cron", "run-now", "--id", "web", "tidy"]).exits(0).says("tidied");
    let run = |more: &[&str]| host.conductor(&[&["run", "--id", "web"], more].concat()).exits(0);
    run(&["echo one"]).says("one");
    run(&["--entrypoint=", "echo", "two"]).says("two");
    run(&["--entrypoint=/bin/echo", "three"]).says("three");
}
