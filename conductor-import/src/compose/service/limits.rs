//! Limits of resources, replicas, and times.

use super::{Conversion, program};
use crate::draft::Val;
use crate::node::{Entry, Node};
use crate::report::Origin;
use crate::units;

/// Sets a limit of memory; -1 and 0 are none.
pub(crate) fn memory(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    set_memory(c, &entry.value, "memory", origin);
}

fn set_memory(c: &mut Conversion<'_>, node: &Node, key: &str, origin: &Origin) {
    match node.as_text().map(|text| (text, units::bytes(text))) {
        Some(("-1" | "0", _)) => {}
        Some((_, Some(bytes))) => c.draft.put("limits", key, Val::Text(units::size(bytes)), origin),
        _ => c.wrong(node, origin, "a size, such as 512m"),
    }
}

/// Compose's is the sum of memory and swap, as docker's.
pub(crate) fn memory_swap(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    let total = entry.value.as_text().and_then(units::bytes);
    let of_deploy = ["resources", "limits", "memory"];
    let of_deploy = of_deploy.iter().try_fold(c.get("deploy"), |node, key| Some(node?.get(key)));
    let memory = c.get("mem_limit").or(of_deploy.flatten());
    let memory = memory.and_then(Node::as_text).and_then(units::bytes);
    match (total, memory) {
        // No swap at all, as without the key.
        (Some(total), Some(memory)) if total == memory => {}
        (Some(total), Some(memory)) if total > memory => {
            let swap = units::size(total - memory);
            c.draft.put("limits", "memory_swap", Val::Text(swap), origin);
        }
        // The engines take 0 for not given.
        _ if matches!(entry.value.as_text(), Some("-1" | "0")) => {}
        _ => {
            c.leave_out(
                origin,
                "it limits memory and swap together",
                "limits: {memory_swap: SIZE}",
            );
        }
    }
}

pub(crate) fn cpus(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    set_cpus(c, &entry.value, origin);
}

fn set_cpus(c: &mut Conversion<'_>, node: &Node, origin: &Origin) {
    match node.as_text().and_then(|text| text.parse::<f64>().ok()) {
        Some(cpus) if cpus > 0.0 => {
            c.draft.put("limits", "cpu", Val::Plain(cpus.to_string()), origin);
        }
        Some(_) => {}
        None => c.wrong(node, origin, "a number of processors"),
    }
}

pub(crate) fn cpu_quota(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    let period = c.get("cpu_period").and_then(Node::as_text).and_then(|text| text.parse().ok());
    let quota = entry.value.as_text().and_then(|text| text.parse::<f64>().ok());
    match quota {
        Some(quota) if quota > 0.0 => {
            let cpus = quota / period.unwrap_or(100_000.0);
            let cpus = (cpus * 100.0).round() / 100.0;
            c.draft.put("limits", "cpu", Val::Plain(cpus.to_string()), origin);
        }
        Some(_) => {}
        None => c.wrong(&entry.value, origin, "a number of microseconds"),
    }
}

/// Docker's default of 1024 shares is systemd's default weight of 100.
pub(crate) fn cpu_shares(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    match entry.value.as_text().and_then(|text| text.parse::<u64>().ok()) {
        Some(0) => {}
        Some(shares) => {
            let weight = (shares * 100 / 1024).clamp(1, 10_000);
            c.draft.put("limits", "cpu_weight", Val::Plain(weight.to_string()), origin);
        }
        None => c.wrong(&entry.value, origin, "a number of shares"),
    }
}

pub(crate) fn cpuset(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    match entry.value.as_text() {
        Some(text) => c.draft.put("limits", "cpuset", Val::Text(text.to_owned()), origin),
        None => c.wrong(&entry.value, origin, "numbers of processors"),
    }
}

pub(crate) fn pids(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    match entry.value.as_text().and_then(|text| text.parse::<i64>().ok()) {
        Some(pids) if pids > 0 => {
            c.draft.put("limits", "pids", Val::Plain(pids.to_string()), origin);
        }
        Some(_) => {}
        None => c.wrong(&entry.value, origin, "a number of processes"),
    }
}

pub(crate) fn oom_score(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    match entry.value.as_text() {
        Some(text) => {
            c.draft.put("limits", "oom_score_adjust", Val::Plain(text.to_owned()), origin);
        }
        None => c.wrong(&entry.value, origin, "a number"),
    }
}

/// Docker's weight is from 10 to 1000, with 500 as its default; systemd's from 1 to 10000, with 100.
pub(crate) fn blkio(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    for entry in entry.value.as_map().unwrap_or_default() {
        let origin = origin.key(&entry.key, entry.at);
        let weight = entry.value.as_text().and_then(|text| text.parse::<u64>().ok());
        match (entry.key.as_str(), weight) {
            ("weight", Some(weight)) => {
                let weight = (weight / 5).clamp(1, 10_000);
                c.draft.put("limits", "io_weight", Val::Plain(weight.to_string()), &origin);
            }
            (
                kind @ ("device_read_bps" | "device_write_bps" | "device_read_iops"
                | "device_write_iops"),
                _,
            ) => device_limits(c, kind, &entry.value, &origin),
            (other, _) => c.leave_out(&origin, &format!("it sets {other} of block devices"), ""),
        }
    }
}

/// Sets the limits of single devices: `io_read_bps: {/dev/sda: 10M}`.
fn device_limits(c: &mut Conversion<'_>, kind: &str, node: &Node, origin: &Origin) {
    let key = kind.replacen("device_", "io_", 1);
    let mut devices = Vec::new();
    for (origin, item) in super::texts(node, origin) {
        let rate = item.text_of("rate").and_then(units::bytes);
        match (item.text_of("path"), rate) {
            (Some(path), Some(rate)) => {
                let is_size = key.ends_with("bps");
                let value = if is_size {
                    Val::Text(units::size(rate))
                } else {
                    Val::Plain(rate.to_string())
                };
                devices.push(crate::draft::Item { key: path.to_owned(), value, origin });
            }
            _ => c.wrong(item, &origin, "a path and a rate"),
        }
    }
    if !devices.is_empty() {
        c.draft.put("limits", &key, Val::Map(devices), origin);
    }
}

pub(crate) fn replicas(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    match entry.value.as_text().and_then(|text| text.parse::<u32>().ok()) {
        Some(1) => {}
        Some(count) => c.draft.plain("instances", count, origin),
        None => c.wrong(&entry.value, origin, "a number of containers"),
    }
}

pub(crate) fn stop_grace_period(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    match entry.value.as_text().and_then(units::milliseconds) {
        Some(time) => c.draft.put("deploy", "stop_timeout", Val::Text(units::span(time)), origin),
        None => c.wrong(&entry.value, origin, "a time, such as 1m30s"),
    }
}

pub(crate) fn deploy(c: &mut Conversion<'_>, entry: &Entry, origin: &Origin) {
    for entry in entry.value.as_map().unwrap_or_default() {
        let origin = origin.key(&entry.key, entry.at);
        match entry.key.as_str() {
            "replicas" => replicas(c, entry, &origin),
            "resources" => resources(c, &entry.value, &origin),
            "update_config" => update_config(c, &entry.value, &origin),
            "restart_policy" => {
                c.unknown(&entry.value, &origin, &["condition", "delay", "max_attempts", "window"]);
                if let Some(condition) = entry.value.entry("condition") {
                    let origin = origin.key("condition", condition.at);
                    program::restart(c, condition, &origin);
                }
                for key in ["delay", "max_attempts", "window"] {
                    if let Some(entry) = entry.value.entry(key) {
                        let origin = origin.key(key, entry.at);
                        c.note(&origin, "conductor starts it again at once, then ever more slowly, without an end");
                    }
                }
            }
            "mode" if matches!(entry.value.as_text(), Some("replicated" | "global")) => {}
            "labels" | "endpoint_mode" | "placement" | "rollback_config" => {
                c.note(&origin, "means something only in a swarm");
            }
            other if other.starts_with("x-") => {}
            other => c.leave_out(&origin, &format!("it sets {other} of the deployment"), ""),
        }
    }
}

fn resources(c: &mut Conversion<'_>, node: &Node, origin: &Origin) {
    c.unknown(node, origin, &["limits", "reservations"]);
    let limits = node.get("limits").and_then(Node::as_map).unwrap_or_default();
    for entry in limits {
        let origin = origin.key("limits", entry.at).key(&entry.key, entry.at);
        match entry.key.as_str() {
            "cpus" => set_cpus(c, &entry.value, &origin),
            "memory" => set_memory(c, &entry.value, "memory", &origin),
            "pids" => pids(c, entry, &origin),
            other => c.leave_out(&origin, &format!("it limits {other}"), ""),
        }
    }
    let reservations = node.get("reservations").and_then(Node::as_map).unwrap_or_default();
    for entry in reservations {
        let origin = origin.key("reservations", entry.at).key(&entry.key, entry.at);
        match entry.key.as_str() {
            "cpus" => c.note(&origin, "means something only in a swarm"),
            "memory" => c.leave_out(
                &origin,
                "it keeps the memory of the container when the host has little",
                "no limit does that; memory_high slows down what uses more",
            ),
            "devices" => super::gpus(c, entry, &origin),
            other => c.leave_out(&origin, &format!("it reserves {other}"), ""),
        }
    }
}

fn update_config(c: &mut Conversion<'_>, node: &Node, origin: &Origin) {
    for entry in node.as_map().unwrap_or_default() {
        let origin = origin.key(&entry.key, entry.at);
        match (entry.key.as_str(), entry.value.as_text()) {
            ("order", Some(order)) => {
                c.draft.put("deploy", "order", Val::Text(order.to_owned()), &origin);
            }
            ("parallelism", Some(count)) if count != "0" => {
                c.draft.put("deploy", "batch", Val::Plain(count.to_owned()), &origin);
            }
            _ => c.note(&origin, "means something only in a swarm"),
        }
    }
}
