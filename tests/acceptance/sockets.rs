//! Services that listen on unix sockets, behind nginx: switched without a reload.

use conductor_sandbox::Engine;

use crate::Test;
use crate::host::Host;

pub(crate) const TESTS: &[Test] = &[
    ("native", |host| is_switched(host, NATIVE)),
    ("native_in_a_directory", |host| {
        let image = "image: /usr/share/conductor-sandbox/root";
        is_switched(host, &in_image("native", image, SERVER));
    }),
    ("native_as_a_user", |host| is_switched(host, &format!("{NATIVE}\nuser: daemon"))),
    ("docker", |host| in_containers(host, Engine::Docker)),
    ("podman", |host| in_containers(host, Engine::Podman)),
];

/// The revision is the status that the server answers with: 500 is never healthy.
const NATIVE: &str = "command: [/usr/bin/python3, /srv/server.py, '{revision}']";

const SERVER: &str = "/srv/server.py $VERSION";

const COMMON: &str = "id: web
listen: socket
env: {VERSION: '{revision}'}
health: {http: /health, interval: 100ms, timeout: 1s, retries: 2, start_period: 5s}
proxy: {nginx: {upstream: web}}
";

/// The operator's site.
const SITE: &str = "server {
    listen 127.0.0.1:8080;
    location / { proxy_pass http://web; proxy_next_upstream off; }
}
";

const LINK: &str = "/var/lib/conductor/sockets/web/1.sock";

/// Returns the definition of a service in an image, which has no Python of its own.
///
/// `program` is a script in Python, with its arguments.
pub(crate) fn in_image(runtime: &str, rest: &str, program: &str) -> String {
    format!(
        "runtime: {runtime}\n{rest}\nvolumes: ['/usr:/mnt:ro', '/srv:/srv:ro']\n\
         command: [/bin/sh, -c, 'd=$(echo /mnt/lib/*-linux-gnu); export PYTHONHOME=/mnt; \
         exec $d/ld-linux*.so.* --library-path $d /mnt/bin/python3 {program}']"
    )
}

fn in_containers(host: &Host, engine: Engine) {
    host.sandbox.load_image(engine).expect("the engine takes the image");
    let program = engine.program();
    host.sh(&format!("{program} tag localhost/app:v1 localhost/app:500"));
    is_switched(host, &in_image(program, "image: localhost/app\nuser: app", SERVER));
}

#[track_caller]
fn ask(host: &Host) -> String {
    host.sh("curl -sS --fail --max-time 5 http://127.0.0.1:8080/")
}

/// Returns nginx's worker processes, which a reload replaces.
#[track_caller]
fn workers(host: &Host) -> String {
    host.sh("pgrep -f '^nginx: worker' | sort")
}

#[track_caller]
fn link(host: &Host) -> String {
    host.sh(&format!("readlink {LINK}"))
}

fn is_switched(host: &Host, definition: &str) {
    let define = |instances: u16| {
        host.define("web.yaml", &format!("{COMMON}{definition}\ninstances: {instances}\n"));
    };
    let deploy =
        |revision: &str| host.conductor(&["deploy", "--id", "web", "--revision", revision]);
    host.write("/srv/server.py", include_str!("server.py"));
    define(1);
    deploy("v1").exits(0);
    host.write("/etc/nginx/conf.d/site.conf", SITE);
    host.sh("systemctl start nginx.service");
    assert_eq!(ask(host), "v1");
    let (first, began) = (link(host), workers(host));
    assert!(first.starts_with("/run/conductor/sockets/web."), "{first}");
    assert_eq!(host.sh(&format!("stat --format %a {first}")), "666");
    // Private files are in a separate directory.
    host.sh("for d in /run/conductor/conductor-web-*/; do \
             test ! -e $d/secrets || test $(stat --format %a $d) = 700; done");

    // The old instance is stopped when the new one answers, without a reload of nginx.
    let old = host.running("web");
    deploy("v2").exits(0);
    assert_eq!(ask(host), "v2");
    assert_ne!(link(host), first);
    let new = host.running("web");
    assert_eq!((new.len(), new == old), (1, false), "{new:?}");
    host.conductor(&["rollback", "--id", "web"]).exits(0);
    assert_eq!((ask(host), link(host)), ("v1".to_owned(), first.clone()));
    assert_eq!(deploy("500").exits(3).stdout.matches("switch").count(), 0);
    assert_eq!((ask(host), link(host)), ("v1".to_owned(), first));
    assert_eq!(workers(host), began);

    // Another instance has another name.
    define(2);
    host.apply();
    let scaled = workers(host);
    assert_ne!(scaled, began);
    deploy("v2").exits(0);
    assert_eq!((ask(host), ask(host)), ("v2".to_owned(), "v2".to_owned()));
    assert_eq!(workers(host), scaled);
    host.is_converged();

    // A killed instance leaves its socket, and binds it again.
    let (unit, _) = host.running("web").remove(0);
    host.sh(&format!("systemctl kill --signal=KILL {unit}"));
    host.eventually("it answers again", |host| {
        let restarts = host.property(&unit, "NRestarts");
        let (active, socket) = (host.running("web").len(), link(host));
        let answers = format!("curl -sS --fail --unix-socket {socket} http://x/ || true");
        restarts == "1" && active == 2 && host.sh(&answers) == "v2"
    });
    assert_eq!((ask(host), ask(host)), ("v2".to_owned(), "v2".to_owned()));

    host.sh("rm /etc/nginx/conf.d/site.conf");
    host.conductor(&["remove", "--id", "web"]).exits(0);
    let left = host.sh("ls -d /var/lib/conductor/sockets/web /run/conductor/sockets/web.* \
                        /etc/nginx/conf.d/conductor-web.conf 2>/dev/null || true");
    assert_eq!(left, "");
    host.sh("systemctl stop nginx.service");
}
