//! Attempts of an ordinary user of the host.

use std::fmt::Write as _;

use crate::attacks::as_eve;
use crate::host::{Host, SLEEP, UNITS};
use crate::ran::Ran;

/// Starts a native service with something to steal, and returns its unit and its process.
#[track_caller]
pub(super) fn victim(host: &Host) -> (String, u32) {
    host.write("/etc/victim/key", "very secret\n");
    host.sh("chmod 755 /etc/victim; chmod 600 /etc/victim/key");
    let definition =
        "id: victim\nsecrets: {key: /etc/victim/key}\nenv: {MINE: in-its-environment}\n";
    host.define("victim.yaml", &format!("{definition}{SLEEP}"));
    host.apply();
    host.running("victim").remove(0)
}

/// Runs lines as a user, and asserts that each fails.
#[track_caller]
fn each_fails(host: &Host, lines: &[String]) {
    let mut script = "set +e\n".to_owned();
    for (number, line) in lines.iter().enumerate() {
        // Each line has its own shell, because a failed redirection ends the shell.
        let _ =
            writeln!(script, "( {line} ) >/dev/null 2>&1 </dev/null && echo 'worked: {number}'");
    }
    script.push_str("echo end");
    let ran = as_eve(host, &script).exits(0);
    let worked = ran.stdout.lines().filter_map(|line| line.strip_prefix("worked: "));
    let worked: Vec<_> =
        worked.map(|number| &lines[number.parse::<usize>().unwrap_or(0)]).collect();
    assert!(worked.is_empty() && ran.stdout.ends_with("end\n"), "{worked:#?}\n{ran}");
}

pub(super) fn gets_at_nothing(host: &Host) {
    let (unit, pid) = victim(host);
    // The script works where it may, so the lines below do not fail because of it.
    let mine = as_eve(host, "touch /tmp/eve; echo x >/tmp/eve; cat /tmp/eve; rm /tmp/eve").exits(0);
    mine.says("x");
    let name = unit.trim_end_matches(".service");
    let mut lines: Vec<_> = [
        "cat /etc/victim/key",
        "cat /run/credentials/{unit}/key",
        "cat /proc/{pid}/root/run/credentials/{unit}/key",
        "cat /proc/{pid}/environ",
        "cat /proc/{pid}/mem",
        "ls /proc/{pid}/fd",
        "kill -0 {pid}",
        "echo {pid} >/sys/fs/cgroup$(cut -d: -f3 /proc/{pid}/cgroup)/cgroup.procs",
        "echo 1 >/sys/fs/cgroup$(cut -d: -f3 /proc/{pid}/cgroup)/cgroup.kill",
        // A process that can open the lock file, even for reading, can hold the lock.
        "exec 3</run/conductor/lock",
        "exec 3>>/run/conductor/lock",
    ]
    .map(|line| line.replace("{pid}", &pid.to_string()).replace("{unit}", &unit))
    .into();
    for directory in ["/run/conductor", "/var/lib/conductor", "/etc/conductor/services", UNITS] {
        for file in [
            "conductor-eve.service",
            "lock",
            "last-port",
            "reload-pending",
            "eve.yaml",
            "conductor-victim.target",
            "conductor-victim.target.wants/eve",
            "multi-user.target.wants/conductor-eve.service",
            name,
        ] {
            lines.push(format!("echo eve >>{directory}/{file}"));
            lines.push(format!("ln -sf /tmp/eve {directory}/{file}"));
            lines.push(format!("rm {directory}/{file}"));
            lines.push(format!("mv {directory}/{file} /tmp/"));
        }
        lines.push(format!("mv {directory} /tmp/"));
        lines.push(format!("mkdir -p {directory}/eve"));
        lines.push(format!("chmod 777 {directory}"));
    }
    each_fails(host, &lines);
    assert_eq!(host.running("victim"), [(unit, pid)]);
    host.is_converged();

    // Files with the names of conductor's own, in directories where everybody can create files.
    let names = "conductor conductor-probe .conductor conductor-victim.target lock last-port";
    let plant = format!(
        "cd /tmp; for name in {names}; do ln -sfn /etc/victim $name; done; \
         mkdir -p /tmp/dir; cd /tmp/dir; for name in {names}; do echo eve >$name; done"
    );
    as_eve(host, &plant).exits(0);
    let look = "find /tmp /var/tmp /dev/shm -user 1000 -printf '%p %l %u %m %C@\\n' | sort";
    let planted = host.sh(look);
    host.define(
        "victim.yaml",
        &format!("id: victim\ndescription: another\nenv: {{A: b}}\n{SLEEP}"),
    );
    let apply = "cd /tmp/dir && TMPDIR=/tmp conductor apply";
    Ran::new(host.sandbox.command("sh").args(["-c", apply])).exits(0).says("changed: victim");
    assert_eq!(host.sh(look), planted);
    assert_eq!(host.sh("ls -A /etc/victim"), "key");
    host.sh("find /tmp -user 1000 -delete");
}

pub(super) fn manages_nothing(host: &Host) {
    let (unit, pid) = victim(host);
    let manager = "busctl --system --timeout=20 call org.freedesktop.systemd1 \
                   /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager";
    let signal = "import os, socket, sys\n\
        s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n\
        s.sendto(b'STATUS=eve was here\\nREADY=1\\nMAINPID=1', '/run/systemd/notify')\n";
    let mut lines: Vec<_> = [
        format!("systemctl --no-ask-password stop {unit}"),
        format!("systemctl --no-ask-password restart {unit}"),
        format!("systemctl --no-ask-password kill {unit}"),
        "systemctl --no-ask-password stop conductor-victim.target".to_owned(),
        "systemctl --no-ask-password start conductor-start@victim.service".to_owned(),
        "systemctl --no-ask-password stop conductor.slice".to_owned(),
        format!("systemctl --no-ask-password mask --runtime {unit}"),
        format!("systemctl --no-ask-password set-property --runtime {unit} CPUQuota=1%"),
        format!("systemctl --no-ask-password reset-failed {unit}"),
        "systemctl --no-ask-password daemon-reload".to_owned(),
        "systemd-run --no-ask-password --unit=conductor-eve true".to_owned(),
        "systemd-run --no-ask-password --slice=conductor-victim.slice true".to_owned(),
        format!("{manager} StopUnit ss {unit} replace"),
        format!("{manager} KillUnit ssi {unit} all 9"),
        format!("{manager} AttachProcessesToUnit ssau {unit} '' 1 $$"),
        format!("{manager} SetEnvironment as 1 EVE=1"),
        "conductor apply --lock-timeout 0s".to_owned(),
        "conductor remove --id victim --lock-timeout 0s".to_owned(),
        "conductor deploy --id victim --revision eve --lock-timeout 0s".to_owned(),
        "conductor run --id victim true".to_owned(),
    ]
    .into();
    // A control group of the user with the name of a unit.
    lines.push(format!("mkdir /sys/fs/cgroup/conductor.slice/{unit}/eve"));
    each_fails(host, &lines);
    // Everybody can send to the socket, and systemd checks the sender.
    as_eve(host, &format!("/usr/bin/python3 -c \"{signal}\"")).exits(0);
    host.sh("systemctl show --property=Version");
    let status = host.property(&unit, "StatusText");
    assert!(!status.contains("eve"), "{status}");
    assert_eq!(host.running("victim"), [(unit, pid)]);
    assert_eq!(host.instances().len(), 1);
    host.is_converged();
}

/// Values on the command line that a pipeline may take from a branch name or a form.
const NAMES: [&str; 16] = [
    "../victim",
    "../../etc/passwd",
    "/etc/passwd",
    "a/b",
    ".",
    "..",
    "",
    "victim\n[Service]\nUser=root",
    "victim\r",
    "%n",
    "$(touch /tmp/eve)",
    "`touch /tmp/eve`",
    "victim;touch /tmp/eve",
    "victim victim",
    "\u{1b}]0;eve\u{7}",
    "\u{202e}mitciv",
];

pub(super) fn names_are_no_paths(host: &Host) {
    let (unit, pid) = victim(host);
    let files = host.files();
    let long = "a".repeat(100_000);
    for name in NAMES.into_iter().chain([long.as_str()]) {
        for arguments in [
            ["deploy", "--revision", "v1", "--id", name].as_slice(),
            &["deploy", "--id", "victim", "--revision", name],
            &["rollback", "--id", name],
            &["rollback", "--id", "victim", "--to", name],
            &["remove", "--id", name],
            &["status", "--id", name],
            &["logs", "--id", name],
            &["run", "--id", name, "true"],
            &["run", "--id", "victim", "--revision", name, "true"],
            &["cron", "run-now", "--id", "victim", name],
            &["cron", "pause", "--id", name, "x"],
        ] {
            let ran = host.conductor(arguments).exits(2);
            let said = format!("{}{}", ran.stdout, ran.stderr);
            assert!(!said.contains(['\u{1b}', '\u{7}', '\r']), "{ran}");
            assert!(said.len() < 10_000, "{arguments:?} had an answer of {} bytes", said.len());
        }
    }
    assert_eq!(host.files(), files);
    assert_eq!(host.running("victim"), [(unit, pid)]);
    assert!(!host.path("/tmp/eve").exists());
}
