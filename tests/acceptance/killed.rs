//! Killed processes: conductor during a change, and instances.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::Test;
use crate::host::{FEW_FILTERS, Host, SLEEP, Unit};

pub(crate) const TESTS: &[Test] = &[
    ("killed_anywhere_the_next_run_finishes", killed_anywhere_the_next_run_finishes),
    ("killed_while_it_removes", killed_while_it_removes),
    ("an_instance_comes_back", an_instance_comes_back),
];

const SERVICES: u32 = 20;
/// At how many moments of a run the process is killed.
const MOMENTS: u32 = 16;

/// Defines all services; those with an even number differ in every generation.
fn define(host: &Host, generation: u32) {
    for number in 0..SERVICES {
        let own = if number.is_multiple_of(2) { generation } else { 0 };
        // A new description makes systemd reload, too.
        let text = format!(
            "id: s{number}\ndescription: Generation {own}\n{SLEEP}env: {{GENERATION: \"{own}\"}}\n\
             deploy: {{keep: 0}}\nsystemd: {FEW_FILTERS}\n"
        );
        host.define(&format!("s{number}.yaml"), &text);
    }
}

fn is_constant(unit: &str) -> bool {
    (0..SERVICES)
        .any(|number| number % 2 == 1 && unit.starts_with(&format!("conductor-s{number}-")))
}

fn constant(host: &Host) -> BTreeMap<String, Unit> {
    let instances = host.instances().into_iter();
    instances.filter(|(unit, _)| is_constant(unit)).collect()
}

/// Asserts that the host has exactly the units of the generation.
fn is_complete(host: &Host, generation: u32) {
    let instances = host.instances();
    assert_eq!(instances.len(), SERVICES as usize, "{instances:?}");
    for (unit, Unit { pid, state }) in &instances {
        assert_eq!(state, "active", "{unit}");
        let own = if is_constant(unit) { 0 } else { generation };
        let environment = std::fs::read(host.path(&format!("/proc/{pid}/environ")));
        let environment = environment.expect("it runs");
        let wanted = format!("GENERATION={own}");
        let found = environment.split(|byte| *byte == 0).any(|line| line == wanted.as_bytes());
        assert!(found, "{unit}");
    }
    let files = host.files();
    // Instance and target, and two links; and what all share.
    assert_eq!(files.len(), 4 * SERVICES as usize + 3, "{:?}", files.keys());
    assert!(files.keys().all(|name| !name.contains("/.") && !name.starts_with('.')));
    let description = format!("Generation {generation}");
    assert_eq!(host.property("conductor-s0.target", "Description"), description);
}

fn killed_anywhere_the_next_run_finishes(host: &Host) {
    define(host, 0);
    host.apply();
    let constant_before = constant(host);
    assert_eq!(constant_before.len(), SERVICES as usize / 2);
    // The fastest of several runs, because a slow one would place most kills after the end.
    let mut whole = Duration::MAX;
    for generation in 1..=3 {
        define(host, generation);
        let began = Instant::now();
        host.apply();
        whole = whole.min(began.elapsed());
        is_complete(host, generation);
    }
    let mut interrupted = 0;
    let mut moment = 0;
    while moment < MOMENTS || interrupted < MOMENTS / 2 {
        let generation = moment + 4;
        define(host, generation);
        let delay = (whole * (moment % MOMENTS + 1) / MOMENTS).as_secs_f64();
        let killed =
            format!("timeout -s KILL {delay:.3} conductor apply >/dev/null 2>&1 || echo killed");
        if host.sh(&killed) == "killed" {
            interrupted += 1;
        } else {
            // It is faster now: other tests have ended meanwhile.
            whole = whole * 9 / 10;
        }
        // No unit is half written, and running instances keep running. A temporary file may be empty: systemd
        // skips names with a dot, and the next run removes it.
        let is_temporary = |name: &str| name.starts_with(".conductor-");
        for (name, (_, _, content)) in host.files() {
            if is_temporary(&name) {
                continue;
            }
            assert!(!content.is_empty(), "{name} is empty after {delay} s");
        }
        assert_eq!(constant(host), constant_before, "after {delay} s");
        host.apply();
        is_complete(host, generation);
        assert!(!host.files().keys().any(|name| is_temporary(name)), "after {delay} s");
        host.is_converged();
        assert_eq!(constant(host), constant_before, "after {delay} s");
        moment += 1;
        assert!(moment < 5 * MOMENTS, "only {interrupted} runs were interrupted");
    }
}

fn killed_while_it_removes(host: &Host) {
    let mut interrupted = 0;
    for moment in 1..=5 {
        define(host, 0);
        host.apply();
        for number in 0..SERVICES / 2 {
            host.undefine(&format!("s{number}.yaml"));
        }
        let delay = f64::from(moment) * 0.03;
        let prune = "conductor apply --prune";
        let killed = format!("timeout -s KILL {delay} {prune} >/dev/null 2>&1 || echo killed");
        interrupted += u32::from(host.sh(&killed) == "killed");
        host.conductor(&["apply", "--prune"]).exits(0);
        let left = SERVICES as usize / 2;
        assert_eq!((host.instances().len(), host.files().len()), (left, 4 * left + 3));
        let held = "systemctl list-units --all --plain --no-legend 'conductor-s[0-9]*' | wc -l";
        assert_eq!(host.sh(held), (3 * left).to_string(), "after {delay} s");
    }
    assert!(interrupted > 0, "no run was interrupted");
}

fn an_instance_comes_back(host: &Host) {
    host.define("web.yaml", &format!("id: web\n{SLEEP}instances: 2\n"));
    host.apply();
    let before = host.running("web");
    for restarts in 1..=3 {
        let pid = host.running("web")[0].1;
        host.sh(&format!("kill -KILL {pid}"));
        host.eventually("it is back", |host| {
            let running = host.running("web");
            running.len() == 2 && running[0].1 != pid
        });
        let status = host.conductor(&["status", "--output", "json"]).exits(0).json();
        let instances = &status["services"][0]["instances"];
        assert_eq!(instances[0]["restarts"], restarts, "{status}");
        assert_eq!(instances[1]["restarts"], 0, "{status}");
    }
    let after = host.running("web");
    assert_eq!((&before[0].0, &before[1]), (&after[0].0, &after[1]));
    host.is_converged();
}
