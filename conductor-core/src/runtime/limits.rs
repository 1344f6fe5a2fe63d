//! The table of limits: for each, the directives of a native unit and the options of an engine.
//!
//! The keys and their types are the list in `definition/limits.rs`.

use super::Instance;
use crate::service::{HealthCheck, Limits};
use crate::unit::Lines;
use crate::unit::escape::CommandLine;

/// A name and its value: a directive's or an option's.
type Pair = (&'static str, String);

/// One limit as directives and options.
struct Row {
    /// Directives of a native unit (systemd.resource-control(5)).
    directives: Vec<Pair>,
    /// Options of docker and podman, which have the same name for each.
    options: Vec<Pair>,
}

/// Returns the rows of the limits that are set.
fn rows(instance: &Instance<'_>) -> impl Iterator<Item = Row> {
    // Without `..`: a new limit does not compile until it has its row.
    let Limits { memory, cpu, pids } = instance.service.limits;
    let rows = [
        // Without it, an instance at its limit would use swap. The option's
        // amount is for memory and swap together.
        memory.map(|memory| Row {
            directives: vec![("MemoryMax", memory.to_string()), ("MemorySwapMax", "0".to_owned())],
            options: vec![
                ("--memory", memory.bytes().to_string()),
                ("--memory-swap", memory.bytes().to_string()),
            ],
        }),
        cpu.map(|cpu| Row {
            directives: vec![("CPUQuota", cpu.percent())],
            options: vec![("--cpus", cpu.to_string())],
        }),
        pids.map(|pids| Row {
            directives: vec![(
                "TasksMax",
                (u64::from(pids.number()) + added(instance)).to_string(),
            )],
            options: vec![("--pids-limit", pids.to_string())],
        }),
    ];
    rows.into_iter().flatten()
}

/// Returns how many processes and threads of the probe are in a native unit: the limit is for the program alone.
fn added(instance: &Instance<'_>) -> u64 {
    let probe = match instance.service.health.as_ref().map(|health| &health.check) {
        None => 0,
        Some(HealthCheck::Http(_) | HealthCheck::Tcp) => 2,
        // What it runs is one more.
        Some(HealthCheck::Command(_)) => 3,
    };
    probe + u64::from(instance.attached().is_some())
}

/// Returns the limits as directives of a native unit.
pub(super) fn directives(instance: &Instance<'_>) -> Lines {
    let mut lines = Lines::default();
    for (name, value) in rows(instance).flat_map(|row| row.directives) {
        lines.push(name, value);
    }
    lines
}

/// Adds the limits as options of an engine.
pub(super) fn options(line: &mut CommandLine, instance: &Instance<'_>) {
    for (name, value) in rows(instance).flat_map(|row| row.options) {
        line.word(&format!("{name}={value}"));
    }
}
