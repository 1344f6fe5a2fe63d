//! Attacks on files that conductor reads and writes.

use crate::Test;
use crate::host::{Host, SERVICES, SLEEP, UNITS};
use crate::ran::Ran;

pub(crate) const TESTS: &[Test] = &[
    ("files_without_end", files_without_end),
    ("notes_that_are_none", notes_that_are_none),
    ("a_fifo_among_the_definitions", a_fifo_among_the_definitions),
    ("links_out_of_where_units_are_written", links_out_of_where_units_are_written),
    ("definitions_that_others_can_write", definitions_that_others_can_write),
    ("no_link_gets_a_file_of_root", no_link_gets_a_file_of_root),
    ("names_that_command_a_terminal", names_that_command_a_terminal),
];

/// Runs conductor where it could hang, and asserts that it does not.
#[track_caller]
fn bounded(host: &Host, arguments: &str) -> Ran {
    // It does not use all memory, either.
    let script = format!("ulimit -v 2000000; exec timeout 60 conductor {arguments}");
    let ran = Ran::new(host.sandbox.command("sh").args(["-ec", &script]));
    assert_ne!(ran.status, Some(124), "it hangs: {ran}");
    ran
}

fn files_without_end(host: &Host) {
    host.spoil();
    host.define(
        "web.yaml",
        &format!("id: web\n{SLEEP}proxy: {{nginx: {{upstream: web}}}}\nport: 80\n"),
    );
    host.sh("systemctl start nginx");
    host.apply();
    host.sh(&format!(
        "truncate -s 3G {UNITS}/conductor-long.service /etc/nginx/conf.d/conductor-long.conf \
         /run/conductor/last-port /run/conductor/proxy-pending/web"
    ));
    bounded(host, "diff").exits(0);
    bounded(host, "status").exits(0);
    bounded(host, "apply").exits(0).says("nothing changed");
    // The file has the name of the first instance, and is not conductor's.
    host.define("long.yaml", &format!("id: long\n{SLEEP}"));
    host.sh(&format!("mv {UNITS}/conductor-long.service {UNITS}/conductor-long.target"));
    let ran = bounded(host, "apply").exits(2);
    ran.complains(&format!("{UNITS}/conductor-long.target is a file longer than any unit"));
    host.undefine("long.yaml");
    host.sh(
        "mkdir -p /srv/templates; truncate -s 3G /srv/templates/service.target.hbs /srv/crontab",
    );
    let ran = bounded(host, "--templates /srv/templates check").exits(1);
    ran.complains("cannot read /srv/templates/service.target.hbs: longer than 1048576 bytes");
    bounded(host, "cron import --owner root /srv/crontab")
        .exits(2)
        .complains("/srv/crontab: longer than");
    bounded(host, "cron import --owner root - </srv/crontab").exits(2).complains("-: longer than");
    host.sh("truncate -s 3G /etc/conductor/host.yaml");
    bounded(host, "apply")
        .exits(2)
        .complains("/etc/conductor/host.yaml: longer than 1048576 bytes");
}

/// Invalid notes are ignored, and do not block changes.
fn notes_that_are_none(host: &Host) {
    host.spoil();
    let define = |more: &str| {
        let text = format!("id: web\n{SLEEP}proxy: {{nginx: {{upstream: web}}}}\nport: 80\n{more}");
        host.define("web.yaml", &text);
    };
    define("");
    host.sh("systemctl start nginx");
    host.apply();
    let shadow = host.sh("sha256sum /etc/shadow");
    let notes = "last-port reload-pending proxy-pending/web";
    for (number, spoil) in [
        "printf '\\377\\376' >$note",
        "echo 99999999 >$note",
        "ln -s /dev/zero $note",
        "ln -s /etc/shadow $note",
        "ln -s / $note",
        "mkfifo $note",
    ]
    .into_iter()
    .enumerate()
    {
        host.sh(&format!("cd /run/conductor; for note in {notes}; do rm -f $note; {spoil}; done"));
        define(&format!("env: {{A: '{number}'}}\n"));
        bounded(host, "diff").exits(0);
        bounded(host, "apply").exits(0);
        bounded(host, "apply").exits(0).says("nothing changed");
        assert_eq!(host.sh("cat /run/conductor/last-port").len(), 5);
        assert_eq!(
            host.sh("cd /run/conductor; ls -d reload-pending proxy-pending/* 2>&- || true"),
            ""
        );
    }
    assert_eq!(host.sh("sha256sum /etc/shadow"), shadow);
}

fn a_fifo_among_the_definitions(host: &Host) {
    host.define("web.yaml", &format!("id: web\n{SLEEP}"));
    for (make, name) in [
        ("mkfifo $f", "a.yaml"),
        ("mkdir $f", "a.yaml"),
        ("ln -s /dev/zero $f", "a.json"),
        ("mknod $f c 1 5", "a.toml"),
        ("python3 -c 'import socket, sys; socket.socket(1).bind(sys.argv[1])' $f", "a.yaml"),
    ] {
        let file = format!("{SERVICES}/{name}");
        host.sh(&format!("f={file}; {make}"));
        for command in ["check", "apply", "diff"] {
            let ran = bounded(host, command).exits(2);
            ran.complains(&format!("{file}: not a regular file"));
        }
        // Other services are not affected.
        bounded(host, "run --id web true").exits(0);
        host.sh(&format!("rm -r {file}"));
    }
    host.sh("mkfifo /etc/conductor/host.yaml");
    bounded(host, "check").exits(2).complains("/etc/conductor/host.yaml: not a regular file");
    host.sh("rm /etc/conductor/host.yaml; mkfifo /srv/pipe");
    bounded(host, "check /srv/pipe").exits(2).complains("/srv/pipe: not a regular file");
    let ran = bounded(host, "cron import --owner root /srv/pipe").exits(2);
    ran.complains("/srv/pipe: not a regular file");
    // Standard input is still read.
    host.sh("echo '0 1 * * * true' >/srv/crontab");
    for input in [
        "- </srv/crontab",
        "/dev/stdin </srv/crontab",
        "- </srv/pipe & cat /srv/crontab >/srv/pipe; wait",
    ] {
        bounded(host, &format!("cron import --owner root --id imported {input}"))
            .exits(0)
            .says("id: imported");
    }
    host.apply();
}

/// A user who can create a link where root writes cannot choose what root overwrites.
fn links_out_of_where_units_are_written(host: &Host) {
    host.define("web.yaml", &format!("id: web\n{SLEEP}"));
    host.sh(
        "echo precious >/srv/precious; mkdir /srv/elsewhere /srv/parent; chmod 777 /srv/parent",
    );
    super::as_eve(host, "ln -s /srv/elsewhere /srv/parent/units").exits(0);
    let ran = bounded(host, "render --out /srv/parent/units").exits(1);
    ran.complains("cannot use /srv/parent/units: ");
    assert_eq!(host.sh("ls /srv/elsewhere"), "");
    // In a directory of the operator, a link is replaced, not followed.
    host.sh("mkdir /srv/units; ln -s /srv/precious /srv/units/conductor-web.target");
    host.sh("ln -s /srv/elsewhere /srv/units/conductor-web.target.wants");
    bounded(host, "render --out /srv/units").exits(1);
    assert_eq!(host.sh("cat /srv/precious; ls /srv/elsewhere"), "precious");
    host.sh("rm /srv/units/conductor-web.target.wants");
    bounded(host, "render --out /srv/units").exits(0);
    assert_eq!(host.sh("cat /srv/precious"), "precious");
    // An image may come from someone else.
    let image = "/srv/image";
    for (inside, link, to) in [
        ("etc", "systemd", "/srv/elsewhere"),
        ("etc/systemd", "system", "../../../elsewhere"),
        ("etc/systemd/system", "conductor-web.target.wants", "/srv/elsewhere"),
        ("etc/systemd/system", "multi-user.target.wants", "/srv/elsewhere"),
        ("run", "conductor", "/srv/elsewhere"),
        ("run/conductor", "lock", "/srv/precious"),
        ("", "etc", "/srv/elsewhere"),
    ] {
        host.sh(&format!(
            "rm -rf {image}; mkdir -p {image}/{inside}; ln -s {to} {image}/{inside}/{link}"
        ));
        let ran = bounded(host, &format!("apply --root {image} --definitions {SERVICES}"));
        assert_ne!(ran.status, Some(0), "{ran}");
        assert_eq!(host.sh("cat /srv/precious; ls /srv/elsewhere"), "precious", "{link}");
    }
}

fn definitions_that_others_can_write(host: &Host) {
    host.spoil();
    host.define("web.yaml", &format!("id: web\n{SLEEP}"));
    let file = &format!("{SERVICES}/web.yaml");
    host.sh(&format!("chmod 755 /etc/conductor {SERVICES}; chmod 644 {file}"));
    host.apply();
    let changing = [
        ("apply", 2),
        ("apply --dry-run", 2),
        ("apply /etc/conductor/services/web.yaml", 2),
        ("deploy --id web --revision v1", 2),
        ("rollback --id web", 2),
        ("run --id web true", 125),
    ];
    for (spoil, path, says, repair) in [
        ("chmod 666", file.as_str(), "everybody can write to it (mode 0666)", "chmod go-w"),
        ("chmod 664", file, "its group 100 can write to it (mode 0664)", "chmod go-w"),
        ("chown 1000:100", file, "it belongs to user 1000", "chown root"),
        ("chmod 777", SERVICES, "everybody can write to it (mode 0777)", "chmod go-w"),
        ("chmod 1777", SERVICES, "everybody can write to it (mode 1777)", "chmod go-w"),
        ("chown 1000", SERVICES, "it belongs to user 1000", "chown root"),
        ("chmod 777", "/etc/conductor", "everybody can write to it (mode 0777)", "chmod go-w"),
    ] {
        // A group other than root's.
        host.sh(&format!("chgrp 100 {path}; {spoil} {path}"));
        for (command, status) in changing {
            // A file that someone adds to such a directory does not change the named file.
            if spoil == "chmod 1777" && command.contains(".yaml") {
                bounded(host, command).exits(0);
                continue;
            }
            let ran = bounded(host, command).exits(status);
            ran.complains(&format!("{path}: {says}")).complains(&format!("{repair} {path}"));
        }
        for command in ["check", "diff", "status", "render"] {
            bounded(host, command).exits(0);
        }
        bounded(host, "apply --allow-unsafe-permissions").exits(0);
        host.sh(&format!("chown root:root {path}; chmod go-w,-t {path}"));
        bounded(host, "apply").exits(0);
    }
    // Only root is in root's group.
    host.sh(&format!("chmod 664 {file}"));
    bounded(host, "apply").exits(0);
    // The target of a link, and its path.
    let open = "/srv/open: everybody can write to it (mode 0777)";
    host.sh(&format!(
        "mkdir -m 777 /srv/open; mv {file} /srv/open/web.yaml; ln -s /srv/open/web.yaml {file}"
    ));
    bounded(host, "apply").exits(2).complains(open);
    host.sh(&format!("mv -f /srv/open/web.yaml {file}"));
    // Other files that decide what root runs.
    host.write("/etc/conductor/host.yaml", "proxy: {nginx: {template: /srv/open/nginx.hbs}}\n");
    host.sh("chmod 666 /etc/conductor/host.yaml; touch /srv/open/nginx.hbs");
    let ran = bounded(host, "apply").exits(2);
    ran.complains("/etc/conductor/host.yaml: everybody can write to it (mode 0666)");
    host.sh("chmod 644 /etc/conductor/host.yaml");
    bounded(host, "remove --id web").exits(2).complains(open);
    host.sh("rm /etc/conductor/host.yaml /srv/open/nginx.hbs; echo >/srv/open/service.target.hbs");
    bounded(host, "apply --templates /srv/open").exits(2).complains(open);
    // The definitions of a user belong to the user.
    super::as_eve(
        host,
        "umask 022; export XDG_CONFIG_HOME=/tmp/eve XDG_RUNTIME_DIR=/run/user/1000; \
         services=/tmp/eve/conductor/services; mkdir -p $services; \
         printf 'id: web\\ncommand: [/bin/true]\\n' >$services/web.yaml; \
         conductor --user check; chmod 666 $services/web.yaml; conductor --user check; \
         status=0; conductor --user apply --dry-run || status=$?; [ $status = 2 ]",
    )
    .exits(0)
    .complains("/tmp/eve/conductor/services/web.yaml: everybody can write to it (mode 0666)");
}

/// A file name can contain anything, and so can the output of a service.
fn names_that_command_a_terminal(host: &Host) {
    let names = [
        "esc\u{1b}]0;owned\u{7}.yaml",
        "newline\nerror: all is lost.yaml",
        "csi\u{9b}2J.yaml",
        "bidi\u{202e}lmay.yaml",
        "isolate\u{2066}\u{200f}\u{61c}.yaml",
        "return\rOK.yaml",
    ];
    for name in names {
        host.define(
            name,
            "id: web\ncommand: [\"\u{202e}\", \"\u{9b}\"]\nbad\u{85}key: 1\nid: web\n",
        );
    }
    let hostile = |c: char| {
        c.is_control() && c != '\n'
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let clean = |ran: &Ran| {
        for text in [&ran.stdout, &ran.stderr] {
            assert!(!text.contains(hostile), "{text:?}");
            assert!(!text.contains("\nerror: all is lost"), "{text:?}");
        }
    };
    for arguments in [
        &["check"][..],
        &["check", "--output", "json"],
        &["apply"],
        &["diff"],
        &["check", "/etc/\u{1b}[2J\u{202e}"],
        &["check", "--output", "json", "/etc/\u{9b}2J\u{202e}"],
        &["sta\u{1b}[31m\u{202e}tus"],
        &["--output", "json", "sta\u{9b}\u{202e}tus"],
        &["status", "--id", "\u{1b}[31m\u{202e}"],
        &["check", "--templates", "/etc/\u{1b}[2J\u{202e}"],
        &["apply", "--root", "/etc/\u{1b}[2J\u{202e}"],
    ] {
        let ran = host.conductor(arguments);
        assert_ne!(ran.status, Some(0), "{ran:?}");
        clean(&ran);
    }
    host.sh(&format!("rm -r {SERVICES}"));
    // The output of a service is in failures and in its status.
    host.define(
        "web.yaml",
        "id: web\ncommand: [/bin/sh, -c, 'printf \"\\033]0;owned\\007\\302\\2332J\\342\\200\\256x\\n\"; exit 1']\n\
         health: {command: [/bin/true]}\nport: 80\n",
    );
    clean(&host.conductor(&["apply"]));
    clean(&host.conductor(&["apply", "--output", "json"]));
}

/// A service that can write to the directory of its environment file or secret replaces it by a link, and ends: systemd
/// starts it again, and reads the file as root.
fn no_link_gets_a_file_of_root(host: &Host) {
    host.sh("install -d -o www-data /srv/app; install -o www-data /dev/null /srv/app/file");
    host.sh("install -m 600 /dev/null /srv/other.env; echo PASSWORD=hunter2 >/srv/other.env");
    let swap = "test -L /srv/app/file || { ln -sf /srv/other.env /srv/app/file; exit 1; }; \
                cat $CREDENTIALS_DIRECTORY/key >/srv/app/got; echo $PASSWORD >>/srv/app/got; exec sleep infinity";
    let define = |file: &str| {
        host.define(
            "web.yaml",
            &format!(
                "id: web\nuser: www-data\ncommand: [/bin/sh, -c, '{swap}']\n\
                 volumes: [/srv/app:/srv/app]\nenv_files: [{file}]\nsecrets: {{key: {file}}}\n\
                 cron: {{tidy: {{schedule: '@yearly', command: [\"true\"]}}}}\n"
            ),
        );
    };
    define("/srv/app/file");
    let why = "root reads /srv/app/file, which others can replace by a link to another file: /srv/app: it belongs \
               to user 33";
    let mut refused = host.conductor(&["apply"]).exits(2);
    for key in ["web.yaml:5:13: env_files[0]", "web.yaml:6:16: secrets.key"] {
        let hint = "hint: chown root /srv/app, or keep the file where";
        refused = refused.complains(&format!("{key}: {why}\n  {hint}"));
    }
    host.conductor(&["run", "--id", "web", "true"]).exits(125).complains(why);
    // Nor does a job of a service without instances get one.
    host.sh("sed -i '1a instances: 0' /etc/conductor/services/web.yaml");
    host.conductor(&["apply"]).exits(2).complains(why);
    assert!(!host.path("/srv/app/got").exists());
    // Its content may be another user's.
    host.sh("install -m 400 -o www-data /dev/null /srv/own.env; echo PASSWORD=own >/srv/own.env");
    define("/srv/own.env");
    host.sh("sed -i s/test/true/ /etc/conductor/services/web.yaml");
    host.apply();
    host.eventually("it has it", |host| host.sh("cat /srv/app/got || true") == "PASSWORD=own\nown");
}
