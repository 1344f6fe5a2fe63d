//! A database in a container, with its data in a volume: taken over from a Compose project, and with each engine over a
//! deploy, a failed one and a reboot. Containers of a pod are there for the reboot.

use conductor_sandbox::Engine;

use super::all_are_well;
use crate::containers::containers;
use crate::host::{Host, SERVICES};
use crate::pods;

const IMAGE: &str = "localhost/pg";
const DATA: &str = "/var/lib/postgresql";
/// The program of the container.
const SCRIPT: &str = "PATH=$PATH:$(echo /usr/lib/postgresql/*/bin); cd /var/lib/postgresql; test -s db/PG_VERSION || \
                      initdb --pgdata=db --auth=trust --no-sync; exec postgres -D db -k /tmp -c listen_addresses=";
const READY: &str = "/usr/lib/postgresql/*/bin/pg_isready --host=/tmp";

/// Runs a statement in a database's container.
#[track_caller]
fn sql(host: &Host, engine: Engine, container: &str, statement: &str) -> String {
    let psql = "/usr/lib/postgresql/*/bin/psql --host=/tmp --no-align --tuples-only --quiet";
    let engine = engine.program();
    host.sh(&format!("{engine} exec {container} sh -c \"{psql} --command='{statement}' postgres\""))
}

/// Asserts that all rows are there, and adds one.
#[track_caller]
fn has_rows(host: &Host, engine: Engine, rows: u32, event: &str) {
    let prefix = format!("conductor-{}-", id(engine));
    let mut names = containers(host, engine).into_iter();
    let name = names.find(|name| name.starts_with(&prefix)).expect("it runs");
    let count = sql(host, engine, &name, "select count(*) from kept");
    assert_eq!(count, rows.to_string(), "{event}, {}", engine.program());
    sql(host, engine, &name, "insert into kept values (1)");
}

fn id(engine: Engine) -> &'static str {
    if engine == Engine::Docker { "db" } else { "rows" }
}

pub(super) fn in_containers(host: &mut Host) {
    for engine in [Engine::Docker, Engine::Podman] {
        let program = engine.program();
        host.sandbox.load_image(engine).expect("the engine takes the image");
        host.sandbox
            .import_debian(engine, &format!("{IMAGE}:v1"), &["postgresql"])
            .expect("the engine imports it");
        // An image without the program is the one that does not start.
        host.sh(&format!(
            "{program} tag {IMAGE}:v1 {IMAGE}:v2; {program} tag localhost/app:v1 {IMAGE}:bad"
        ));
    }
    taken_over(host);
    let rows = format!(
        "id: rows\nruntime: podman\nimage: {IMAGE}\nrevision: v1\nuser: postgres\ncommand: [/bin/sh, -ec, '{SCRIPT}']\n\
         volumes: ['data:{DATA}']\nstop_signal: SIGINT\n\
         health: {{command: [/bin/sh, -c, '{READY}'], interval: 1s, timeout: 10s, start_period: 1min}}\n"
    );
    host.define("rows.yaml", &rows);
    host.apply();
    let name = containers(host, Engine::Podman).remove(0);
    sql(host, Engine::Podman, &name, "create table kept (n int)");
    sql(host, Engine::Podman, &name, "insert into kept values (1)");

    for (n, engine) in [(2, Engine::Docker), (1, Engine::Podman)] {
        let deploy = |revision: &str, status: i32| {
            host.conductor(&["deploy", "--id", id(engine), "--revision", revision]).exits(status);
        };
        has_rows(host, engine, n, "applied");
        deploy("v2", 0);
        has_rows(host, engine, n + 1, "deployed");
        deploy("bad", 3);
        has_rows(host, engine, n + 2, "a deploy failed");
    }

    // One of them becomes healthy when it has reached the other one.
    pods::define(host);
    host.apply();
    host.sandbox.reboot().expect("it comes up again");
    all_are_well(host, "rebooted");
    assert_eq!(pods::front(host), "v1");
    has_rows(host, Engine::Docker, 5, "rebooted");
    has_rows(host, Engine::Podman, 4, "rebooted");
}

/// The steps of `docs/compose.md`, from a project that runs.
fn taken_over(host: &Host) {
    let compose = format!(
        "services:\n  db:\n    image: {IMAGE}:v1\n    user: postgres\n    restart: always\n    stop_signal: SIGINT\n    \
         command: [/bin/sh, -ec, '{}']\n    volumes: ['data:{DATA}']\n    environment:\n      PASSWORD: ${{PASSWORD}}\n    \
         healthcheck: {{test: '{READY}', interval: 1s, timeout: 10s, start_period: 1m}}\nvolumes:\n  data:\n",
        SCRIPT.replace('$', "$$")
    );
    host.write("/srv/shop/compose.yaml", &compose);
    host.write("/srv/shop/.env", "PASSWORD='not # for all'\n");
    // Debian 12 has the program, and Debian 13 the plugin, too.
    let compose = "docker-compose --file /srv/shop/compose.yaml --project-directory /srv/shop";
    host.sh(&format!("{compose} up --detach 2>&1"));
    let of_compose = host.sh("docker ps --format '{{.Names}}' | grep shop");
    host.eventually("the project's database answers", |host| {
        let ready =
            format!("docker exec {of_compose} sh -c '{READY}' >/dev/null 2>&1 && echo yes || true");
        host.sh(&ready) == "yes"
    });
    sql(host, Engine::Docker, &of_compose, "create table kept (n int)");
    sql(host, Engine::Docker, &of_compose, "insert into kept values (1)");
    let import = ["import", "compose", "/srv/shop", "--adopt-volumes", "--out", SERVICES];
    let ran = host.conductor(&import).exits(0);
    ran.complains(
        "1 value of variables: in /etc/conductor/services/db.env, which only its owner can read",
    );
    assert_eq!(
        host.sh(&format!("stat --format=%a {SERVICES}/db.env {SERVICES}/db.yaml")),
        "600\n644"
    );
    host.conductor(&["check"]).exits(0);
    host.sh(&format!("{compose} down 2>&1"));

    // A wrong name would be a new database without any data.
    host.sh(&format!("sed -i s/shop_data/shop_date/ {SERVICES}/db.yaml"));
    let ran = host.conductor(&["apply"]).exits(2);
    ran.complains("volume_names.data: docker has no volume shop_date");
    assert!(host.files().is_empty() && host.instances().is_empty());
    assert_eq!(host.sh("docker volume ls --quiet --filter name=shop"), "shop_data");
    host.sh(&format!("sed -i s/shop_date/shop_data/ {SERVICES}/db.yaml"));

    host.apply();
    has_rows(host, Engine::Docker, 1, "taken over");
    let name = containers(host, Engine::Docker).remove(0);
    let password = host.sh(&format!("docker exec {name} printenv PASSWORD"));
    assert_eq!(password, "not # for all");
    // Back, and over again: nothing of the project has changed.
    host.conductor(&["remove", "--id", "db"]).exits(0);
    host.sh(&format!("{compose} up --detach 2>&1 && {compose} down 2>&1"));
    host.apply();
}
