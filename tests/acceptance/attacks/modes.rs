//! Attacks through a careless umask, and through other files in the place of conductor's.

use crate::Test;
use crate::host::{FEW_FILTERS, Host, UNITS};
use crate::ran::Ran;

pub(crate) const TESTS: &[Test] = &[
    ("an_open_umask", |host| a_life(host, "000")),
    ("a_closed_umask", |host| a_life(host, "077")),
    ("fifos_in_the_way", fifos_in_the_way),
];

/// The directories in which conductor creates files.
const PLACES: &str = "/etc/systemd/system /run/systemd/system /run/conductor /var/lib/conductor \
                      /etc/nginx/conf.d /srv/units /srv/image";

/// A service with instances, a job, a hook, and a proxy. The hook records the modes of the transient units.
fn define(host: &Host) {
    // The directories in a definition belong to the operator.
    host.sh("mkdir -p -m 777 /srv/out; touch /srv/out/passing; chmod 666 /srv/out/passing");
    let look = "stat -c '%a %n' /run/systemd/system/conductor-* >>/out/passing";
    host.define(
        "web.yaml",
        &format!(
            "id: web\ncommand: [/usr/local/bin/app]\nenv: {{VERSION: '{{revision}}'}}\nport: 8080\n\
             instances: 2\nsystemd: {FEW_FILTERS}\nvolumes: ['/srv/out:/out']\n\
             health: {{http: /health, interval: 100ms, timeout: 2s, start_period: 5s}}\n\
             proxy: {{nginx: {{upstream: web}}}}\n\
             deploy: {{before: [/bin/sh, -c, \"{look}\"], drain: 1s}}\n\
             cron: {{tick: {{calendar: '2099-01-01', command: [/bin/true]}}}}\n"
        ),
    );
    host.define(
        "sock.yaml",
        &format!(
            "id: sock\ncommand: [/usr/bin/python3, /srv/server.py, ok]\nlisten: socket\n\
             systemd: {FEW_FILTERS}\nhealth: {{http: /, interval: 100ms, start_period: 10s}}\n\
             proxy: {{nginx: {{upstream: sock}}}}\n"
        ),
    );
    host.write("/srv/server.py", include_str!("../server.py"));
    host.sh("chmod 755 /srv; chmod 644 /srv/server.py; chmod -R go-w /etc/conductor; mkdir -p /srv/image");
}

/// Runs conductor under a umask.
#[track_caller]
fn conductor(host: &Host, umask: &str, arguments: &str) -> Ran {
    let script = format!("umask {umask}; exec conductor {arguments}");
    Ran::new(host.sandbox.command("timeout").args(["300", "sh", "-ec", &script]))
}

/// Asserts the modes of everything that conductor creates.
#[track_caller]
fn modes_are_right(host: &Host, when: &str) {
    let find =
        format!("find {PLACES} -path '*conductor*' -printf '%y %m %p\\n' 2>/dev/null || true");
    let all = host.sh(&find);
    assert!(all.lines().count() > 1, "nothing is there {when}");
    let wrong = |line: &&str| {
        let mut words = line.splitn(3, ' ');
        let mut word = || words.next().unwrap_or_default();
        let (kind, mode, path) = (word(), word(), word());
        // systemd and services create the files in the units' directories.
        let of_unit = path.starts_with("/run/conductor/conductor-");
        // Only root can enter it.
        let of_socket = path.starts_with("/run/conductor/private")
            || path.starts_with("/run/conductor/") && path.contains("sock");
        let bits = u32::from_str_radix(mode, 8).expect("a mode");
        match kind {
            "l" | "s" => false,
            // The private directory of run sockets, and the mount point for them.
            "d" if path == "/run/conductor/runs" => bits != 0o700,
            "f" if path == "/run/conductor/one-off" => bits & 0o022 != 0,
            _ if of_unit || of_socket => bits & 0o002 != 0,
            "d" => bits != 0o755,
            _ if path.ends_with("/lock") || path.contains("/run/conductor/start-") => bits != 0o600,
            _ => bits != 0o644,
        }
    };
    let wrong: Vec<_> = all.lines().filter(wrong).collect();
    assert!(wrong.is_empty(), "{when}: {wrong:#?}");
}

fn a_life(host: &Host, umask: &str) {
    // Other tests use /run/conductor as it was created here.
    host.spoil();
    define(host);
    host.sh("systemctl start nginx");
    // It is created again.
    host.sh(&format!("rm -rf {UNITS}/multi-user.target.wants"));
    for (arguments, status) in [
        ("apply /etc/conductor/services/sock.yaml", 0),
        ("deploy --id web --revision v1", 0),
        ("deploy --id web --revision v2", 0),
        ("deploy --id web --revision v3-sick", 3),
        ("cron pause --id web tick", 0),
        ("apply", 0),
        ("cron run-now --id web tick", 0),
        ("rollback --id web", 0),
        (
            "run --id web /bin/sh -c 'stat -c \"%a %n\" /run/systemd/system/conductor-* >>/out/passing'",
            0,
        ),
        ("render --out /srv/units /etc/conductor/services/sock.yaml", 0),
        // Into the directory that is there now.
        ("render --out /srv/units /etc/conductor/services/sock.yaml", 0),
        (
            "apply --root /srv/image --definitions /etc/conductor/services \
          /etc/conductor/services/sock.yaml",
            0,
        ),
        ("remove --id sock", 0),
    ] {
        conductor(host, umask, arguments).exits(status);
        modes_are_right(host, &format!("after {arguments}"));
    }
    let wants = host.sh(&format!("stat -c %a {UNITS}/multi-user.target.wants"));
    assert_eq!(wants, "755");
    let passing = host.sh("cat /srv/out/passing");
    assert!(passing.lines().count() >= 2, "{passing}");
    for line in passing.lines() {
        assert!(line.starts_with("644 "), "{passing}");
    }
}

/// A file of another type in the place of conductor's does not block it.
fn fifos_in_the_way(host: &Host) {
    host.spoil();
    define(host);
    host.sh("systemctl start nginx");
    host.conductor(&["deploy", "--id", "web", "--revision", "v1"]).exits(0);
    // An older version left it open; this one closes it.
    host.sh("chmod 777 /run/conductor; rm -f /run/conductor/last-port /run/conductor/lock");
    super::as_eve(
        host,
        "cd /run/conductor; for fifo in last-port reload-pending lock start-0 run-x; do \
         [ -e $fifo ] || mkfifo -m 666 $fifo; done; mkdir -p proxy-pending",
    )
    .exits(0);
    host.sh("mkfifo -m 666 /run/conductor/proxy-pending/web \
         /etc/systemd/system/conductor-pipe.service /etc/nginx/conf.d/conductor-pipe.conf \
         /run/systemd/system/conductor-pipe-run.service");
    let bounded = |arguments: &str| {
        let script = format!("exec timeout 60 conductor {arguments}");
        let ran = Ran::new(host.sandbox.command("sh").args(["-ec", &script]));
        assert_ne!(ran.status, Some(124), "it hangs: {ran}");
        ran
    };
    for arguments in ["diff", "status", "apply --dry-run", "check", "render"] {
        bounded(arguments);
    }
    let ran = bounded("apply").exits(1);
    ran.complains("cannot open /run/conductor/lock: not a regular file");
    assert_eq!(host.sh("stat -c %a /run/conductor"), "755");
    host.sh("rm /run/conductor/lock /etc/nginx/conf.d/conductor-pipe.conf");
    bounded("apply").exits(0);
    bounded("deploy --id web --revision v2").exits(0);
    bounded("run --id web true");
    assert_eq!(host.sh("find /run/conductor -maxdepth 2 -type p -name '*p*ort*'"), "");
}
