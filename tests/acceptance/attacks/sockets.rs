//! Attacks on the sockets of services.

use conductor_sandbox::Engine;

use super::as_eve;
use crate::Test;
use crate::host::Host;
use crate::sockets::in_image;

pub(crate) const TESTS: &[Test] = &[
    ("sockets_eve_listens_podman", |host| listens_first(host, Engine::Podman)),
    ("sockets_eve_listens_docker", |host| listens_first(host, Engine::Docker)),
    ("sockets_become_links_native", |host| {
        let command = format!("[/usr/bin/python3, /srv/swap.py, {SECRET}, v1]");
        becomes_a_link(host, &format!("user: daemon\ncommand: {command}\n"));
    }),
    ("sockets_become_links_podman", |host| {
        host.sandbox.load_image(Engine::Podman).expect("the engine takes the image");
        let program = format!("/srv/swap.py {SECRET} v1");
        becomes_a_link(host, &in_image("podman", "image: localhost/app:v1", &program));
    }),
    ("sockets_runtime_directory", runtime_directory),
];

const COMMON: &str = "id: web
listen: socket
proxy: {nginx: {upstream: web}}
";

/// A socket that only nginx's workers may reach.
const SECRET: &str = "/run/secret.sock";

const SITE: &str = "server {
    listen 127.0.0.1:8080;
    location / { proxy_pass http://web; proxy_next_upstream off; }
}
";

/// The fixed name of the instance's socket.
const LINK: &str = "/var/lib/conductor/sockets/web/1.sock";

/// An image may run as any user, so another user may try to listen in place of its container.
fn listens_first(host: &Host, engine: Engine) {
    host.sandbox.load_image(engine).expect("the engine takes the image");
    host.write("/srv/server.py", include_str!("../server.py"));
    host.write("/srv/eve.py", include_str!("eve.py"));
    host.sh("mkdir --mode=0777 /srv/signs");
    let wait = "touch /srv/signs/up; until test -e /srv/signs/go; do sleep 0.1; done; ";
    let definition = in_image(engine.program(), "image: localhost/app:v1", "/srv/server.py v1")
        .replace("-c, '", &format!("-c, '{wait}"))
        .replace("/srv:/srv:ro", "/srv:/srv:rw");
    let health = "health: {http: /, interval: 100ms, start_period: 2min}\n";
    host.define("web.yaml", &format!("{COMMON}{health}{definition}\nenv: {{VERSION: v1}}\n"));
    let deploy = host.start(&["deploy", "--id", "web", "--revision", "v1"]);
    host.eventually("the container is up", |host| host.path("/srv/signs/up").exists());
    let eve = as_eve(
        host,
        "rm -f /tmp/eve; python3 /srv/eve.py web. socket >/tmp/eve 2>&1 & \
         until grep -qs looked /tmp/eve; do sleep 0.05; done; cat /tmp/eve",
    );
    // She did see it; otherwise this would prove nothing.
    assert!(!eve.stdout.contains("looked at 0"), "{eve}");
    host.sh("touch /srv/signs/go");
    deploy.finish().exits(0);
    assert_eq!(host.sh(&format!("curl -sS --fail --unix-socket {LINK} http://x/")), "v1", "{eve}");
    assert!(eve.stdout.ends_with("got 0\n"), "{eve}");
    let (unit, _) = host.running("web").remove(0);
    let container = unit.trim_end_matches(".service");
    let options = host.sh("findmnt --noheadings --output OPTIONS /run/conductor/sockets");
    for option in ["ro", "nosuid", "nodev", "noexec", "nosymfollow"] {
        assert!(options.split(',').any(|it| it == option), "{options}");
    }
    // The container cannot fill /run, which systemd needs.
    let fill = "dd if=/dev/zero of=$(dirname $SOCKET)/fill bs=1M count=64";
    host.sh(&format!("! {} exec {container} sh -c '{fill}'", engine.program()));
    assert_eq!(host.sh(&format!("curl -sS --fail --unix-socket {LINK} http://x/")), "v1");
    // She cannot replace the socket, or add files, either.
    let socket = host.sh(&format!("readlink {LINK}"));
    as_eve(
        host,
        &format!("! touch $(dirname {socket})/file && ! rm -f {socket} && ! rm -f {LINK}"),
    )
    .exits(0);
}

/// A service can replace its socket with anything, and others may come under another user id.
fn becomes_a_link(host: &Host, definition: &str) {
    for (file, text) in [
        ("server.py", include_str!("../server.py")),
        ("swap.py", include_str!("swap.py")),
        ("secret.py", include_str!("secret.py")),
    ] {
        host.write(&format!("/srv/{file}"), text);
    }
    host.sh(&format!(
        "systemd-run --quiet --unit=secret python3 /srv/secret.py {SECRET} $(id -u www-data) /srv/log; \
         until test -S {SECRET}; do sleep 0.05; done"
    ));
    let health = "health: {http: /, interval: 100ms, timeout: 1s, retries: 200}\n";
    host.define("web.yaml", &format!("{COMMON}{health}{definition}\nenv: {{VERSION: v1}}\n"));
    host.conductor(&["deploy", "--id", "web", "--revision", "v1"]).exits(0);
    host.write("/etc/nginx/conf.d/site.conf", SITE);
    host.sh("systemctl start nginx.service");
    let ask = "curl -sS --max-time 5 http://127.0.0.1:8080/";
    assert_eq!(host.sh(ask), "v1");
    host.sh("touch /srv/swap");
    let socket = host.sh(&format!("readlink {LINK}"));
    host.eventually("the socket is a link", |host| {
        host.sh(&format!("readlink {socket} || true")) == SECRET
    });
    let answer = host.sh(ask);
    let (unit, _) = host.running("web").remove(0);
    host.eventually("a check was made, and was not taken in", |host| {
        host.property(&unit, "StatusText").contains("unhealthy ")
    });
    assert!(answer.contains("502 Bad Gateway"), "{answer}");
    assert_eq!(host.sh("cat /srv/log"), "");
    host.sh(
        "systemctl stop secret.service nginx.service; rm -f /run/secret.sock /etc/nginx/conf.d/*",
    );
}

/// A variable of the service must not decide for root who owns the directory.
fn runtime_directory(host: &Host) {
    host.write("/srv/server.py", include_str!("../server.py"));
    host.write("/srv/env", "RUNTIME_DIRECTORY=/home/operator\nVERSION=v1\n");
    host.define(
        "web.yaml",
        &format!(
            "{COMMON}user: daemon\nenv_files: [/srv/env]\nhealth: {{http: /, interval: 100ms}}\n\
             command: [/usr/bin/python3, /srv/server.py, v1]\n"
        ),
    );
    host.conductor(&["deploy", "--id", "web", "--revision", "v1"]).exits(0);
    let owner = format!("stat --format %U $(dirname $(readlink {LINK})) /home/operator");
    assert_eq!(host.sh(&owner), "daemon\noperator");
}
