//! What `status --watch` shows on a terminal, as top does: what each instance uses now, in one screen.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use comfy_table::CellAlignment;
use conductor_core::name::UnitName;
use conductor_core::plan::ActiveState;
use conductor_host::{InstanceStatus, Status, UnitResult};

use super::age;
use crate::human;
use crate::print::visible;
use crate::terminal::{cut, paint};

const COLUMNS: [&str; 7] = ["SERVICE", "N", "CPU", "MEMORY", "RESTARTS", "SINCE", "HEALTH"];
/// The columns of numbers, which are right-aligned.
const NUMBERS: [usize; 4] = [1, 2, 3, 4];
/// The longest id that is shown whole. The others leave room for the health in 80 columns.
const LONGEST_ID: usize = 20;

/// What was seen before, from which it is known what an instance uses now.
#[derive(Debug, Default)]
pub(super) struct Watch {
    at: Option<Instant>,
    /// The processor time of each unit, in microseconds.
    used: HashMap<UnitName, u64>,
}

/// An instance, and the share of one processor that it has used since the last look, in tenths of a percent.
struct Row<'s> {
    service: &'s str,
    instance: &'s InstanceStatus,
    cpu: Option<u64>,
}

impl Watch {
    /// Returns the summary and the table: first the instances that are not healthy, then those that use most.
    pub(super) fn show(
        &mut self,
        status: &Status,
        now: Instant,
        (width, color): (usize, bool),
    ) -> String {
        let since = self.at.map(|at| now.saturating_duration_since(at));
        let mut rows: Vec<_> = status
            .services
            .iter()
            .flat_map(|service| service.instances.iter().map(|it| (service.id.as_str(), it)))
            .map(|(service, instance)| Row { service, instance, cpu: self.cpu(instance, since) })
            .collect();
        rows.sort_by_key(|row| {
            let Row { service, instance, cpu } = *row;
            (instance.healthy, Reverse((cpu, instance.memory_bytes)), service, instance.instance)
        });
        let text = [summary(status, &rows), table(&rows)].join("\n\n");
        self.at = Some(now);
        self.used = rows
            .iter()
            .filter_map(|row| Some((row.instance.unit.clone(), row.instance.cpu_usec?)))
            .collect();
        let of_rows = rows.iter().map(|row| Some(state(row.instance)));
        // The summary, the line after it and the head of the table have none.
        let colors = [None, None, None].into_iter().chain(of_rows);
        let lines = text.lines().zip(colors).map(|(line, state)| {
            let line = cut(line, width);
            match state.filter(|_| color).and_then(paint) {
                Some(paint) => format!("\x1b[{paint}m{line}\x1b[0m"),
                None => line,
            }
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    fn cpu(&self, instance: &InstanceStatus, since: Option<Duration>) -> Option<u64> {
        let before = *self.used.get(&instance.unit)?;
        let elapsed = u64::try_from(since?.as_micros()).ok().filter(|usec| *usec > 0)?;
        // An instance that was started anew begins at zero.
        let used = instance.cpu_usec?.saturating_sub(before);
        Some(used.saturating_mul(1000) / elapsed)
    }
}

/// Returns one line about all instances and jobs.
fn summary(status: &Status, rows: &[Row<'_>]) -> String {
    let healthy = rows.iter().filter(|row| row.instance.healthy).count();
    let memory: u64 = rows.iter().filter_map(|row| row.instance.memory_bytes).sum();
    let cpu: u64 = rows.iter().filter_map(|row| row.cpu).sum();
    let jobs = || status.services.iter().flat_map(|service| &service.jobs);
    let running = jobs().filter(|job| job.running).count();
    let is_failed = |result: &UnitResult| !result.is_success();
    let failed = jobs().filter(|job| job.result.as_ref().is_some_and(is_failed)).count();
    format!(
        "{healthy} of {} healthy, cpu {}, memory {}; {} jobs, {running} running, {failed} failed",
        rows.len(),
        percent(cpu),
        human::bytes(memory),
        jobs().count(),
    )
}

fn table(rows: &[Row<'_>]) -> String {
    let mut table = human::table(&COLUMNS);
    let dash = || "-".to_owned();
    for Row { service, instance, cpu } in rows {
        table.add_row([
            cut(&visible(service), LONGEST_ID),
            instance.instance.to_string(),
            cpu.map_or_else(dash, percent),
            instance.memory_bytes.map_or_else(dash, human::bytes),
            instance.restarts.map_or_else(dash, |count| count.to_string()),
            instance.since.map_or_else(dash, age),
            visible(&health(instance)).into_owned(),
        ]);
    }
    for column in NUMBERS {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

/// Returns what the last check found; of an instance that is not up, its state.
fn health(instance: &InstanceStatus) -> String {
    let found = instance.status.as_deref();
    let found = found.map(|found| human::printable(found).replace('\n', " "));
    match (state(instance), found, &instance.result) {
        (ActiveState::Active | ActiveState::Activating, Some(found), _) => found,
        (_, _, Some(result)) => format!("{} ({result})", instance.active_state),
        (_, _, None) => instance.active_state.to_string(),
    }
}

fn state(instance: &InstanceStatus) -> ActiveState {
    match instance.active_state {
        ActiveState::Active if !instance.healthy => ActiveState::Activating,
        state => state,
    }
}

/// Formats tenths of a percent.
fn percent(tenths: u64) -> String {
    format!("{}.{}%", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use unicode_width::UnicodeWidthStr as _;

    use super::*;

    fn instance(id: &str, number: u16, cpu_usec: u64, healthy: bool) -> Value {
        json!({
            "unit": format!("conductor-{id}-v1.0a1b2c-{number}.service"), "instance": number, "revision": "v1",
            "digest": "0a1b2c", "main_pid": 1, "active_state": "active", "sub_state": "running", "healthy": healthy,
            "status": format!("healthy: {}", "200 OK ".repeat(20)), "retried": false, "restarts": 123_456,
            "memory_bytes": 1_u64 << 39, "cpu_usec": cpu_usec, "since": crate::commands::status::now(),
            "rendered_by": "0.1.0",
        })
    }

    fn status(instances: Vec<(&str, Value)>) -> Status {
        let services = instances.into_iter().map(|(id, instance)| {
            json!({
                "id": id, "instances": [instance], "releases": [], "jobs": [], "volumes": [], "networks": [],
            })
        });
        let services: Vec<_> = services.collect();
        serde_json::from_value(json!({"services": services, "left_files": []})).unwrap()
    }

    #[test]
    fn what_uses_most_comes_first_and_what_is_not_healthy_before_it() {
        let look = |usec: u64| {
            status(vec![
                ("idle", instance("idle", 1, 5, true)),
                ("busy", instance("busy", 1, usec, true)),
                ("sick", instance("sick", 1, 5, false)),
            ])
        };
        let mut watch = Watch::default();
        let start = Instant::now();
        let first = watch.show(&look(0), start, (80, false));
        assert!(first.starts_with("2 of 3 healthy, cpu 0.0%, memory 1.5T; 0 jobs"), "{first}");
        let later = start + Duration::from_secs(2);
        let text = watch.show(&look(3_000_000), later, (80, false));
        let rows: Vec<_> = text.lines().skip(3).collect();
        let services: Vec<_> = rows.iter().filter_map(|row| row.split(' ').next()).collect();
        assert_eq!(services, ["sick", "busy", "idle"], "{text}");
        assert!(rows[1].contains(" 150.0% "), "{text}");
        // It was started anew.
        let again = watch.show(&look(1), later + Duration::from_secs(2), (80, false));
        assert!(again.lines().any(|row| row.starts_with("busy") && row.contains(" 0.0% ")));
    }

    #[test]
    fn it_fits_eighty_columns() {
        let id = "a".repeat(64);
        let status = status(vec![(&id, instance(&id, 1000, 5, true))]);
        let mut watch = Watch::default();
        watch.show(&status, Instant::now(), (80, false));
        let text = watch.show(&status, Instant::now() + Duration::from_secs(2), (80, false));
        assert!(text.lines().all(|line| line.width() <= 80), "{text}");
        assert!(text.contains("healthy: "), "{text}");
    }
}
