//! What native services keep on the host.

use conductor_sandbox::Engine;
use conductor_sandbox::Engine::{Docker, Podman};

use crate::Test;
use crate::attacks::as_eve;
use crate::host::{FEW_FILTERS, Host, UNITS};

pub(crate) const TESTS: &[Test] = &[
    ("every_unit_of_a_service_writes_its_state", every_unit_of_a_service_writes_its_state),
    ("a_runtime_directory_is_kept", a_runtime_directory_is_kept),
    ("redis_loses_no_write", redis_loses_no_write),
    ("a_volume_stays_its_users", a_volume_stays_its_users),
    ("native_named_volumes", |host| named_volumes(host, None)),
    ("docker_named_volumes", |host| named_volumes(host, Some(Docker))),
    ("podman_named_volumes", |host| named_volumes(host, Some(Podman))),
    ("native_what_is_missing", |host| what_is_missing(host, None)),
    ("docker_what_is_missing", |host| what_is_missing(host, Some(Docker))),
    ("podman_what_is_missing", |host| what_is_missing(host, Some(Podman))),
];

/// Returns a service that appends to a file in its state directory, named after its process, forever.
fn service(version: &str, end: &str, rest: &str) -> String {
    let script = format!(
        "cat $STATE_DIRECTORY/* >/dev/null || exit 4; : {version}; {end}; \
         while sleep 0.02; do echo >>$STATE_DIRECTORY/$$; done"
    );
    let settings =
        FEW_FILTERS.replace("{\"Service\": {", "{\"Service\": {\"StateDirectory\": \"web\", ");
    let append = "[/bin/sh, -c, 'echo >>/var/lib/web/one-off']";
    format!(
        "id: web\ncommand: [/bin/sh, -c, '{script}']\nsystemd: {settings}\n\
         deploy: {{order: start-first, min_healthy_time: 1s, before: {append}}}\n\
         cron: {{job: {{schedule: '@yearly', command: {append}}}}}\n{rest}"
    )
}

/// Asserts that an instance that runs writes from now on.
#[track_caller]
fn writes(host: &Host, instance: &(String, u32)) {
    let (unit, pid) = instance;
    let size = |host: &Host| {
        host.sh(&format!("stat --format %s /var/lib/web/{pid} 2>/dev/null || echo 0"))
    };
    let before = size(host);
    host.eventually(&format!("{unit} writes"), |host| size(host) != before);
}

fn every_unit_of_a_service_writes_its_state(host: &Host) {
    let apply = |version, end, rest| {
        host.define("web.yaml", &service(version, end, rest));
        host.conductor(&["apply"])
    };
    host.sh("mkdir -p /var/lib/private/web; touch /var/lib/private/web/old");
    apply("v1", ":", "").exits(0);
    let old = host.running("web").remove(0);
    writes(host, &old);

    // Old and new run side by side.
    host.define("web.yaml", &service("v2", ":", ""));
    let mut run = host.start(&["apply", "--output", "json"]);
    run.until("\"action\":\"confirm\"");
    let both = host.running("web");
    assert_eq!(both.len(), 2, "{both:?}");
    for instance in &both {
        writes(host, instance);
    }
    run.finish().exits(0);

    // A failed one is gone, and the old one goes on.
    let v2 = host.running("web").remove(0);
    apply("v3", "exit 3", "").exits(3);
    assert_eq!(host.running("web"), std::slice::from_ref(&v2));
    writes(host, &v2);

    apply("v2", ":", "instances: 2\n").exits(0);
    let both = host.running("web");
    assert_eq!(both.len(), 2, "{both:?}");
    let all = |host: &Host| both.iter().for_each(|instance| writes(host, instance));
    all(host);
    host.conductor(&["cron", "run-now", "--id", "web", "job"]).exits(0);
    all(host);
    let run = ["run", "--id", "web", "--", "/bin/sh", "-c", "echo >>/var/lib/web/one-off"];
    host.conductor(&run).exits(0);
    all(host);
    assert_eq!(host.running("web"), both, "one was started again");

    // As another version left it: each unit has its own user, the last of which has the directory.
    apply("v2", ":", "").exits(0);
    host.sh(&format!(
        "cd {UNITS}; sed -i '/^User=/d' conductor-web-*.service; systemctl daemon-reload; \
         systemctl restart 'conductor-web-host.*.service'"
    ));
    let own = host.running("web").remove(0);
    writes(host, &own);
    let user = |unit: &str| host.property(unit, "User");
    assert!(user(&own.0).starts_with("_du"), "{}", user(&own.0));
    apply("v4", ":", "").exits(0);
    let new = host.running("web").remove(0);
    assert_eq!(user(&new.0), "conductor-web");
    assert_ne!(new.1, own.1);
    writes(host, &new);
}

/// What the host finds in a `RuntimeDirectory=` is what the instances write: it is one for all of them, and systemd
/// would remove it with each that stops.
fn a_runtime_directory_is_kept(host: &Host) {
    let define = |version: &str, end: &str, rest: &str| {
        let script =
            format!(": {version}; {end}; while sleep 0.02; do echo >>/run/web-sockets/$$; done");
        let settings = FEW_FILTERS
            .replace("{\"Service\": {", "{\"Service\": {\"RuntimeDirectory\": \"web-sockets\", ");
        host.define(
            "web.yaml",
            &format!("id: web\ncommand: [/bin/sh, -c, '{script}']\nsystemd: {settings}\n{rest}"),
        );
        host.conductor(&["apply"])
    };
    let all_write = |count: usize| {
        let running = host.running("web");
        assert_eq!(running.len(), count, "{running:?}");
        for (unit, pid) in running {
            let size = || host.sh(&format!("stat --format %s /run/web-sockets/{pid} || echo 0"));
            let before = size();
            host.eventually(&format!("{unit} writes"), |_| size() != before);
        }
    };
    define("v1", ":", "").exits(0);
    all_write(1);
    define("v2", ":", "").exits(0);
    all_write(1);
    // Until it has reached its start limit, and its failure is reset after the old one is back.
    define("v3", "exit 3", "health: {command: [\"true\"]}\ndeploy: {order: stop-first}\n").exits(3);
    all_write(1);
    define("v2", ":", "instances: 2\n").exits(0);
    all_write(2);
    host.sh(&format!("systemctl stop {}", host.running("web")[0].0));
    all_write(1);
    host.conductor(&["remove", "--id", "web"]).exits(0);
    assert_eq!(host.sh("find /run/conductor /run/private/conductor -name '*web*'"), "");
    host.sh("rm -r /run/private/web-sockets /run/web-sockets");
}

/// A database that loads its data when it starts, and saves it when it stops, as Redis does.
fn redis_loses_no_write(host: &Host) {
    let define = |limit: &str| {
        host.define(
            "cache.yaml",
            &format!(
                "id: cache\ncommand: [/usr/bin/redis-server, --port, '6390', --dir, /var/lib/cache, \
                 --save, '3600 1']\nhealth: {{command: [/usr/bin/redis-cli, -p, '6390', ping]}}\n\
                 systemd: {{Service: {{StateDirectory: cache}}}}\nlimits: {{memory: {limit}}}\n"
            ),
        );
    };
    define("64M");
    host.apply();
    let first = host.running("cache").remove(0);
    // It notes the last number of which Redis said that it has it.
    let writer =
        "while :; do n=$(redis-cli -p 6390 incr n) && test $n -gt 0 && echo $n >/srv/last; done";
    host.sh(&format!("systemd-run --quiet --unit writer sh -c '{writer}' 2>/dev/null"));
    let last = |host: &Host| -> u64 {
        host.sh("cat /srv/last 2>/dev/null || echo 0").parse().unwrap_or_default()
    };
    host.eventually("there are writes", |host| last(host) > 20);
    for limit in ["65M", "66M"] {
        define(limit);
        let ran = host.conductor(&["apply", "--dry-run"]).exits(0);
        ran.says(
            "briefly down: the old instance stops first, so that no two use StateDirectory=cache\n",
        );
        host.apply();
        let before = last(host);
        host.eventually("there are more", |host| last(host) > before);
    }
    assert_ne!(host.running("cache"), [first]);
    host.sh("systemctl stop writer");
    let stored: u64 = host.sh("redis-cli -p 6390 get n").parse().expect("a number");
    let last = last(host);
    assert!(stored >= last && last > 20, "{stored} is less than {last}");
}

/// A directory, file or file system that is not there looks like lost data, so nothing starts without it.
fn what_is_missing(host: &Host, engine: Option<Engine>) {
    let how = match engine {
        None => "command: [/usr/bin/sleep, infinity]\n".to_owned(),
        Some(engine) => {
            host.sandbox.load_image(engine).expect("the engine takes the image");
            let engine = engine.program();
            format!("runtime: {engine}\nimage: localhost/app\nrevision: v1\ncommand: [sleep, 1d]\n")
        }
    };
    let define = |rest: &str| host.define("db.yaml", &format!("id: db\n{how}{rest}"));
    host.sh("mkdir -p '/srv/disk/1,a'; echo mine >'/srv/disk/1,a/file'");
    let volumes = "volumes: ['/srv/disk/{instance},a:/data']\n";
    define(volumes);
    host.apply();
    let running = host.running("db");
    let (unit, pid) = &running[0];
    assert_eq!(
        host.sh(&format!("cat /proc/{}/root/data/file", inside(host, engine, *pid))),
        "mine"
    );
    let mounts = host.property(unit, "RequiresMountsFor");
    assert!(mounts.split(' ').any(|path| path == "/srv/disk/1,a"), "{mounts}");

    // Everything that is missing is named, and what runs goes on; a second instance needs a second directory.
    define(&format!(
        "{volumes}instances: 2\nenv_files: [/srv/no.env]\nsecrets: {{key: /srv/no.key}}\n\
         deploy: {{before: [\"true\"], order: stop-first}}\n"
    ));
    for arguments in [&["apply"][..], &["apply", "--dry-run"]] {
        let ran = host.conductor(arguments).exits(2);
        for (key, path) in [
            ("volumes[0]", "/srv/disk/2,a"),
            ("volumes[0]", "/srv/disk/0,a"),
            ("env_files[0]", "/srv/no.env"),
            ("secrets.key", "/srv/no.key"),
        ] {
            let text = format!(": {key}: there is no {path} on this host\n  hint: create ");
            assert_eq!(ran.stderr.matches(&text).count(), 1, "{text} in {ran}");
        }
        assert!(ran.stderr.contains("/etc/conductor/services/db.yaml:"), "{ran}");
    }
    host.conductor(&["run", "--id", "db", "true"])
        .exits(125)
        .complains("no /srv/disk/0,a on this host");
    host.conductor(&["check"]).exits(0);
    host.sh("mkdir /srv/other");
    let file = "/etc/conductor/services/db.yaml";
    host.conductor(&["apply", "--root", "/srv/other", file]).exits(0);
    assert_eq!(host.running("db"), running);

    // Nobody creates it when systemd starts the instance again, and it comes back with the data.
    define(volumes);
    host.sh(&format!("mv /srv/disk /srv/away; systemctl kill --signal KILL {unit}"));
    host.eventually("it is down", |host| host.running("db").is_empty());
    host.define("other.yaml", "id: other\ncommand: [/usr/bin/sleep, infinity]\n");
    host.conductor(&["apply"]).exits(1).says("changed: other");
    assert!(!host.path("/srv/disk").exists());
    host.sh("mv /srv/away /srv/disk");
    host.sh(&format!("systemctl reset-failed {unit}; systemctl start {unit}"));
    host.eventually("it is up", |host| host.running("db").len() == 1);
    let pid = inside(host, engine, host.running("db")[0].1);
    assert_eq!(host.sh(&format!("cat /proc/{pid}/root/data/file")), "mine");
}

/// Returns the process that sees what the service sees.
fn inside(host: &Host, engine: Option<Engine>, main: u32) -> String {
    match engine {
        None => main.to_string(),
        Some(engine) => {
            let engine = engine.program();
            host.sh(&format!("{engine} inspect --format '{{{{.State.Pid}}}}' $({engine} ps -q)"))
        }
    }
}

/// A volume of a user of the host: no other can look into it, and a command of another user does not take it away.
fn a_volume_stays_its_users(host: &Host) {
    let define = |user: &str| {
        let settings = FEW_FILTERS;
        host.define(
            "db.yaml",
            &format!(
                "id: db\n{user}command: [/usr/bin/sleep, infinity]\nvolumes: ['data:/data']\n\
                 cron: {{job: {{schedule: '@yearly', user: daemon, command: [test, -d, /data]}}}}\n\
                 systemd: {settings}\n"
            ),
        );
    };
    let volume = "/var/lib/conductor/volumes/db/data";
    let owner = |host: &Host| host.sh(&format!("stat --dereference --format '%u %a' {volume}"));
    // That of a dynamic user is in a directory of root's.
    for (user, mode) in [("user: www-data\n", " 700"), ("", " 755")] {
        define(user);
        host.apply();
        host.eventually("the volume is there", |host| host.path(volume).symlink_metadata().is_ok());
        let before = owner(host);
        assert!(before.ends_with(mode), "{before}");
        as_eve(host, &format!("ls {volume}")).exits(2).complains("Permission denied");
        let (_, pid) = host.running("db").remove(0);
        host.conductor(&["run", "--id", "db", "--", "touch", "/data/file"]).exits(0);
        for user in ["root", "daemon"] {
            let run = ["run", "--id", "db", "--user", user, "--", "test", "-d", "/data"];
            host.conductor(&run).exits(0);
        }
        host.conductor(&["cron", "run-now", "--id", "db", "job"]).exits(0);
        assert_eq!(owner(host), before);
        assert!(host.path(&format!("/proc/{pid}/root/data/file")).exists());
        host.conductor(&["remove", "--id", "db", "--volumes"]).exits(0);
    }
}

/// Puts engines on the host that answer nothing, and write down what they are asked. A native service needs none.
fn break_engines(host: &Host) {
    for program in ["docker", "podman"] {
        let path = format!("/usr/local/bin/{program}");
        host.write(&path, "#!/bin/sh\necho \"$@\" >>/root/asked\necho broken >&2\nexit 125\n");
        host.sh(&format!("chmod +x {path}"));
    }
}

/// Puts a podman before podman, which writes down if it changes tags twice at a time.
fn watch_tags(host: &Host) {
    let script = r#"#!/bin/sh
case $1 in
tag)
    mkdir /run/tagging || echo "$@" >>/root/overlaps
    sleep 0.5
    /usr/bin/podman "$@"
    status=$?
    rmdir /run/tagging
    exit $status
    ;;
esac
exec /usr/bin/podman "$@"
"#;
    host.write("/usr/local/bin/podman", script);
    host.sh("chmod +x /usr/local/bin/podman");
}

/// A volume without a directory of the host's: it is made, kept over releases and removals, and goes when asked.
fn named_volumes(host: &Host, engine: Option<Engine>) {
    let how = match engine {
        None => format!("systemd: {FEW_FILTERS}\n"),
        Some(engine) => {
            host.sandbox.load_image(engine).expect("the engine takes the image");
            let engine = engine.program();
            format!("runtime: {engine}\nimage: localhost/app\nrevision: v1\n")
        }
    };
    let define = |id: &str, version: u32| {
        let script = format!("echo {version} >>/data/log; exec sleep 1000");
        host.define(
            &format!("{id}.yaml"),
            &format!(
                "id: {id}\n{how}command: [/bin/sh, -c, '{script}']\nvolumes: ['data:/data']\n\
                 cron: {{job: {{schedule: '@yearly', command: [/bin/sh, -c, 'echo job >>/data/log']}}}}\n"
            ),
        );
    };
    let log = |host: &Host, id: &str| {
        let run = ["run", "--id", id, "--", "/bin/sh", "-c", "cat /data/log"];
        host.conductor(&run).exits(0).stdout.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    if engine.is_none() {
        break_engines(host);
    }
    define("db", 1);
    define("db-b", 7);
    if engine == Some(Podman) {
        watch_tags(host);
    }
    host.apply();
    if engine == Some(Podman) {
        assert!(!host.path("/root/overlaps").exists(), "podman 4.3 loses one of two such tags");
        host.sh("rm /usr/local/bin/podman");
    }
    host.eventually("both wrote", |host| log(host, "db") == "1" && log(host, "db-b") == "7");
    define("db", 2);
    let ran = host.conductor(&["apply", "--dry-run"]).exits(0);
    ran.says("the old instance stops first, so that no two use the volume data\n");
    host.apply();
    host.conductor(&["cron", "run-now", "--id", "db", "job"]).exits(0);
    host.eventually("all wrote", |host| log(host, "db") == "1 2 job");
    host.is_converged();

    let status = host.conductor(&["status", "db", "--output", "json"]).exits(0).json();
    let volumes = &status["services"][0]["volumes"];
    let location = match engine {
        None => "/var/lib/conductor/volumes/db/data",
        Some(_) => "conductor-db.data",
    };
    assert_eq!(volumes.as_array().map(Vec::len), Some(1), "{volumes}");
    assert_eq!(volumes[0]["location"], location, "{volumes}");
    let shown = host.conductor(&["status", "db"]).exits(0).stdout;
    assert!(shown.contains(location), "{shown}");

    // It is kept with the service's name, and goes only when asked to, alone.
    host.conductor(&["remove", "--id", "db"]).exits(0);
    host.apply();
    host.eventually("it still has its data", |host| log(host, "db") == "1 2 job 2");
    if engine.is_none() {
        // What a hostile service leaves there is not followed.
        host.sh("mkdir /srv/precious; touch /srv/precious/file");
        let link = ["run", "--id", "db", "--", "ln", "-s", "/srv/precious", "/data/link"];
        host.conductor(&link).exits(0);
    }
    host.conductor(&["remove", "--id", "db"]).exits(0);
    let ran = host.conductor(&["remove", "--id", "db", "--volumes", "--dry-run"]).exits(0);
    assert!(ran.stdout.contains("remove the volume data"), "{ran}");
    let ran = host.conductor(&["remove", "--id", "db", "--volumes"]).exits(0);
    if engine.is_none() {
        // Only whether it had volumes there, too, is asked.
        ran.says("podman does not list its volumes (broken): if db has some there, they are left");
        assert_eq!(host.sh("sort -u /root/asked"), "volume ls --format {{.Name}}");
        host.sh("rm /usr/local/bin/docker /usr/local/bin/podman");
    }
    host.conductor(&["remove", "--id", "db", "--volumes"]).exits(2);
    assert_eq!(log(host, "db-b"), "7");
    host.apply();
    host.eventually("it begins anew", |host| log(host, "db") == "2");
    if engine.is_none() {
        assert!(host.path("/srv/precious/file").exists());
    }
    for id in ["db", "db-b"] {
        host.conductor(&["remove", "--id", id, "--volumes"]).exits(0);
    }
    assert_eq!(host.sh("find /var/lib -path '*conductor/volumes/*'"), "");
    if let Some(engine) = engine {
        adopted_volume(host, engine.program(), &how);
    }
}

/// A volume of the engine that has data of somebody else, and that two services have.
fn adopted_volume(host: &Host, program: &str, how: &str) {
    host.sh(&format!("{program} volume create Shop_data"));
    let command = "[/bin/sh, -c, 'echo $CONDUCTOR >>/data/log; exec sleep 1000']";
    for id in ["a", "b"] {
        let volume = "volumes: ['data:/data']\nvolume_names: {data: Shop_data}";
        let file =
            format!("id: {id}\n{how}command: {command}\nenv: {{CONDUCTOR: {id}}}\n{volume}\n");
        host.define(&format!("{id}.yaml"), &file);
    }
    host.apply();
    let read = ["run", "--id", "a", "--", "/bin/sh", "-c", "sort /data/log"];
    host.eventually("both wrote into it", |host| {
        host.conductor(&read).exits(0).stdout.split_whitespace().eq(["a", "b"])
    });
    for id in ["a", "b"] {
        host.conductor(&["remove", "--id", id, "--volumes"]).exits(0);
    }
    assert_eq!(
        host.sh(&format!("{program} volume ls --quiet --filter name=Shop_data")).trim(),
        "Shop_data"
    );
    host.sh(&format!("{program} volume rm Shop_data"));
    // A command would begin anew without the data, too.
    let missing = format!("volume_names.data: {program} has no volume Shop_data");
    host.conductor(&read).exits(125).complains(&missing);
    host.conductor(&["run", "--detach", "--id", "a", "true"]).exits(125).complains(&missing);
    assert_eq!(host.sh(&format!("{program} volume ls --quiet --filter name=Shop_data")), "");
}
