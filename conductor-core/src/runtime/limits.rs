//! The table of limits: for each, the directives of a unit and the options of an engine.
//!
//! The keys and their types are the list in `definition/limits.rs`.

use std::collections::BTreeMap;
use std::fmt::Display;

use super::Instance;
use crate::definition::Runtime;
use crate::service::{HealthCheck, Limits};
use crate::unit::Lines;
use crate::unit::escape::{CommandLine, percent};
use crate::value::{HostPath, Iops, Memory, Weight};

/// A name and its value: a directive's or an option's.
type Pair = (&'static str, String);

/// One limit as directives and options.
struct Row {
    /// Directives of a unit (systemd.resource-control(5)).
    directives: Vec<Pair>,
    /// Options of docker and podman, which have the same name for each.
    options: Vec<Pair>,
    /// Whether a container of podman has it by the directives: it is in the group of its unit.
    by_unit: bool,
}

impl Row {
    /// A limit that both engines have as an option.
    fn option(directives: Vec<Pair>, options: Vec<Pair>) -> Self {
        Self { directives, options, by_unit: false }
    }

    /// A limit that podman's containers have by their unit.
    fn unit(directives: Vec<Pair>, options: Vec<Pair>) -> Self {
        Self { directives, options, by_unit: true }
    }
}

/// Returns the rows of the limits that are set.
fn rows(instance: &Instance<'_>) -> impl Iterator<Item = Row> {
    // Without `..`: a new limit does not compile until it has its row.
    let Limits {
        memory,
        memory_high,
        memory_swap,
        cpu,
        cpu_weight,
        cpuset,
        pids,
        io_weight,
        io_read_bps,
        io_write_bps,
        io_read_iops,
        io_write_iops,
        oom_score_adjust,
    } = &instance.service.limits;
    let rows = [
        memory.map(|memory| {
            // Without a limit for swap, an instance at its limit would use that.
            let swap = memory_swap.map_or_else(|| "0".to_owned(), |swap| swap.to_string());
            // The option's amount is for memory and swap together.
            let both = memory.bytes().saturating_add(memory_swap.map_or(0, Memory::bytes));
            Row::option(
                vec![("MemoryMax", memory.to_string()), ("MemorySwapMax", swap)],
                vec![
                    ("--memory", memory.bytes().to_string()),
                    ("--memory-swap", both.min(i64::MAX.cast_unsigned()).to_string()),
                ],
            )
        }),
        memory_swap
            .filter(|_| memory.is_none())
            .map(|swap| Row::unit(vec![("MemorySwapMax", swap.to_string())], Vec::new())),
        memory_high.map(|high| Row::unit(vec![("MemoryHigh", high.to_string())], Vec::new())),
        cpu.map(|cpu| {
            Row::option(vec![("CPUQuota", cpu.percent())], vec![("--cpus", cpu.to_string())])
        }),
        cpu_weight.map(|weight| {
            let (weight, shares) = (weight.to_string(), shares(weight).to_string());
            Row::unit(vec![("CPUWeight", weight)], vec![("--cpu-shares", shares)])
        }),
        cpuset.as_ref().map(|cpus| {
            Row::unit(
                vec![("AllowedCPUs", cpus.to_string())],
                vec![("--cpuset-cpus", cpus.to_string())],
            )
        }),
        pids.map(|pids| {
            let tasks = u64::from(pids.number()) + added(instance);
            Row::option(
                vec![("TasksMax", tasks.to_string())],
                vec![("--pids-limit", pids.to_string())],
            )
        }),
        io_weight.map(|weight| Row::unit(vec![("IOWeight", weight.to_string())], Vec::new())),
        per_disk(io_read_bps, "IOReadBandwidthMax", bytes),
        per_disk(io_write_bps, "IOWriteBandwidthMax", bytes),
        per_disk(io_read_iops, "IOReadIOPSMax", Iops::number),
        per_disk(io_write_iops, "IOWriteIOPSMax", Iops::number),
        oom_score_adjust.map(|score| {
            let score = score.to_string();
            Row::option(vec![("OOMScoreAdjust", score.clone())], vec![("--oom-score-adj", score)])
        }),
    ];
    rows.into_iter().flatten()
}

fn bytes(memory: Memory) -> u64 {
    memory.bytes()
}

/// Returns the shares of docker, of which everybody has 1024 unless given.
fn shares(weight: Weight) -> u32 {
    (weight.number() * 1024 / 100).max(2)
}

/// Returns a limit for each disk.
fn per_disk<T: Copy, N: Display>(
    disks: &BTreeMap<HostPath, T>,
    directive: &'static str,
    number: fn(T) -> N,
) -> Option<Row> {
    let directives = disks
        .iter()
        .map(|(disk, most)| (directive, format!("{} {}", percent(disk.as_str()), number(*most))));
    (!disks.is_empty()).then(|| Row::unit(directives.collect(), Vec::new()))
}

/// Returns how many processes and threads of the probe are in a native unit: the limit is for the program alone.
fn added(instance: &Instance<'_>) -> u64 {
    let probe = match instance.service.health.as_ref().map(|health| &health.check) {
        None => 0,
        Some(HealthCheck::Http(_) | HealthCheck::Tcp) => 2,
        // What it runs is one more.
        Some(HealthCheck::Command(_)) => 3,
    };
    probe + u64::from(instance.attached().is_some() || instance.collected.is_some())
}

/// Returns the limits that an instance has by the directives of its unit.
pub(super) fn directives(instance: &Instance<'_>) -> Lines {
    let of_unit = |row: &Row| match instance.service.runtime {
        Runtime::Native => true,
        Runtime::Podman => row.by_unit,
        Runtime::Docker => false,
    };
    let mut lines = Lines::default();
    for (name, value) in rows(instance).filter(of_unit).flat_map(|row| row.directives) {
        lines.push(name, value);
    }
    lines
}

/// Adds the limits that a container has by options of its engine.
pub(super) fn options(line: &mut CommandLine, instance: &Instance<'_>) {
    let is_podman = instance.service.runtime == Runtime::Podman;
    let by_engine = |row: &Row| !(is_podman && row.by_unit);
    for (name, value) in rows(instance).filter(by_engine).flat_map(|row| row.options) {
        line.word(&format!("{name}={value}"));
    }
}
