//! Services that depend on others, and services that run to their end.

use conductor_sandbox::Engine;

use crate::Test;
use crate::containers::{containers, definition};
use crate::host::{Host, SLEEP};

pub(crate) const TESTS: &[Test] = &[
    ("start_after_what_they_need", start_after_what_they_need),
    ("docker_and_podman_run_to_the_end", docker_and_podman_run_to_the_end),
];

/// A database that is healthy after a while, a migration, and what needs both.
fn define(host: &Host, db: &str, migration: &str, web: &str) {
    // The directory is removed with each instance.
    host.define(
        "db.yaml",
        &format!(
            "id: db\nsandbox: false\nenv: {{N: {db}}}\n\
             command: [/bin/sh, -c, 'sleep 0.7; touch /run/db-$N; exec sleep infinity']\n\
             health: {{command: [/bin/sh, -c, 'test -e /run/db-$N'], interval: 100ms, timeout: 5s, \
             start_period: 30s}}\n"
        ),
    );
    host.define(
        "migrate.yaml",
        &format!(
            "id: migrate\ntype: oneshot\nsandbox: false\nenv: {{N: {migration}}}\n\
             depends_on: {{db: {{condition: healthy}}}}\n\
             command: [/bin/sh, -c, 'ls /run/db-* && sleep 0.3 && echo $N >> /root/done && exit $(cat /root/status)']\n"
        ),
    );
    host.define(
        "web.yaml",
        &format!(
            "id: web\n{SLEEP}env: {{N: {web}}}\ndepends_on: {{migrate: {{condition: completed}}}}\n"
        ),
    );
}

/// Returns the unit of the only instance of a service that is up.
#[track_caller]
fn unit(host: &Host, service: &str) -> String {
    let units = host.instances();
    let mut up = units.iter().filter(|(unit, it)| {
        unit.starts_with(&format!("conductor-{service}-")) && it.state == "active"
    });
    let (unit, _) = up.next().expect("an instance is up");
    assert!(up.next().is_none(), "{units:?}");
    unit.clone()
}

/// Asserts that one service started after another one was up.
#[track_caller]
fn after(host: &Host, later: &str, earlier: &str) {
    let time = |unit: &str, property| {
        let time = host.property(unit, property);
        time.parse::<u64>().unwrap_or_else(|_| panic!("{unit}: {property}={time}"))
    };
    let up = time(&unit(host, earlier), "ActiveEnterTimestampMonotonic");
    let started = time(&unit(host, later), "ExecMainStartTimestampMonotonic");
    assert!(up > 0 && started >= up, "{later} started at {started}, {earlier} was up at {up}");
}

fn migrations(host: &Host) -> String {
    host.sh("tr '\\n' ' ' < /root/done")
}

fn start_after_what_they_need(host: &Host) {
    host.write("/root/status", "0");
    define(host, "one", "one", "one");
    let planned = host.conductor(&["apply", "--dry-run"]).exits(0);
    planned.says("  waits until db is up\n").says("  waits until migrate is up\n");
    host.apply();
    after(host, "migrate", "db");
    after(host, "web", "migrate");
    assert_eq!(migrations(host), "one");
    let migrate = unit(host, "migrate");
    assert_eq!(host.property(&migrate, "SubState"), "exited");
    host.conductor(&["status", "--check", "migrate"]).exits(0).says(" done ");
    host.is_converged();

    // A new database replaces nothing that depends on it, and its target starts the new one, although what
    // depends on it holds the target.
    let before = (unit(host, "web"), host.property(&unit(host, "web"), "MainPID"), migrate);
    define(host, "two", "one", "one");
    host.apply().says("changed: db\n");
    let now =
        (unit(host, "web"), host.property(&unit(host, "web"), "MainPID"), unit(host, "migrate"));
    assert_eq!(now, before);
    let db = unit(host, "db");
    assert_eq!(host.property("conductor-db.target", "Wants"), db);
    host.sh("systemctl stop conductor-db.target; systemctl start conductor-db.target");
    assert_eq!(unit(host, "db"), db);
    assert_eq!(migrations(host), "one");

    a_failure_keeps_what_serves(host, &before.0);
    at_boot(host);
    bad_definitions(host);
    let ran = host.conductor(&["remove", "--id", "db", "--dry-run"]).exits(0);
    ran.says("note: migrate depends on it");
    host.conductor(&["remove", "--all"]).exits(0);
    assert!(host.instances().is_empty());
}

fn a_failure_keeps_what_serves(host: &Host, web: &str) {
    let migrate = unit(host, "migrate");
    host.write("/root/status", "7");
    define(host, "two", "two", "two");
    let ran = host.conductor(&["apply"]).exits(1);
    let ran = ran.complains("error: migrate: start conductor-migrate-host.");
    let ran = ran.complains("it exited with status 7").complains("  the change was undone");
    ran.complains("it depends on migrate, which failed")
        .complains("  the previous release still serves");
    assert_eq!(unit(host, "web"), web);
    assert_eq!(unit(host, "migrate"), migrate);
    assert_eq!(migrations(host), "one two");
    host.write("/root/status", "0");
    host.apply().says("changed: migrate, web\n");
    assert_eq!(migrations(host), "one two two");
    after(host, "web", "migrate");

    // A restart runs it again, and a rollback runs the command of the release before.
    host.conductor(&["restart", "--id", "migrate"]).exits(0);
    host.conductor(&["rollback", "--id", "migrate"]).exits(0);
    assert_eq!(migrations(host), "one two two two one");
    host.apply();
    host.is_converged();
    host.sh("rm /root/done");
}

fn at_boot(host: &Host) {
    let boot = || {
        host.sh("systemctl stop conductor-web.target conductor-migrate.target conductor-db.target");
        host.sh("rm -f /run/db-*; systemctl daemon-reload; systemctl start multi-user.target");
        host.eventually("web is up", |host| !host.running("web").is_empty());
    };
    boot();
    host.conductor(&["status", "--check"]).exits(0);
    after(host, "migrate", "db");
    after(host, "web", "migrate");
    assert_eq!(migrations(host), "two");

    // What served before the boot serves again, even if what it depends on fails then.
    host.write("/root/status", "7");
    boot();
    host.conductor(&["status", "--check"]).exits(1).says("failed (exit-code)");
    assert_eq!(migrations(host), "two two");
    host.write("/root/status", "0");
    host.apply().says("changed: migrate\n");
    assert_eq!(migrations(host), "two two two");
}

fn bad_definitions(host: &Host) {
    // What is on the host counts, unless it is removed.
    let web = "/etc/conductor/services/web.yaml";
    host.conductor(&["apply", web]).exits(0).says("nothing changed");
    host.conductor(&["check", web]).exits(0);
    host.undefine("migrate.yaml");
    let ran = host.conductor(&["apply", "--prune"]).exits(2);
    ran.complains("web.yaml:4:23: depends_on.migrate: there is no service migrate");
    assert!(!host.running("web").is_empty());
    host.define(
        "migrate.yaml",
        "id: migrate\ntype: oneshot\ncommand: [/bin/true]\ndepends_on: [web]\n",
    );
    let ran = host.conductor(&["apply"]).exits(2);
    ran.complains(
        "migrate.yaml:4:14: depends_on.web: migrate depends on web, and web on migrate: a circle",
    );
    host.undefine("migrate.yaml");
}

fn docker_and_podman_run_to_the_end(host: &Host) {
    host.write("/root/secret", "hidden");
    for engine in [Engine::Docker, Engine::Podman] {
        host.sandbox.load_image(engine).expect("the engine takes the image");
        let define = |script: &str| {
            let rest = format!(
                "type: oneshot\nentrypoint: [/bin/sh, -c]\ncommand: ['{script}']\nvolumes: ['data:/data']\n\
                 secrets: {{key: /root/secret}}\n"
            );
            let once = definition(engine, &rest).replace("id: web", "id: once");
            host.define("once.yaml", &once);
            let program = engine.program();
            let web = format!(
                "id: web\nruntime: {program}\nimage: localhost/app:v1\nentrypoint: []\n\
                 command: [sleep, inf]\nvolumes: ['data:/data']\ndepends_on: [once]\n"
            );
            host.define("web.yaml", &web);
        };
        define("echo ran with $(cat /run/secrets/key) >> /data/log; cat /data/log");
        host.apply();
        after(host, "web", "once");
        assert_eq!(host.property(&unit(host, "once"), "SubState"), "exited");
        host.conductor(&["logs", "--id", "once"]).exits(0).says("ran with hidden");
        assert_eq!(containers(host, engine).len(), 1, "that of web is left");
        host.is_converged();
        let (once, web) = (unit(host, "once"), host.running("web"));

        define("echo it cannot; exit 3");
        let ran = host.conductor(&["apply"]).exits(1);
        ran.complains("it exited with status 3").complains("  | it cannot");
        assert_eq!(containers(host, engine).len(), 1);
        assert_eq!((unit(host, "once"), host.running("web")), (once, web));
        host.conductor(&["remove", "--all"]).exits(0);
        assert_eq!(containers(host, engine).len(), 0);
    }
}
