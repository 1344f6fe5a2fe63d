//! A host that an older version wrote: its files are replaced, and nothing that runs is touched.

use crate::Test;
use crate::host::{Host, SLEEP, UNITS};

pub(crate) const TESTS: &[Test] = &[("a_host_of_an_older_version", a_host_of_an_older_version)];

const SLICE: &str = "conductor-web.slice";
/// The units of the service that systemd has loaded.
const LOADED: &str = "systemctl list-units --all --plain --no-legend 'conductor-web*'";

fn define(host: &Host, value: &str) {
    host.define("web.yaml", &format!("id: web\n{SLEEP}instances: 2\nenv: {{A: {value}}}\n"));
}

/// Writes the files that a version before this one wrote, in addition.
fn make_older(host: &Host) {
    let slice = "[Unit]\nDescription=All instances of web\n\n[Slice]\nCPUAccounting=yes\n\
                 MemoryAccounting=yes\nTasksAccounting=yes\n\n\
                 [X-Conductor]\nVersion=0.1.0\nService=web\nKind=slice\n";
    host.write(&format!("{UNITS}/{SLICE}"), slice);
    host.sh("systemctl daemon-reload");
    assert_eq!(host.property(SLICE, "FragmentPath"), format!("{UNITS}/{SLICE}"));
}

fn a_host_of_an_older_version(host: &Host) {
    define(host, "one");
    host.apply();
    let (files, running) = (host.files(), host.running("web"));
    make_older(host);
    let planned = host.conductor(&["apply", "--dry-run"]).exits(0);
    assert_eq!(
        planned.stdout,
        "web at host\n  remove conductor-web.slice\nnothing was done: this was a dry run\n"
    );
    host.apply().says("changed: web\n");
    assert_eq!((host.files(), host.running("web")), (files, running));
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

    // A deploy and a removal find the same host.
    make_older(host);
    define(host, "two");
    host.apply();
    assert_eq!(host.running("web").len(), 2);
    assert_eq!(host.property(SLICE, "ActiveState"), "active");
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
