//! What `conductor export` writes runs on the engines that it is for.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use conductor_sandbox::{Engine, stack};
use libtest_mimic::{Failed, Trial};
use tempfile::TempDir;

use crate::ansible::control::{python, run};
use crate::host::{Host, SERVICES, UNITS};
use crate::pool::{Company, Pool};
use crate::ran::Ran;

pub(crate) fn trials(pool: &Arc<Pool>) -> Vec<Trial> {
    let run = move |pool: &Pool| pool.run_with_programs(|host| run_elsewhere(host));
    let valid = "exports::objects_of_kubernetes_are_valid".to_owned();
    vec![
        pool.trial(Company::Others, "exports::run_elsewhere".to_owned(), run),
        pool.trial(Company::Others, valid, are_valid),
    ]
}

/// The validator from `PyPI`, which has the schemas of Kubernetes; the first number is that of Kubernetes.
const VALIDATOR: &str = "kubernetes-validate==1.37.0";

/// A definition with every key.
const EVERY_KEY: &str = include_str!("../../conductor-export/tests/inputs/every-key.yaml");

/// The objects with which `conductor-export/tests/by_hand.rs` compares an export.
const BY_HAND: &str = include_str!("../../examples/kubernetes/by-hand.yaml");

fn are_valid(pool: &Pool) -> Result<(), Failed> {
    let program = validator()?;
    let directory = TempDir::new()?;
    let at = |name: &str| directory.path().join(name);
    let conductor = |words: &[&str]| {
        let mut command = Command::new(pool.binary()?);
        command.env("PASSWORD", "secret").current_dir(directory.path()).args(words);
        Ok::<_, Failed>(Ran::new(&mut command))
    };
    fs::create_dir(at("all"))?;
    fs::write(at("all/web.yaml"), EVERY_KEY)?;
    let compose = stack::directory().join("compose.yaml");
    let compose = compose.to_string_lossy();
    conductor(&["import", "compose", &compose, "--out", "stack"])?.exits(0);
    let export = ["export", "--allow-unsafe-permissions", "--to", "kubernetes", "--out"];
    for name in ["all", "stack"] {
        conductor(&[&export[..], &[&format!("{name}-objects"), name]].concat())?.exits(1);
    }
    fs::write(at("by-hand.yaml"), BY_HAND)?;
    let all =
        ["all-objects/before.yaml", "all-objects/services.yaml", "stack-objects/services.yaml"];
    let validate = |file: &Path| Ran::new(Command::new(&program).arg("--strict").arg(file));
    for file in all.into_iter().chain(["by-hand.yaml"]) {
        let ran = validate(&at(file)).exits(0);
        assert!(ran.to_string().contains("passed"), "{ran}");
    }
    // It would find a key that Kubernetes does not have.
    let services = at("all-objects/services.yaml");
    let wrong = fs::read_to_string(&services)?.replace("timeZone", "timezone");
    fs::write(&services, wrong)?;
    validate(&services).exits(1);
    Ok(())
}

/// Installs the validator, unless it is installed, and returns its path.
fn validator() -> Result<PathBuf, Failed> {
    let cache = Path::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/kubernetes"));
    fs::create_dir_all(cache)?;
    let lock = File::create(cache.join("lock"))?;
    lock.lock()?;
    let venv = cache.join(VALIDATOR);
    let program = venv.join("bin/kubernetes-validate");
    if !program.exists() {
        eprintln!("installing {VALIDATOR} (once, some seconds) ...");
        run(Command::new("rm").arg("-rf").arg(&venv))?;
        run(Command::new(python()?).args(["-m", "venv"]).arg(&venv))?;
        run(Command::new(venv.join("bin/pip")).args(["install", "--quiet", VALIDATOR]))?;
    }
    Ok(program)
}

/// The processes of the stack that have another image in another version.
const PROCESSES: [&str; 4] = ["migrate", "web", "worker", "scheduler"];

/// Who asks does so in the network of the containers, from that of redis, which no update replaces.
const ASK: &str = "until [ -e /tmp/enough ]; do \
    curl -sS -f --max-time 20 --request METHOD http://web:8000/ || echo failed; done; rm /tmp/enough";

/// Without the kernel's IPVS, a swarm has no virtual addresses; an operator may need this beside an export, too.
const NO_IPVS: &str = "x-a: &a {deploy: {endpoint_mode: dnsrr}}\n\
                       services: {web: *a, worker: *a, scheduler: *a, db: *a, redis: *a, migrate: *a}\n";

/// A stack goes from Compose to definitions, from there to Compose and to a swarm, and is updated under load in both.
fn run_elsewhere(host: &Host) {
    for entry in fs::read_dir(stack::directory()).expect("it is in the repository") {
        let path = entry.expect("it can be read").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        host.write(&format!("/srv/stack/{name}"), &fs::read_to_string(&path).expect("text"));
    }
    host.write("/srv/stack/.env", "PASSWORD=secret\n");
    host.write("/srv/stack/password", "secret\n");
    host.conductor(&["import", "compose", "/srv/stack/compose.yaml", "--out", SERVICES]).exits(0);
    // Docker drops what goes through bridges of others once it runs, so podman is first.
    with_quadlet(host);
    stack::make_images(&host.sandbox, Engine::Docker).expect("images can be made");
    with_compose(host);
    revise(host, "v2", "v1");
    in_a_swarm(host);
}

/// Changes the revision of the processes in their definitions.
fn revise(host: &Host, from: &str, to: &str) {
    let files = PROCESSES.map(|id| format!("{SERVICES}/{id}.yaml")).join(" ");
    host.sh(&format!("sed -i 's/^revision: {from}$/revision: {to}/' {files}"));
}

fn with_compose(host: &Host) {
    let up = |out: &str| {
        host.conductor(&["export", "--to", "compose", "--out", out])
            .exits(1)
            .complains("proxy: left out:")
            .complains("left out 1 thing; exported 6 services");
        let compose = format!("docker-compose --project-name shop --file {out}/compose.yaml");
        host.sh(&format!("{compose} config --quiet"));
        host.sh(&format!("{compose} up --detach --wait --wait-timeout 120 web worker scheduler"));
        compose
    };
    up("/srv/compose1");
    let redis = "shop-redis-1";
    answers(host, redis, "v1");
    asks(host, redis, "POST");
    revise(host, "v1", "v2");
    let compose = up("/srv/compose2");
    answers(host, redis, "v2");
    let answers = answered(host, redis);
    let accepted = answers.iter().filter(|line| line.ends_with(": ordered")).count();
    assert!(answers.iter().any(|line| line == "v1: ordered"), "{answers:?}");
    assert!(answers.iter().any(|line| line == "v2: ordered"), "{answers:?}");
    // Compose stops a container before it starts the next: some are not answered. What was accepted is not lost.
    host.eventually("all orders are in the database", |host| {
        let count = "SELECT count(*) FROM orders WHERE text LIKE 'web v%'";
        let psql = "psql --host=/tmp --username=app --dbname=postgres --tuples-only --no-align";
        let stored = host.sh(&format!("docker exec shop-db-1 {psql} --command=\"{count}\""));
        stored.parse::<usize>().expect("a number") >= accepted
    });
    // What somebody wrote there stays.
    let ran = host.conductor(&["export", "--to", "swarm", "--out", "/srv/compose1"]).exits(2);
    ran.complains("compose.yaml").complains("the file exists and has another content");
    host.sh(&format!("{compose} down --timeout 1"));
}

fn in_a_swarm(host: &Host) {
    host.sh("docker swarm init --advertise-addr 127.0.0.1");
    let deploy = |out: &str| {
        host.conductor(&["export", "--to", "swarm", "--out", out])
            .exits(1)
            .complains("depends_on: left out:");
        host.write(&format!("{out}/no-ipvs.yaml"), NO_IPVS);
        host.sh(&format!(
            "docker stack deploy --detach=true --resolve-image never \
             --compose-file {out}/compose.yaml --compose-file {out}/no-ipvs.yaml stack"
        ));
    };
    deploy("/srv/swarm1");
    host.eventually("everything runs", |host| {
        let replicas = host.sh("docker service ls --format '{{.Name}} {{.Replicas}}'");
        let is_up = |line: &str| {
            let (name, count) = line.split_once(' ').expect("a name and a count");
            match name {
                "stack_migrate" => count.contains("1/1 completed"),
                "stack_web" => count.starts_with("2/2"),
                _ => count.starts_with("1/1"),
            }
        };
        replicas.lines().count() == 6 && replicas.lines().all(is_up)
    });
    let redis = host.sh("docker ps --quiet --filter name=stack_redis");
    answers(host, &redis, "v1");
    asks(host, &redis, "GET");
    revise(host, "v1", "v2");
    deploy("/srv/swarm2");
    host.eventually("the update is complete", |host| {
        let state = "{{if .UpdateStatus}}{{.UpdateStatus.State}}{{end}}";
        let services = "stack_web stack_worker stack_scheduler";
        let states = host.sh(&format!("docker service inspect --format '{state}' {services}"));
        states.lines().all(|state| state == "completed")
    });
    answers(host, &redis, "v2");
    let answers = answered(host, &redis);
    let is_good = |line: &&String| {
        (line.starts_with("v1: ") || line.starts_with("v2: ")) && line.ends_with(" orders")
    };
    let failed: Vec<_> = answers.iter().filter(|line| !is_good(line)).collect();
    assert!(failed.is_empty(), "{failed:?} of {}", answers.len());
    for version in ["v1: ", "v2: "] {
        assert!(answers.iter().any(|line| line.starts_with(version)), "{answers:?}");
    }
    host.sh("docker stack rm stack; docker swarm leave --force");
}

/// Waits until a version answers, and has taken an order.
fn answers(host: &Host, from: &str, version: &str) {
    host.eventually("there are orders", |host| {
        let ask = "curl -sS -f --max-time 10 http://web:8000/ || true";
        let answer = host.sh(&format!("docker exec {from} {ask}"));
        let orders = answer.strip_prefix(&format!("{version}: "));
        let orders = orders.and_then(|rest| rest.strip_suffix(" orders")?.parse::<u64>().ok());
        orders.is_some_and(|orders| orders > 0)
    });
}

/// Begins to ask from a container, by two clients.
fn asks(host: &Host, from: &str, method: &str) {
    let ask = ASK.replace("METHOD", method);
    for client in 1..=2 {
        let ask = ask.replace("enough", &format!("enough{client}"));
        host.write(&format!("/srv/ask{client}"), &ask);
        host.sh(&format!(
            "systemd-run --quiet --unit=asked{client} --property=StandardOutput=file:/srv/answers{client} \
             docker exec {from} sh -c \"$(cat /srv/ask{client})\""
        ));
    }
    host.eventually("both were answered", |host| {
        host.sh("cat /srv/answers1 | wc -l; cat /srv/answers2 | wc -l").lines().all(|it| it != "0")
    });
}

/// Stops to ask, and returns all answers.
fn answered(host: &Host, from: &str) -> Vec<String> {
    host.sh(&format!("docker exec {from} touch /tmp/enough1 /tmp/enough2"));
    host.eventually("the last request is answered", |host| {
        ["asked1", "asked2"].iter().all(|unit| host.property(unit, "ActiveState") == "inactive")
    });
    let answers = host.sh("cat /srv/answers1 /srv/answers2; rm /srv/answers1 /srv/answers2");
    answers.lines().map(str::to_owned).collect()
}

/// The generator of podman takes the files of the stack, and runs those of a small one.
fn with_quadlet(host: &Host) {
    const GENERATOR: &str = "/usr/lib/systemd/system-generators/podman-system-generator";
    host.conductor(&["export", "--to", "quadlet", "--out", "/srv/quadlet"]).exits(1);
    let units =
        host.sh(&format!("QUADLET_UNIT_DIRS=/srv/quadlet {GENERATOR} --dryrun 2>/srv/said"));
    assert!(units.contains("---web-2.service---"), "{units}");
    assert_eq!(host.sh("grep -v 'Loading source unit' /srv/said || true"), "");

    host.sandbox.load_image(Engine::Podman).expect("the image can be loaded");
    host.write("/srv/key", "k3y\n");
    host.write("/srv/small/cache.yaml", CACHE);
    host.write("/srv/small/site.yaml", SITE);
    host.conductor(&["export", "--to", "quadlet", "--out", "/srv/units", "/srv/small"])
        .exits(0)
        .complains("podman secret create site-key /srv/key")
        .complains("site-tidy.timer is a unit of systemd");
    host.sh("podman secret create site-key /srv/key");
    host.sh(&format!(
        "mkdir -p /etc/containers/systemd; mv /srv/units/*.timer {UNITS}; \
         mv /srv/units/* /etc/containers/systemd; \
         systemctl daemon-reload; systemctl enable --now --quiet site-tidy.timer; systemctl start site-2"
    ));
    for unit in ["site-before", "cache", "site-2", "site-tidy.timer"] {
        assert_eq!(host.property(unit, "ActiveState"), "active", "{unit}");
    }
    assert_eq!(host.property("site-1", "ActiveState"), "inactive");
    let ask = "wget -q -O - http://site:8000/; cat /data/log";
    assert_eq!(host.sh(&format!("podman exec cache sh -c '{ask}'")), "v1\nmigrated with k3y");
    host.sh("systemctl start site-tidy");
    assert_eq!(host.property("site-tidy", "Result"), "success");
    assert_eq!(host.sh("podman exec cache cat /data/log"), "tidy");
    host.sh("systemctl stop site-2 cache site-tidy.timer; podman network rm inner");
}

const CACHE: &str = "id: cache\nruntime: podman\nimage: localhost/app:v1\n\
    command: [sleep, infinity]\nnetworks: [inner]\nvolumes: [\"data:/data\"]\nvolume_names: {data: shop-data}\n";
const SITE: &str = "id: site\nruntime: podman\nimage: localhost/app:v1\ninstances: 2\nport: 8000\n\
    networks: [inner]\ndepends_on: [cache]\nvolumes: [\"data:/data\"]\nvolume_names: {data: shop-data}\n\
    secrets: {key: /srv/key}\n\
    health: {command: [wget, -q, -O, /dev/null, 'http://127.0.0.1:8000/health'], interval: 1s}\n\
    deploy: {before: [sh, -c, 'echo migrated with $(cat /run/secrets/key) >/data/log']}\n\
    cron: {tidy: {schedule: '@yearly', command: [sh, -c, 'echo tidy >/data/log']}}\n";
