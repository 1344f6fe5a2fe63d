//! What an operator does to docker itself, as docs/containers.md describes it.

use conductor_sandbox::Engine;

use crate::Test;
use crate::containers::{definition, start};
use crate::host::Host;

pub(crate) const TESTS: &[Test] = &[
    ("docker_can_be_stopped_by_hand", can_be_stopped),
    ("docker_shares_no_limit_on_lines", shares_no_limit_on_lines),
];

/// The drop-in for docker.service.
const DROP_IN: &str = include_str!("../../integrations/docker/conductor.conf");

fn can_be_stopped(host: &Host) {
    host.spoil();
    let names = start(host, Engine::Docker, "command: [sleep, 1d]\n");
    let unit = format!("{}.service", names[0]);
    let state = |unit: &str| host.property(unit, "ActiveState");
    // It is needed, so it is started again.
    host.sh("systemctl stop docker.socket docker.service");
    host.eventually("docker is started again", |_| {
        state("docker.service") == "active" && state(&unit) == "active"
    });
    host.sh("systemctl mask --runtime --now docker.socket docker.service");
    host.eventually("the instance was tried often", |host| {
        let restarts = host.property(&unit, "NRestarts");
        state(&unit) == "failed" || restarts.parse::<u32>().is_ok_and(|restarts| restarts > 3)
    });
    assert_eq!(state("docker.service"), "inactive");
    host.sh("systemctl unmask --runtime docker.socket docker.service; systemctl start docker");
    host.eventually("the instance is back", |host| host.running("web").len() == 1);
    host.is_converged();
}

/// journald multiplies its limit by at most 6, depending on how much of the disk is free (journald.conf(5)).
const JOURNALD: &str = "[Journal]\nRateLimitIntervalSec=30s\nRateLimitBurst=100\n";
/// More lines than journald then takes of one unit within 30 s.
const FLOOD: usize = 2_000;

fn shares_no_limit_on_lines(host: &Host) {
    host.spoil();
    host.write("/etc/systemd/journald.conf.d/limit.conf", JOURNALD);
    host.sh("systemctl restart systemd-journald");
    host.write("/etc/systemd/system/docker.service.d/conductor.conf", DROP_IN);
    // It applies from the next start of docker on, which may run since an earlier test.
    host.sh("systemctl daemon-reload; systemctl try-restart docker.service");
    start(host, Engine::Docker, &format!("command: [sh, -c, 'seq {FLOOD}; sleep 1d']\n"));
    let journal = |host: &Host, id: &str, options: &str| {
        let query = format!("CONDUCTOR_ID={id} _SYSTEMD_UNIT=docker.service");
        host.sh(&format!("journalctl --sync; journalctl -o cat {query} {options}"))
    };
    let lines = |host: &Host, id: &str| journal(host, id, "| wc -l");
    let all = FLOOD.to_string();
    // Counting takes long while lines are written.
    host.eventually("the last line is in the journal", |host| journal(host, "web", "-n 1") == all);
    assert_eq!(lines(host, "web"), all);
    // Nor are those of another service dropped.
    let other = definition(Engine::Docker, "command: [sh, -c, 'echo here; sleep 1d']\n");
    host.define("other.yaml", &other.replace("id: web", "id: other"));
    host.apply();
    host.eventually("the other's line is there", |host| lines(host, "other") == "1");
}
