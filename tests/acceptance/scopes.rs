//! Other scopes than the running host: a user's manager, and another root.

use std::fs;

use crate::Test;
use crate::calls::Calls;
use crate::host::{Host, SLEEP};
use crate::ran::Ran;

pub(crate) const TESTS: &[Test] = &[
    ("a_users_manager", a_users_manager),
    ("another_root", another_root),
    ("rendered_to_a_directory", rendered_to_a_directory),
];

/// Runs a script as the operator.
#[track_caller]
fn operator(host: &Host, script: &str) -> Ran {
    let mut command = host.sandbox.command_as_operator("sh").expect("an operator");
    Ran::new(command.args(["-ec", script]))
}

fn a_users_manager(host: &Host) {
    let define = |more: &str| {
        let text = format!(
            "id: web\ncommand: [/usr/bin/python3, -m, http.server, \"{{port}}\"]\nport: 80\n\
             limits: {{memory: 64M}}\n{more}"
        );
        let script =
            "mkdir -p ~/.config/conductor/services; cat >~/.config/conductor/services/web.yaml";
        operator(host, &format!("{{ {script}; }} <<'END'\n{text}END")).exits(0);
    };
    define("");
    operator(host, "conductor --user apply").exits(0).says("changed: web\n");
    let status = operator(host, "conductor --user status --output json").exits(0).json();
    let instance = &status["services"][0]["instances"][0];
    assert_eq!(instance["active_state"], "active", "{status}");
    let port = instance["port"].as_u64().expect("a port");
    host.sh(&format!(
        "curl -sS -o /dev/null --retry 50 --retry-connrefused --retry-delay 1 127.0.0.1:{port}"
    ));
    let enabled = operator(host, "systemctl --user is-enabled conductor-start@web.service");
    assert_eq!(enabled.exits(0).stdout, "enabled\n");
    let again = operator(host, "conductor --user apply").exits(0);
    assert_eq!(again.stdout, "nothing changed\n");

    let job = "cron: {says: {schedule: '@yearly', command: [/bin/sh, -c, 'echo early; exit 3']}}\n";
    define(&format!("env: {{A: \"1\"}}\nhealth: {{http: /, interval: 200ms}}\n{job}"));
    operator(host, "conductor --user apply").exits(0);
    operator(host, "conductor --user status").exits(0).says("healthy: 200 in ");
    let count = "systemctl --user list-units --plain --no-legend 'conductor-web-host*' | wc -l";
    assert_eq!(operator(host, count).stdout, "1\n");
    operator(host, "conductor --user logs --id web").exits(0);
    lines_that_journald_reads_late(host);
    // Volumes are below the user's own directories, and not below the host's.
    host.sh("mkdir -p -m 700 /var/lib/private");
    operator(host, "mkdir -p ~/.local/state/conductor/volumes/web/data").exits(0);
    operator(host, "conductor --user remove --id web --volumes").exits(0);
    operator(host, "test ! -e ~/.local/state/conductor/volumes/web").exits(0);
    let left = "find ~/.config/systemd -name '*conductor*'; \
                systemctl --user list-units --all --plain --no-legend 'conductor-*'";
    assert_eq!(operator(host, left).exits(0).stdout, "");
    // The host's systemd was not affected.
    assert!(host.files().is_empty() && host.instances().is_empty());
    let ran = operator(host, "unset XDG_RUNTIME_DIR; conductor --user apply").exits(2);
    ran.complains("error: XDG_RUNTIME_DIR is not set\n  hint: ");
}

/// journald knows a user's unit only from the process that wrote, which has ended here before journald reads the line.
fn lines_that_journald_reads_late(host: &Host) {
    host.sh("systemctl kill --signal=STOP systemd-journald");
    operator(host, "conductor --user cron run-now --id web says >~/ran 2>&1 &").exits(0);
    host.eventually("the job ended", |host| {
        let result = "systemctl --user show --property=Result --value conductor-web-says.service";
        operator(host, result).exits(0).stdout == "exit-code\n"
    });
    host.sh("systemctl kill --signal=CONT systemd-journald");
    host.eventually("the command ended", |host| {
        operator(host, "cat ~/ran").stdout.contains("error: ")
    });
    let ran = operator(host, "cat ~/ran").exits(0);
    assert_eq!(ran.stdout, "early\nerror: says of web failed: exit-code, exit status 3\n");
    operator(host, "conductor --user logs --id web").exits(0).says(": early\n");
}

fn another_root(host: &Host) {
    let root = "/srv/image";
    let text = format!("id: web\n{SLEEP}instances: 2\nport: 80\n");
    host.write(&format!("{root}/etc/conductor/services/web.yaml"), &text);
    let calls = Calls::record(host);
    let json = host.conductor(&["apply", "--root", root, "--output", "json"]).exits(0).json();
    assert_eq!((&json["changed"], &json["healthy"]), (&true.into(), &false.into()), "{json}");
    assert_eq!(calls.end(), Vec::<String>::new());
    assert!(host.files().is_empty() && host.instances().is_empty());
    let again = host.conductor(&["apply", "--root", root]).exits(0);
    assert_eq!(again.stdout, "nothing changed\n");

    let enabled = "systemctl --root=/srv/image is-enabled conductor-start@web.service";
    assert_eq!(host.sh(enabled), "enabled");
    let wants = host.path(&format!("{root}/etc/systemd/system/conductor-web.target.wants"));
    let links: Vec<_> = fs::read_dir(wants).expect("the target wants its instances").collect();
    assert_eq!(links.len(), 2);
    for link in links {
        let path = link.expect("it can be read").path();
        assert!(path.is_symlink() && path.exists(), "{} leads nowhere", path.display());
    }
    let status = host.conductor(&["status", "--root", root, "--output", "json"]).exits(0).json();
    assert_eq!(status["services"][0]["instances"][1]["active_state"], "unknown", "{status}");
    host.conductor(&["remove", "--id", "web", "--root", root]).exits(0);
    assert_eq!(host.sh("find /srv/image/etc/systemd -name '*conductor*'"), "");
}

fn rendered_to_a_directory(host: &Host) {
    host.define("web.yaml", &format!("id: web\n{SLEEP}instances: 2\n"));
    host.conductor(&["render", "--out", "/srv/units"])
        .exits(0)
        .says("wrote 6 units to /srv/units\n");
    assert!(host.files().is_empty() && host.instances().is_empty());
    host.apply();
    let same = "cd /srv/units; for unit in conductor-*.*[er]; do \
                grep -v -e ^Deployed= -e ^Definition= /etc/systemd/system/$unit | cmp $unit -; \
               echo $unit; done";
    assert_eq!(host.sh(same).lines().count(), 5);
}
