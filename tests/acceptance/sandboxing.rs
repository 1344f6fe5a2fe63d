//! The restrictions of native instances, and how a definition relaxes them.

use crate::Test;
use crate::attacks::{EVE, as_eve};
use crate::host::{Host, SLEEP};

pub(crate) const TESTS: &[Test] = &[
    ("a_default_unit_is_well_protected", a_default_unit_is_well_protected),
    ("a_default_unit_fits_real_programs", a_default_unit_fits_real_programs),
    ("a_definition_relaxes_the_sandbox", a_definition_relaxes_the_sandbox),
    ("a_capability_is_enough_for_a_low_port", a_capability_is_enough_for_a_low_port),
    ("the_clock_can_be_read_without_its_protection", the_clock_can_be_read_without_its_protection),
    ("what_a_definition_shows_of_home_is_there", what_a_definition_shows_of_home_is_there),
    ("a_service_watches_the_host", a_service_watches_the_host),
    ("clients_find_a_runtime_directory", clients_find_a_runtime_directory),
    ("an_image_is_the_root_directory", an_image_is_the_root_directory),
];

fn a_default_unit_is_well_protected(host: &Host) {
    let command = "[/usr/bin/redis-server, --bind, 127.0.0.1, --port, \"{port}\", --save, \"\"]";
    host.define("cache.yaml", &format!("id: cache\ncommand: {command}\nport: 6379\n"));
    host.apply();
    let (unit, pid) = host.running("cache").remove(0);
    let (level, report) = exposure(host, &unit);
    assert!(level <= 1.4, "exposure level {level}\n{report}");
    let redis = "redis-cli -p 20000 eval 'redis.call(\"set\", \"a\", ARGV[1]); \
                 return redis.call(\"get\", \"a\")' 0 works || true";
    host.eventually("Redis works", |host| host.sh(redis) == "works");
    let status = host.sh(&format!("cat /proc/{pid}/status"));
    // 2: filters are in force.
    let seccomp = if host.sandbox.has_seccomp() { "Seccomp:\t2" } else { "Seccomp:\t0" };
    for line in ["CapBnd:\t0000000000000000", "NoNewPrivs:\t1", seccomp] {
        assert!(status.contains(line), "no {line:?} in {status}");
    }
}

/// Does what programs do when they start or serve: gunicorn 20 gives its files to its own user and changes to it,
/// `node_exporter` lists network interfaces over netlink, and `PostgreSQL` asks who its peer is.
const USUAL: &str = r"
import os, socket, struct
open('/tmp/own', 'w').close()
os.chown('/tmp/own', os.getuid(), os.getgid())
os.setgid(os.getgid())
os.setuid(os.getuid())
assert 'lo' in [name for _, name in socket.if_nameindex()]
server = socket.socket(socket.AF_UNIX)
server.bind('/srv/open/peers')
os.chmod('/srv/open/peers', 0o777)
server.listen()
while True:
    peer = server.accept()[0]
    user = struct.unpack('3i', peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1]
    peer.sendall(str(user).encode())
    peer.close()
";

fn a_default_unit_fits_real_programs(host: &Host) {
    host.write("/srv/usual.py", USUAL);
    host.sh("mkdir -m 777 /srv/open; chmod 644 /srv/usual.py");
    let ask = "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/srv/open/peers'); \
               print('peer', s.recv(9).decode())";
    for user in ["", "user: www-data\n"] {
        let command =
            "command: [/usr/bin/python3, /srv/usual.py]\nvolumes: [/srv/open:/srv/open]\n";
        host.define("usual.yaml", &format!("id: usual\n{command}{user}"));
        host.apply();
        host.eventually("it listens", |host| {
            let logs = host.conductor(&["logs", "--id", "usual"]).exits(0).stdout;
            assert!(!logs.contains("Error"), "{logs}");
            host.path("/srv/open/peers").exists()
        });
        as_eve(host, &format!("/usr/bin/python3 -c \"{ask}\""))
            .exits(0)
            .says(&format!("peer {EVE}"));
        host.conductor(&["remove", "--id", "usual"]).exits(0);
        host.sh("rm /srv/open/peers");
    }
}

/// Returns how systemd rates a unit, from 0 to 10, and its reasons.
#[track_caller]
fn exposure(host: &Host, unit: &str) -> (f64, String) {
    let report = host.sh(&format!("systemd-analyze security --no-pager {unit}"));
    let level = report.rsplit_once(&format!("for {unit}: ")).map(|(_, level)| level);
    let level = level.and_then(|level| level.split_whitespace().next());
    let level = level.and_then(|level| level.parse().ok()).unwrap_or_else(|| panic!("{report}"));
    (level, report)
}

fn a_definition_relaxes_the_sandbox(host: &Host) {
    let command = "[/bin/sh, -c, \"echo here >/srv/proof && exec sleep infinity\"]";
    let define = |more: &str| host.define("a.yaml", &format!("id: a\ncommand: {command}\n{more}"));
    let proof = host.path("/srv/proof");
    host.sh("chmod 777 /srv");
    define("");
    // It ends at once or soon, because the root is read-only.
    host.conductor(&["apply"]);
    host.sh("sleep 0.2");
    assert!(!proof.exists());
    define("systemd: {Service: {ProtectSystem: full, DynamicUser: false, Nice: 5}}\n");
    host.apply();
    host.eventually("it wrote", |_| proof.exists());
    let (unit, pid) = host.running("a").remove(0);
    assert_eq!(host.property(&unit, "ProtectSystem"), "full");
    assert_eq!(host.sh(&format!("ps -o ni= -p {pid}")).trim(), "5");
    // The other restrictions still apply.
    assert_eq!(host.property(&unit, "PrivateTmp"), "yes");
    host.sh("chmod 755 /srv");
}

/// The port of a web server, as a dynamic user.
fn a_capability_is_enough_for_a_low_port(host: &Host) {
    let bind = "import socket; socket.create_server(('127.0.0.1', 81))";
    let define = |more: &str| {
        host.define(
            "web.yaml",
            &format!(
                "id: web\ncommand: [/usr/bin/python3, -m, http.server, '80', --directory, /usr/bin]\n\
                 cron: {{bind: {{schedule: '@yearly', command: [python3, -c, \"{bind}\"]}}}}\n\
                 deploy: {{order: stop-first, before: [/usr/bin/python3, -c, \"{bind}\"]}}\n{more}"
            ),
        );
    };
    define("");
    let ran = host.conductor(&["apply"]).exits(1);
    ran.complains("PermissionError: [Errno 13] Permission denied");
    define("cap_add: [NET_BIND_SERVICE]\n");
    host.apply();
    host.eventually("it answers", |host| host.sh("curl -fsSI 127.0.0.1 || true").contains("200"));
    let (unit, pid) = host.running("web").remove(0);
    let status = host.sh(&format!("cat /proc/{pid}/status"));
    for line in ["CapEff:\t0000000000000400", "CapBnd:\t0000000000000400", "NoNewPrivs:\t1"] {
        assert!(status.contains(line), "no {line:?} in {status}");
    }
    assert_eq!(host.property(&unit, "User"), "conductor-web");
    let (level, report) = exposure(host, &unit);
    assert!(level <= 1.5, "exposure level {level}\n{report}");
    host.conductor(&["cron", "run-now", "--id", "web", "bind"]).exits(0);
    host.conductor(&["run", "--id", "web", "python3", "-c", bind]).exits(0);
    // A capability for the network brings netlink back.
    let netlink = "import socket; print([name for _, name in socket.if_nameindex()])";
    let lists = |host: &Host| host.conductor(&["run", "--id", "web", "python3", "-c", netlink]);
    lists(host).exits(1).complains("Address family not supported");
    define("cap_add: [NET_BIND_SERVICE, NET_ADMIN]\n");
    host.apply();
    lists(host).exits(0).says("lo");
}

/// Reads the state of the clock, as `node_exporter` does.
fn the_clock_can_be_read_without_its_protection(host: &Host) {
    let read = "import ctypes; libc = ctypes.CDLL(None, use_errno=True); \
                print(libc.adjtimex(ctypes.create_string_buffer(208)), ctypes.get_errno())";
    let reads = |more: &str| {
        host.define("clock.yaml", &format!("id: clock\n{SLEEP}{more}"));
        host.apply();
        host.conductor(&["run", "--id", "clock", "python3", "-c", read]).exits(0).stdout
    };
    if host.sandbox.has_seccomp() {
        assert_eq!(reads(""), "-1 1\n");
    }
    let clock = reads("systemd: {Service: {ProtectClock: false}}\n");
    assert!(!clock.starts_with('-'), "{clock}");
}

/// systemd mounts nothing below a directory that `ProtectHome=yes` hides, and says nothing.
fn what_a_definition_shows_of_home_is_there(host: &Host) {
    host.sh("mkdir -p /home/app /home/other /srv/shown; echo app >/home/app/file; echo srv >/srv/shown/file");
    host.define(
        "web.yaml",
        &format!(
            "id: web\n{SLEEP}volumes: [/home/app:/home/app, /srv/shown:/root/shown:ro]\ntmpfs: [/root/memory]\n"
        ),
    );
    host.apply();
    let (unit, pid) = host.running("web").remove(0);
    let look = "cat /home/app/file /root/shown/file; ls /home /root; stat --file-system -c %T /root/memory";
    assert_eq!(
        host.sh(&format!("nsenter --target {pid} --mount sh -ec '{look}'")),
        "app\nsrv\n/home:\napp\n\n/root:\nmemory\nshown\ntmpfs"
    );
    let (level, report) = exposure(host, &unit);
    assert!(level <= 1.4, "exposure level {level}\n{report}");
}

/// What `node_exporter` needs, and no more.
fn a_service_watches_the_host(host: &Host) {
    let read = "import ctypes; libc = ctypes.CDLL(None, use_errno=True); \
                print('clock', libc.adjtimex(ctypes.create_string_buffer(208)) >= 0); \
                print('mounts', open('/proc/1/mounts').read() == open('/proc/self/mounts').read()); \
                libc.adjtimex(ctypes.create_string_buffer(b'\\x01' * 208)); \
                print('errno', ctypes.get_errno())";
    for (more, sees) in [("", false), ("pid: host\n", true)] {
        host.define("watch.yaml", &format!("id: watch\n{SLEEP}{more}"));
        host.apply();
        let ran = host.conductor(&["run", "--id", "watch", "python3", "-c", read]);
        if sees {
            // Of pid 1, it sees the mounts of the host; and it cannot set the clock.
            assert_eq!(ran.stdout, "clock True\nmounts False\nerrno 1\n", "{ran}");
        } else {
            ran.exits(1).complains("'/proc/1/mounts'");
        }
    }
    let (unit, _) = host.running("watch").remove(0);
    let (level, report) = exposure(host, &unit);
    assert!(level <= 1.8, "exposure level {level}\n{report}");
}

/// A socket for other users of the host, which the next instance takes over.
fn clients_find_a_runtime_directory(host: &Host) {
    let define = |more: &str| {
        host.define(
            "db.yaml",
            &format!(
                "id: db\ncommand: [/bin/sh, -c, 'umask 22; echo here >/run/db/$$; exec sleep infinity']\n\
                 user: www-data\nruntime_directory: db\n{more}"
            ),
        );
        host.apply();
    };
    define("");
    let found = |host: &Host| as_eve(host, "cat /run/db/*").exits(0).stdout;
    host.eventually("a client finds it", |host| found(host) == "here\n");
    define("env: {A: b}\n");
    host.eventually("it is still there", |host| found(host) == "here\nhere\n");
    // A job of another user does not take it away.
    define("cron: {look: {schedule: '@yearly', user: backup, command: [/bin/ls, /run/db]}}\n");
    host.conductor(&["cron", "run-now", "--id", "db", "look"]).exits(0);
    assert_eq!(host.sh("stat --format '%U %a' /run/db"), "www-data 755");
}

fn an_image_is_the_root_directory(host: &Host) {
    for version in ["v1", "v2"] {
        let root = format!("/srv/app/{version}");
        host.sh(&format!(
            "mkdir -p {root}/bin; echo {version} >{root}/marker; \
             for file in /bin/sh /bin/sleep $(ldd /bin/sh /bin/sleep | grep -o '/[^ :]*' | sort -u); do \
                 mkdir -p {root}$(dirname $file); cp -n $file {root}$file; \
             done"
        ));
        let check = format!("read v </marker && test $v = {version} && exec /bin/sleep infinity");
        host.define(
            "app.yaml",
            &format!(
                "id: app\nimage: \"/srv/app/{{revision}}\"\nrevision: {version}\n\
             command: [/bin/sh, -c, \"{check}\"]\n"
            ),
        );
        host.apply().says("changed: app\n");
        let running = host.running("app");
        assert_eq!(running.len(), 1, "{running:?}");
        let (unit, pid) = &running[0];
        assert!(unit.starts_with(&format!("conductor-app-{version}.")), "{unit}");
        assert_eq!(host.property(unit, "RootDirectory"), root);
        let seen = host.sh(&format!("ls /proc/{pid}/root"));
        assert!(seen.contains("marker") && !seen.contains("home\nmedia"), "{seen}");
    }
    host.is_converged();
}
