//! Tags that come to mean another image, and the data that an image keeps.

use conductor_sandbox::Engine;

use crate::Test;
use crate::containers::{containers, get, ports};
use crate::host::Host;

pub(crate) const TESTS: &[Test] = &[
    ("docker_keeps_the_image_of_a_release", |host| keeps_the_image(host, Engine::Docker)),
    ("podman_keeps_the_image_of_a_release", |host| keeps_the_image(host, Engine::Podman)),
    ("docker_keeps_the_data_of_an_image", |host| keeps_the_data(host, Engine::Docker)),
    ("podman_keeps_the_data_of_an_image", |host| keeps_the_data(host, Engine::Podman)),
];

const IMAGE: &str = "127.0.0.1:5000/app:latest";

const HEALTH: &str = "port: 8080\nhealth: {http: /health, interval: 200ms, timeout: 2s}\n";

/// Starts the registry, in which the tag means version 1, and the engine.
fn registry(host: &Host, engine: Engine) {
    // Its images are not those of the other tests.
    host.spoil();
    host.write("/srv/registry.py", include_str!("registry.py"));
    push(host, "v1");
    host.write(
        "/etc/containers/registries.conf.d/test.conf",
        "[[registry]]\nlocation = \"127.0.0.1:5000\"\ninsecure = true\n",
    );
    host.sh("systemd-run --quiet --unit=registry /usr/bin/python3 /srv/registry.py");
    host.eventually("the registry answers", |host| {
        host.sh("curl -s 127.0.0.1:5000/v2/ && echo yes || true") == "yes"
    });
    if engine == Engine::Docker {
        host.sh("systemctl start docker.service");
    }
}

/// Lets the tag mean a version.
fn push(host: &Host, version: &str) {
    host.write("/srv/latest", version);
}

fn define(host: &Host, engine: Engine, rest: &str) {
    let engine = engine.program();
    host.define("web.yaml", &format!("id: web\nruntime: {engine}\nimage: {IMAGE}\n{rest}"));
}

#[track_caller]
fn version(host: &Host) -> String {
    get(host, ports(host)[0], "/")
}

/// Kills the first instance's container, and waits until another one answers.
#[track_caller]
fn crash(host: &Host, engine: Engine) {
    let (unit, before) = host.running("web")[0].clone();
    host.sh(&format!("systemctl kill --signal=KILL '{unit}'"));
    host.eventually("it runs again", |host| {
        host.running("web").first().is_some_and(|(_, now)| *now != before)
            && host.property(&unit, "ActiveState") == "active"
    });
    assert_eq!(containers(host, engine).len(), 1);
}

fn keeps_the_image(host: &Host, engine: Engine) {
    let program = engine.program();
    registry(host, engine);
    let with_job = |words: &str| {
        format!(
            "{HEALTH}deploy: {{order: start-first}}\n\
             cron: {{tidy: {{schedule: '0 3 * * *', command: [sh, -c, {words} $VERSION]}}}}\n"
        )
    };
    define(host, engine, &with_job("echo"));
    host.apply().says("pull 127.0.0.1:5000/app:latest");
    host.is_converged();
    assert_eq!(version(host), "v1");
    let id = || {
        let status = host.conductor(&["status", "web", "--output", "json"]).exits(0).json();
        let id = status["services"][0]["instances"][0]["image_id"].as_str().map(str::to_owned);
        id.filter(|id| id.starts_with("sha256:")).expect("the id of an image")
    };
    let first = id();
    host.conductor(&["status", "web"]).exits(0).says(&first[..19]);

    // The tag moves, also here. What runs stays.
    push(host, "v2");
    host.sh(&format!("{program} pull --quiet {IMAGE}"));
    crash(host, engine);
    assert_eq!(version(host), "v1");
    host.is_converged();
    // A scaled service has one image, and so have its one-off commands and jobs.
    let run =
        || host.conductor(&["run", "--id", "web", "sh", "-c", "echo $VERSION"]).exits(0).stdout;
    let job = || host.conductor(&["cron", "run-now", "--id", "web", "tidy"]).exits(0).stdout;
    assert_eq!(run(), "v1\n");
    assert!(job().contains("v1"), "{}", job());
    // A changed job is no reason to look for another image.
    let before = host.running("web");
    define(host, engine, &with_job("echo now"));
    let ran = host.apply();
    assert!(!ran.stdout.contains("pull"), "{ran}");
    assert_eq!(host.running("web"), before);
    assert!(job().contains("now v1"), "{}", job());
    host.conductor(&["restart", "--id", "web"]).exits(0);
    assert_eq!((version(host), run()), ("v1".to_owned(), "v1\n".to_owned()));
    assert_eq!(id(), first);

    // A pull shows it.
    host.conductor(&["apply", "--pull", "always", "--dry-run"])
        .exits(0)
        .says(&format!("pull {IMAGE}"))
        .says(
            "if the pull brings another image than the one that runs, the instances are replaced",
        );
    assert_eq!(version(host), "v1");
    let before = host.running("web");
    host.conductor(&["apply", "--pull", "always"]).exits(0).says("is another image now: sha256:");
    assert_eq!((version(host), run()), ("v2".to_owned(), "v2\n".to_owned()));
    assert!(job().contains("v2"), "{}", job());
    assert_ne!(host.running("web"), before);
    assert_ne!(id(), first);
    let again = host.conductor(&["apply", "--pull", "always"]).exits(0);
    assert!(again.stdout.ends_with("nothing changed\n"), "{again}");
    host.is_converged();

    // The release before has its image, although no name of the registry means it.
    host.conductor(&["rollback", "--id", "web"]).exits(0);
    assert_eq!(version(host), "v1");
    assert_eq!(id(), first);

    // An image that was pruned comes back, if its name still means it.
    host.sh("systemctl stop conductor-web.target");
    host.sh(&format!("{program} image prune --all --force"));
    push(host, "v1");
    host.apply();
    assert_eq!(version(host), "v1");
    // Otherwise a rollback to it is not possible, and nothing else is started instead.
    push(host, "v2");
    host.conductor(&["apply", "--pull", "always"]).exits(0);
    assert_eq!(version(host), "v2");
    host.sh(&format!(
        "{program} image prune --all --force; ! {program} image inspect {first} 2>/dev/null"
    ));
    host.conductor(&["rollback", "--id", "web"]).exits(3).complains("is another one now");
    assert_eq!(version(host), "v2");

    host.conductor(&["remove", "--id", "web"]).exits(0);
    host.undefine("web.yaml");
    jobs_keep_the_image(host, engine);
    let left = host.sh(&format!("{program} image ls --format '{{{{.Repository}}}}'"));
    assert!(!left.contains("localhost/conductor"), "{left}");
}

/// A service that has only jobs: nothing uses its image between two runs.
fn jobs_keep_the_image(host: &Host, engine: Engine) {
    let program = engine.program();
    push(host, "v1");
    host.define(
        "only.yaml",
        &format!(
            "id: only\nruntime: {program}\nimage: {IMAGE}\ninstances: 0\n\
             cron: {{tidy: {{schedule: '@yearly', command: [sh, -c, echo it is $VERSION]}}}}\n"
        ),
    );
    host.conductor(&["apply", "--pull", "always"]).exits(0);
    host.is_converged();
    let job = || host.conductor(&["cron", "run-now", "--id", "only", "tidy"]).exits(0).stdout;
    let run = ["run", "--id", "only", "sh", "-c", "echo $VERSION"];
    let run = || host.conductor(&run).exits(0).stdout;
    let id = || {
        let status = host.conductor(&["status", "only", "--output", "json"]).exits(0).json();
        status["services"][0]["releases"][0]["image_id"].to_string()
    };
    let first = id();
    assert!(first.contains("sha256:"), "{first}");

    // The tag moves, also here, and a prune removes the image: it comes again by its digest.
    push(host, "v2");
    host.sh(&format!("{program} pull --quiet {IMAGE}"));
    assert!(job().contains("it is v1"), "{}", job());
    assert_eq!(run(), "v1\n");
    let prune = || host.sh(&format!("{program} image prune --all --force"));
    prune();
    assert!(job().contains("it is v1"), "{}", job());
    prune();
    assert_eq!(run(), "v1\n");
    assert_eq!(id(), first);
    host.is_converged();

    let pulled = host.conductor(&["apply", "--pull", "always"]).exits(0);
    pulled.says("is another image now: sha256:");
    assert!(job().contains("it is v2"), "{}", job());
    assert_ne!(id(), first);
    host.is_converged();
    // A registry that does not answer is named, and no other image is started.
    host.sh("systemctl stop registry.service");
    assert!(job().contains("it is v2"), "{}", job());
    prune();
    let failed = host.conductor(&["cron", "run-now", "--id", "only", "tidy"]).exits(1);
    failed.says("127.0.0.1:5000");
    host.conductor(&["remove", "--id", "only"]).exits(0);
}

fn keeps_the_data(host: &Host, engine: Engine) {
    let program = engine.program();
    registry(host, engine);
    define(host, engine, HEALTH);
    host.apply().says("the image keeps data in /data, which no entry of volumes covers");
    let inside = |script: &str| {
        let name = containers(host, engine).pop().expect("a container");
        host.sh(&format!("{program} exec {name} sh -c '{script}'"))
    };
    inside("echo kept >/data/file");
    crash(host, engine);
    assert_eq!(inside("cat /data/file"), "kept");
    let (unit, _) = host.running("web")[0].clone();
    host.sh(&format!("systemctl restart '{unit}'"));
    assert_eq!(inside("cat /data/file"), "kept");
    host.is_converged();

    // Two processes must not be on it, so the old one stops first.
    define(host, engine, &format!("{HEALTH}env: {{A: b}}\n"));
    host.conductor(&["apply", "--dry-run"])
        .exits(0)
        .says("so that no two use the image's volume /data")
        .says("the image keeps data in /data");
    host.apply();
    assert_eq!(inside("cat /data/file"), "kept");
    host.conductor(&["rollback", "--id", "web"]).exits(0);
    assert_eq!(inside("cat /data/file"), "kept");
    let status = host.conductor(&["status"]).exits(0);
    status.says("conductor-web.1-data-");

    // What the definition covers is as it says.
    define(host, engine, &format!("{HEALTH}volumes: ['data:/data']\n"));
    host.apply();
    assert_eq!(inside("ls /data"), "");
    host.conductor(&["remove", "--id", "web"]).exits(0);
    let volumes = || host.sh(&format!("{program} volume ls --quiet | sort"));
    assert!(volumes().contains("conductor-web.1-data-"), "{}", volumes());
    host.undefine("web.yaml");
    host.conductor(&["remove", "--id", "web", "--volumes"]).exits(0);
    assert_eq!(volumes(), "");
}
