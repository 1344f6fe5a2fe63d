//! What starts when the host boots, and what `systemctl` on a target does.

use crate::Test;
use crate::host::{Host, SLEEP};

pub(crate) const TESTS: &[Test] = &[
    ("stop_and_start_of_the_target", stop_and_start_of_the_target),
    (
        "a_restart_does_not_bring_the_old_release_back",
        a_restart_does_not_bring_the_old_release_back,
    ),
    ("the_boot_service_starts_the_target", the_boot_service_starts_the_target),
    ("failed_instances_are_started_again", failed_instances_are_started_again),
];

fn define(host: &Host, version: &str, instances: u16) {
    let env = format!("env: {{VERSION: {version}}}\n");
    host.define("web.yaml", &format!("id: web\n{SLEEP}instances: {instances}\n{env}"));
}

fn names(running: &[(String, u32)]) -> Vec<String> {
    running.iter().map(|(unit, _)| unit.clone()).collect()
}

fn stop_and_start_of_the_target(host: &Host) {
    define(host, "one", 2);
    host.apply();
    let one = host.running("web");
    host.sh("systemctl stop conductor-web.target");
    assert!(host.running("web").is_empty());
    host.sh("systemctl start conductor-web.target");
    assert_eq!(names(&host.running("web")), names(&one));

    // A change needs no reload; the target still starts the current release.
    define(host, "two", 3);
    host.apply();
    let two = names(&host.running("web"));
    assert_eq!(two.len(), 3);
    assert!(two.iter().all(|unit| !names(&one).contains(unit)));
    host.sh("systemctl stop conductor-web.target");
    assert!(host.running("web").is_empty());
    host.sh("systemctl start conductor-web.target");
    assert_eq!(names(&host.running("web")), two);
    define(host, "two", 1);
    host.apply();
    host.sh("systemctl stop conductor-web.target; systemctl start conductor-web.target");
    assert_eq!(names(&host.running("web")), two[..1]);
    host.is_converged();
}

fn a_restart_does_not_bring_the_old_release_back(host: &Host) {
    for held in [false, true] {
        define(host, "one", 2);
        host.apply();
        if held {
            // As after a boot or a reload: all enabled units are loaded.
            host.sh("systemctl daemon-reload; systemctl start multi-user.target");
        }
        define(host, "two", 2);
        host.apply();
        let two = names(&host.running("web"));
        host.sh("systemctl restart conductor-web.target");
        host.eventually("the instances are up again", |host| host.running("web").len() == 2);
        assert_eq!(names(&host.running("web")), two, "held: {held}");
        let others: Vec<_> = host
            .instances()
            .into_iter()
            .filter(|(unit, found)| found.state != "inactive" && !two.contains(unit))
            .collect();
        assert_eq!(others, [], "held: {held}");
    }
}

fn the_boot_service_starts_the_target(host: &Host) {
    define(host, "one", 2);
    host.apply();
    define(host, "two", 2);
    host.apply();
    let two = names(&host.running("web"));
    for start in ["conductor-start@web.service", "multi-user.target"] {
        host.sh("systemctl stop conductor-web.target; systemctl daemon-reload");
        assert!(host.running("web").is_empty());
        host.sh(&format!("systemctl start {start}"));
        host.eventually("the instances are up", |host| names(&host.running("web")) == two);
    }
    // A service that was removed does not come back.
    host.conductor(&["remove", "--id", "web"]).exits(0);
    let ran = crate::ran::Ran::new(
        host.sandbox.command("systemctl").args(["start", "conductor-start@web.service"]),
    );
    assert!(host.instances().is_empty(), "{ran}");
    host.sh("systemctl daemon-reload; systemctl start multi-user.target");
    assert!(host.instances().is_empty());
}

fn failed_instances_are_started_again(host: &Host) {
    // Its first restart is refused.
    let limit = "systemd: {Unit: {StartLimitBurst: 1, StartLimitIntervalSec: 1h}}\n";
    host.define("web.yaml", &format!("id: web-a\n{SLEEP}instances: 3\n{limit}"));
    host.apply();
    // The target stays loaded with the instances of the first release.
    host.conductor(&["restart", "--id", "web-a"]).exits(0);
    let before = host.running("web-a");
    let [(stopped, _), (failed, pid), (_, other)] = before.as_slice() else { panic!("{before:?}") };
    host.sh(&format!("systemctl stop {stopped}; kill -KILL {pid}"));
    host.eventually("it is given up", |host| host.property(failed, "ActiveState") == "failed");
    let (timer, retry) = ("conductor-start@web-a.timer", "conductor-retry@web-a.service");
    assert_eq!(host.property(timer, "Triggers"), retry);
    assert_eq!(host.property(timer, "ActiveState"), "active");
    // The timer takes ten seconds.
    host.sh(&format!("systemctl start {retry}"));
    host.eventually("it is up", |host| host.property(failed, "ActiveState") == "active");
    let after = host.running("web-a");
    // What somebody stopped stays so, and the others are left alone.
    assert_eq!(after.iter().map(|(unit, _)| unit).collect::<Vec<_>>(), [failed, &before[2].0]);
    assert_eq!(after[1].1, *other);
    assert_eq!(host.property(timer, "ActiveState"), "inactive");
    host.sh(&format!("systemctl start {timer}; systemctl stop conductor-web-a.target"));
    assert_eq!(host.property(timer, "ActiveState"), "inactive");
    host.conductor(&["remove", "--id", "web-a"]).exits(0);
    assert!(host.files().is_empty(), "{:?}", host.files().keys());
}
