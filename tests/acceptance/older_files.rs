//! A host that an older version wrote: its files are replaced, and nothing that runs is touched.

use std::collections::BTreeMap;

use crate::Test;
use crate::host::{Host, SLEEP, UNITS, undated};

pub(crate) const TESTS: &[Test] = &[("a_host_of_an_older_version", a_host_of_an_older_version)];

const SLICE: &str = "conductor-web.slice";
const BOOT: &str = "conductor-web-boot.service";
/// The units of the service that systemd has loaded.
const LOADED: &str = "systemctl list-units --all --plain --no-legend 'conductor-web*'";

fn define(host: &Host, value: &str) {
    host.define("web.yaml", &format!("id: web\n{SLEEP}instances: 2\nenv: {{A: {value}}}\n"));
}

/// Leaves the files that a version before this one wrote.
fn make_older(host: &Host) {
    let slice = "[Unit]\nDescription=All instances of web\n\n[Slice]\nCPUAccounting=yes\n\
                 MemoryAccounting=yes\nTasksAccounting=yes\n\n\
                 [X-Conductor]\nVersion=0.1.0\nService=web\nKind=slice\n";
    host.write(&format!("{UNITS}/{SLICE}"), slice);
    let boot = "[Unit]\nDescription=Start web at boot\nConditionPathExists=%E/systemd/system/%n\n\n\
                [Service]\nType=oneshot\n\
                ExecStart=/usr/bin/systemctl start --no-block conductor-web.target\n\n\
                [Install]\nWantedBy=multi-user.target\n\n\
                [X-Conductor]\nVersion=0.1.0\nService=web\nKind=boot\n";
    host.write(&format!("{UNITS}/{BOOT}"), boot);
    host.sh(&format!(
        "cd {UNITS}; ln -s ../{BOOT} multi-user.target.wants; rm -f conductor-*@.*; \
         rm -f multi-user.target.wants/conductor-start@*; systemctl daemon-reload"
    ));
    assert_eq!(host.property(SLICE, "FragmentPath"), format!("{UNITS}/{SLICE}"));
    assert_eq!(host.property(BOOT, "UnitFileState"), "enabled");
}

fn contents(host: &Host) -> BTreeMap<String, String> {
    let files = host.files().into_iter();
    files.map(|(name, (_, _, content))| (name, undated(&content))).collect()
}

fn a_host_of_an_older_version(host: &Host) {
    define(host, "one");
    host.apply();
    let (contents, running) = (contents(host), host.running("web"));
    make_older(host);
    let planned = host.conductor(&["apply", "--dry-run"]).exits(0);
    assert_eq!(
        planned.stdout,
        "web at host\n  write conductor-retry@.service\n  write conductor-start@.service\n  \
         write conductor-start@.timer\n  \
         enable conductor-start@web.service in multi-user.target\n  \
         disable conductor-web-boot.service in multi-user.target\n  \
         remove conductor-web-boot.service\n  remove conductor-web.slice\n\
         nothing was done: this was a dry run\n"
    );
    host.apply().says("changed: web\n");
    assert_eq!((self::contents(host), host.running("web")), (contents, running));
    host.is_converged();

    // systemd needs no file for the slice, and accounts for it.
    for (property, value) in [
        ("ActiveState", "active"),
        ("FragmentPath", ""),
        ("NeedDaemonReload", "no"),
        ("CPUAccounting", "yes"),
        ("MemoryAccounting", "yes"),
        ("TasksAccounting", "yes"),
    ] {
        assert_eq!(host.property(SLICE, property), value, "{property}");
    }

    // A deploy, a rollback and a removal find the same host.
    make_older(host);
    define(host, "two");
    host.apply();
    assert_eq!(host.running("web").len(), 2);
    assert_eq!(host.property(SLICE, "ActiveState"), "active");
    make_older(host);
    host.conductor(&["rollback", "--id", "web"]).exits(0);
    assert_eq!(host.running("web").len(), 2);
    assert!(!host.files().contains_key(BOOT), "{:?}", host.files().keys());
    assert_eq!(host.sh("systemctl is-enabled conductor-start@web.service"), "enabled");
    make_older(host);
    host.conductor(&["remove", "--id", "web"]).exits(0);
    assert!(host.files().is_empty(), "{:?}", host.files().keys());
    assert_eq!(host.sh(LOADED), "");

    // Settings of the slice are the host's.
    host.write(&format!("{UNITS}/{SLICE}.d/own.conf"), "[Slice]\nTasksMax=99\n");
    host.apply();
    assert_eq!(host.property(SLICE, "TasksMax"), "99");
    host.conductor(&["remove", "--id", "web"]).exits(0);
    assert_eq!(host.sh(LOADED), "");
    host.sh(&format!("rm -r {UNITS}/{SLICE}.d"));
}
