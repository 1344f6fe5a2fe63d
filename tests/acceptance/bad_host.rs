//! Broken hosts: read-only or full file systems, no D-Bus, a held lock.

use std::collections::BTreeMap;
use std::process::Stdio;

use serde_json::Value;

use crate::Test;
use crate::host::{Host, SERVICES, SLEEP, UNITS, undated};
use crate::ran::Ran;

pub(crate) const TESTS: &[Test] = &[
    ("a_read_only_unit_directory", a_read_only_unit_directory),
    ("a_full_disk", a_full_disk),
    ("no_bus", no_bus),
    ("another_conductor_at_work", another_conductor_at_work),
    ("a_lock_held_by_something_else", a_lock_held_by_something_else),
    ("the_doctor_names_what_is_broken", the_doctor_names_what_is_broken),
    ("programs_are_installed_for_root", programs_are_installed_for_root),
];

fn a_read_only_unit_directory(host: &Host) {
    host.spoil();
    host.define("web.yaml", &format!("id: web\n{SLEEP}"));
    host.sh(&format!("mount --bind {UNITS} {UNITS}; mount -o remount,bind,ro {UNITS}"));
    let ran = host.conductor(&["apply"]).exits(1);
    ran.complains(UNITS).complains("Read-only file system");
    let json = host.conductor(&["apply", "--output", "json"]).exits(1).json();
    assert_eq!(json["error"]["kind"], "file", "{json}");
    assert!(host.instances().is_empty() && host.files().is_empty());
    host.sh(&format!("umount {UNITS}"));
    host.apply();
    assert_eq!(host.running("web").len(), 1);

    // A change that cannot be written does not affect running instances.
    let (running, files) = (host.running("web"), host.files());
    host.define("web.yaml", &format!("id: web\n{SLEEP}env: {{A: \"1\"}}\n"));
    host.sh(&format!("mount --bind {UNITS} {UNITS}; mount -o remount,bind,ro {UNITS}"));
    host.conductor(&["apply"]).exits(1);
    assert_eq!((host.running("web"), host.files()), (running, files));
}

fn a_full_disk(host: &Host) {
    const SERVICES: usize = 8;
    host.spoil();
    for number in 0..SERVICES {
        host.define(&format!("s{number}.yaml"), &format!("id: s{number}\n{SLEEP}"));
    }
    host.sh(&format!("mount -t tmpfs none {UNITS}"));
    host.apply();
    let whole = host.files();
    host.sandbox.reset().expect("the sandbox can be reset");
    host.sh(&format!("umount {UNITS}"));
    for number in 0..SERVICES {
        host.define(&format!("s{number}.yaml"), &format!("id: s{number}\n{SLEEP}"));
    }
    // The space, or the number of inodes, that is exhausted during the change.
    for limit in ["size=4k", "size=40k", "size=60k", "nr_inodes=4", "nr_inodes=20", "nr_inodes=40"]
    {
        host.sh(&format!("mount -t tmpfs -o {limit} none {UNITS}"));
        let ran = host.conductor(&["apply"]).exits(1);
        ran.complains(UNITS).complains("No space left on device");
        let files = host.files();
        for (name, (_, _, content)) in &files {
            let right = whole.get(name).map(|(_, _, content)| undated(content));
            assert_eq!(right, Some(undated(content)), "{limit}: {name}");
        }
        assert!(files.len() < whole.len(), "{limit}");
        assert!(host.instances().is_empty(), "{limit}");
        host.sh(&format!("umount {UNITS}"));
    }
    host.sh(&format!("mount -t tmpfs -o size=40k none {UNITS}"));
    host.conductor(&["apply"]).exits(1);
    host.sh(&format!("mount -o remount,size=1M {UNITS}"));
    host.apply();
    assert_eq!(host.instances().len(), SERVICES);
    host.is_converged();
}

fn no_bus(host: &Host) {
    host.spoil();
    host.define("web.yaml", &format!("id: web\n{SLEEP}"));
    let socket = "/run/dbus/system_bus_socket";
    host.sh(&format!("mv {socket} {socket}.away"));
    for command in ["apply", "status", "diff"] {
        let ran = host.conductor(&[command]).exits(1);
        let ran = ran.complains(&format!("cannot reach systemd over D-Bus at unix:path={socket}"));
        ran.complains("hint: is systemd running, and dbus?");
    }
    let json = host.conductor(&["apply", "--output", "json"]).exits(1).json();
    assert_eq!(json["error"]["kind"], "systemd", "{json}");
    assert!(host.files().is_empty());
    // None of these commands needs a bus.
    host.conductor(&["check"]).exits(0);
    host.conductor(&["render"]).exits(0);
    host.sh(&format!("mv {socket}.away {socket}"));
    host.apply();
}

fn another_conductor_at_work(host: &Host) {
    let deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); \
                open('/out/ready', 'w'); time.sleep(1000)";
    host.sh("mkdir -m 777 /srv/out");
    let command =
        format!("command: [/usr/bin/python3, -c, \"{deaf}\"]\nvolumes: [/srv/out:/out]\n");
    let text = format!("id: deaf\n{command}deploy: {{stop_timeout: 2s}}\n");
    host.define("deaf.yaml", &text);
    host.apply();
    host.eventually("the service is deaf", |host| host.path("/srv/out/ready").exists());
    let mut first = host.sandbox.command("conductor");
    let first = first.args(["remove", "--id", "deaf"]);
    let mut first = first.stdout(Stdio::null()).spawn().expect("conductor");
    host.eventually("it stops the service", |host| {
        let instances = host.instances();
        instances.values().any(|unit| unit.state == "deactivating")
    });
    let holder = host.sh("pgrep -x conductor");
    let ran = host.conductor(&["apply", "--lock-timeout", "0"]).exits(4);
    let held = format!("error: process {holder} (remove deaf) holds the lock");
    let ran = ran.complains(&format!("{held} /run/conductor/lock\n"));
    ran.complains("hint: wait for it to end");
    let remove = ["remove", "--id", "deaf", "--output", "json", "--lock-timeout", "0"];
    let json = host.conductor(&remove).exits(4).json();
    assert_eq!(json["error"]["kind"], "locked", "{json}");
    // A command that only reads does not wait.
    host.conductor(&["status"]).exits(0);
    host.conductor(&["apply", "--dry-run"]).exits(0);
    assert!(first.wait().expect("conductor").success());
    assert!(host.files().is_empty());
}

fn a_lock_held_by_something_else(host: &Host) {
    host.define("web.yaml", &format!("id: web\n{SLEEP}"));
    host.sh(
        "mkdir -p /run/conductor; systemd-run -q --unit=holder flock /run/conductor/lock sleep 99",
    );
    host.eventually("the lock is held", |host| {
        host.sh("flock -n /run/conductor/lock true && echo free || echo held") == "held"
    });
    let ran = host.conductor(&["apply", "--lock-timeout", "0"]).exits(4);
    ran.complains("another process holds the lock /run/conductor/lock");
    assert!(host.files().is_empty());
    host.sh("systemctl stop holder");
    host.apply();
    assert!(host.path(SERVICES).exists());
}

fn the_doctor_names_what_is_broken(host: &Host) {
    const LIMIT: &str = "/etc/systemd/journald.conf.d/limit.conf";
    host.spoil();
    let found = |status: i32| {
        let answer = host.conductor(&["doctor", "--output", "json"]).exits(status).json();
        let findings = answer["findings"].as_array().expect("findings").iter();
        let text = |finding: &Value, key: &str| finding[key].as_str().expect("text").to_owned();
        // Which controllers there are is up to the host of the sandbox.
        let findings = findings.filter(|finding| finding["check"] != "controllers");
        findings
            .map(|it| (text(it, "severity") + " " + &text(it, "check"), text(it, "remedy")))
            .collect::<BTreeMap<_, _>>()
    };
    host.define("web.yaml", &format!("id: web\n{SLEEP}health: {{command: [/bin/true]}}\n"));
    assert_eq!(found(0), BTreeMap::new());

    host.define(
        "shop.yaml",
        &format!("id: shop\n{SLEEP}port: 80\nproxy: {{nginx: {{upstream: shop}}}}\n"),
    );
    host.write(
        "/etc/nginx/conf.d/site.conf",
        "server { listen 81; location / { proxy_pass http://shop; } }\n",
    );
    // Its nginx is older than 1.27.4, and as Debian configures it.
    let nginx = ["warning nginx_keepalive", "warning nginx_shutdown"];
    assert_eq!(found(0).into_keys().collect::<Vec<_>>(), nginx);

    host.sh("umount /usr/bin/conductor-probe && rm -f /usr/bin/conductor-probe");
    host.sh("sed -i 's|include /etc/nginx/conf.d|#&|' /etc/nginx/nginx.conf");
    host.write(LIMIT, "[Journal]\nRateLimitBurst=10\n");
    let broken = found(1);
    let names: Vec<_> = broken.keys().map(String::as_str).collect();
    let limit = "warning journald_rate_limit";
    assert_eq!(names, ["error probe", "error proxy", limit]);
    let remedy = &broken["error proxy"];
    assert!(remedy.starts_with("add include /etc/nginx/conf.d/*.conf; to the http"), "{remedy}");
    let ran = host.conductor(&["doctor"]).exits(1);
    assert!(ran.stdout.contains("\n2 errors, ") && ran.stderr.is_empty(), "{ran}");

    // Any user sees the rest, and what cannot be seen.
    let mut command = host.sandbox.command_as_operator("conductor").expect("an operator");
    let ran = Ran::new(command.arg("doctor")).exits(1);
    assert!(ran.stdout.starts_with("error: probe: there is no /usr/bin/conductor-probe"), "{ran}");
    assert!(ran.stdout.contains("\nwarning: journald_rate_limit: "), "{ran}");
    assert!(ran.stdout.contains("\nnot seen: proxy: only root can try"), "{ran}");

    host.sh(
        "sed -i 's|#include /etc/nginx/conf.d|include /etc/nginx/conf.d|' /etc/nginx/nginx.conf",
    );
    host.sh(&format!("rm {LIMIT}; sed -i '1i worker_shutdown_timeout 5m;' /etc/nginx/nginx.conf"));
    assert_eq!(found(1).into_keys().collect::<Vec<_>>(), ["error probe", nginx[0]]);

    // An old one is there, and is refused before anything is changed.
    host.undefine("shop.yaml");
    host.write("/usr/bin/conductor-probe", "#!/bin/sh\necho conductor-probe 0.0.9\n");
    host.sh("chmod 755 /usr/bin/conductor-probe");
    assert_eq!(found(1).into_keys().collect::<Vec<_>>(), ["error probe"]);
    let ran = host.conductor(&["apply"]).exits(1);
    ran.complains("error: /usr/bin/conductor-probe is version 0.0.9, and web needs ")
        .complains("hint: install the conductor-probe of this version there");
    assert!(host.files().is_empty());
    let ran = host.conductor(&["version", "--verbose"]).exits(0);
    assert!(ran.stdout.ends_with("\nconductor-probe 0.0.9\n"), "{ran}");
}

fn programs_are_installed_for_root(host: &Host) {
    const PROBE: &str = "/usr/bin/conductor-probe";
    host.spoil();
    // As cargo installs them.
    host.sh(&format!(
        "mkdir -p /srv/cargo/bin && cp /usr/local/bin/conductor {PROBE} /srv/cargo/bin && chown -R nobody /srv/cargo \
         && umount {PROBE} && rm -f {PROBE}"
    ));
    let install = |more: &[&str]| {
        Ran::new(host.sandbox.command("/srv/cargo/bin/conductor").arg("install").args(more))
    };
    host.define("web.yaml", &format!("id: web\n{SLEEP}health: {{command: [/bin/true]}}\n"));

    // A probe that its user can replace would run as root.
    host.sh(&format!("ln -s /srv/cargo/bin/conductor-probe {PROBE}"));
    let answer = host.conductor(&["doctor", "--output", "json"]).exits(1).json();
    let message = answer["findings"][0]["message"].as_str().expect("a message");
    let whose = "/srv/cargo: it belongs to user 65534";
    assert_eq!(message, format!("{PROBE} runs as root, and {whose}"));
    for command in [&["apply"][..], &["run", "--id", "web", "--revision", "host", "true"]] {
        let status = if command == ["apply"] { 1 } else { 125 };
        let ran = host.conductor(command).exits(status);
        ran.complains(&format!("web needs the probe, and {whose}\n")).complains("chown root");
    }
    assert!(host.files().is_empty());

    let of_the_system = install(&["--probe", "/usr/bin/true"]).exits(2);
    of_the_system.complains("/usr/bin/true: it needs the C library of the system");
    install(&["--probe", "/nowhere"]).exits(1).complains("cannot read /nowhere");
    let mut of_user = host.sandbox.command("env");
    of_user.args([
        "XDG_RUNTIME_DIR=/run",
        "HOME=/root",
        "/srv/cargo/bin/conductor",
        "install",
        "--user",
    ]);
    Ran::new(&mut of_user).exits(2).complains("install it as root");
    host.sh("chmod o+w /usr/bin");
    install(&[]).exits(2).complains("/usr/bin: everybody can write to it");
    host.sh(&format!("chmod o-w /usr/bin && test -L {PROBE} && test ! -e /usr/bin/conductor"));

    let ran = install(&[]).exits(0);
    assert_eq!(ran.stdout, format!("wrote {PROBE}\nwrote /usr/bin/conductor\n"));
    assert_eq!(host.sh(&format!("stat -c %a%U%F {PROBE}")), "755rootregular file");
    install(&[]).exits(0).says("nothing changed");
    host.sh("rm /usr/local/bin/conductor 2>/dev/null || umount /usr/local/bin/conductor; /usr/bin/conductor apply");
    assert_eq!(host.running("web").len(), 1);
}
