//! The assignment of host ports to instances.

use std::collections::{BTreeMap, BTreeSet};

use crate::Test;
use crate::host::{Host, SLEEP};

pub(crate) const TESTS: &[Test] = &[
    ("a_foreign_listener_keeps_its_port", a_foreign_listener_keeps_its_port),
    ("ports_are_unique_and_stay", ports_are_unique_and_stay),
    ("the_range_is_the_hosts", the_range_is_the_hosts),
];

/// Returns the port of each instance, by unit, from its environment.
fn ports(host: &Host) -> BTreeMap<String, u16> {
    let instances = host.instances().into_iter();
    let port = |pid: u32| {
        let lines = host.sh(&format!("tr '\\0' '\\n' </proc/{pid}/environ"));
        let port = lines.lines().find_map(|line| line.strip_prefix("PORT="));
        port.expect("PORT is set").parse().expect("it is a port")
    };
    instances.map(|(name, unit)| (name, port(unit.pid))).collect()
}

fn define(host: &Host, id: &str, instances: u16, more: &str) {
    let text = format!("id: {id}\n{SLEEP}port: 80\ninstances: {instances}\n{more}");
    host.define(&format!("{id}.yaml"), &text);
}

fn a_foreign_listener_keeps_its_port(host: &Host) {
    host.sh("systemd-run -q --unit=four python3 -m http.server --bind 127.0.0.1 20000");
    host.sh("systemd-run -q --unit=six python3 -m http.server --bind ::1 20002");
    host.eventually("both listen", |host| {
        host.sh("ss -Hltn 'sport = 20000 or sport = 20002' | wc -l") == "2"
    });
    define(host, "web", 3, "");
    host.apply();
    let given: Vec<_> = ports(host).into_values().collect();
    assert_eq!(given, [20001, 20003, 20004]);
    host.sh("systemctl stop four six");
    host.is_converged();
}

fn ports_are_unique_and_stay(host: &Host) {
    for id in ["a", "b", "c"] {
        define(host, id, 3, "");
    }
    host.apply();
    let before = ports(host);
    let unique: BTreeSet<_> = before.values().collect();
    assert_eq!((before.len(), unique.len()), (9, 9), "{before:?}");

    define(host, "a", 4, "");
    define(host, "b", 1, "");
    define(host, "c", 3, "env: {A: \"1\"}\n");
    host.apply();
    let after = ports(host);
    assert_eq!(after.len(), 8);
    assert_eq!(after.values().collect::<BTreeSet<_>>().len(), 8, "{after:?}");
    for (unit, port) in &after {
        let kept = before.get(unit);
        assert!(kept.is_none_or(|kept| kept == port), "{unit} has another port");
        // The new release of c started while the old one had its ports.
        if kept.is_none() {
            assert!(before.values().all(|old| old != port), "{unit} took a port in use");
        }
    }
    host.is_converged();
    assert_eq!(ports(host), after);
    // The port of a stopped unit is not assigned to others.
    host.sh("systemctl stop conductor-a.target");
    define(host, "d", 2, "");
    host.conductor(&["apply", "/etc/conductor/services/d.yaml"]).exits(0);
    let new = ports(host);
    for unit in new.keys().filter(|unit| unit.starts_with("conductor-d-")) {
        assert!(after.values().all(|port| *port != new[unit]), "{new:?}");
    }
}

fn the_range_is_the_hosts(host: &Host) {
    host.write("/etc/conductor/host.yaml", "ports: 31000-31001\n");
    define(host, "web", 3, "");
    let ran = host.conductor(&["apply"]).exits(1);
    ran.complains("error: no port of 31000-31001 is left for conductor-web-host.");
    assert!(host.files().is_empty());
    define(host, "web", 2, "");
    host.apply();
    assert_eq!(ports(host).into_values().collect::<Vec<_>>(), [31000, 31001]);
}
