//! The table of instances.

use comfy_table::CellAlignment;
use conductor_core::name::ReleaseName;
use conductor_core::plan::ActiveState;
use conductor_host::{InstanceStatus, Status};
use unicode_width::UnicodeWidthStr as _;

use super::age;
use crate::human;
use crate::print::visible;
use crate::terminal::{cut, paint};

const COLUMNS: [&str; 10] = [
    "SERVICE", "REVISION", "INSTANCE", "STATE", "SINCE", "RESTARTS", "MEMORY", "CPU", "PORT",
    "HEALTH",
];
/// The columns of numbers, which are right-aligned.
const NUMBERS: [&str; 5] = ["INSTANCE", "RESTARTS", "MEMORY", "CPU", "PORT"];
/// The columns that a narrow terminal does not show, in this order. JSON has them.
const LESS_NEEDED: [&str; 5] = ["CPU", "MEMORY", "PORT", "SINCE", "RESTARTS"];

/// A row, and the state that colours it.
type Row = ([String; COLUMNS.len()], Option<ActiveState>);

/// Returns the table of instances; `None` if there are only jobs. `width` is that of a terminal.
pub(super) fn show(status: &Status, width: Option<usize>, color: bool) -> Option<String> {
    let rows = rows(status);
    if rows.is_empty() {
        return None;
    }
    let width = width.unwrap_or(usize::MAX);
    let mut columns = COLUMNS.to_vec();
    let mut text = table(&columns, &rows);
    for less in LESS_NEEDED {
        if text.lines().all(|line| line.width() <= width) {
            break;
        }
        columns.retain(|column| *column != less);
        text = table(&columns, &rows);
    }
    let colors = [None].into_iter().chain(rows.iter().map(|(_, state)| *state));
    let lines = text.lines().zip(colors).map(|(line, state)| {
        let line = cut(line, width);
        match state.filter(|_| color).and_then(paint) {
            Some(paint) => format!("\x1b[{paint}m{line}\x1b[0m"),
            None => line,
        }
    });
    Some(lines.collect::<Vec<_>>().join("\n"))
}

fn rows(status: &Status) -> Vec<Row> {
    let mut rows = Vec::new();
    for service in &status.services {
        let id = service.id.as_str();
        if service.instances.is_empty() && service.jobs.is_empty() {
            let mut row = [const { String::new() }; COLUMNS.len()];
            for (cell, text) in row.iter_mut().zip([id, "-", "-", "no instances"]) {
                text.clone_into(cell);
            }
            rows.push((row, None));
        }
        rows.extend(service.instances.iter().map(|instance| row(id, instance)));
    }
    rows
}

fn table(columns: &[&str], rows: &[Row]) -> String {
    let mut table = human::table(columns);
    for (cells, _) in rows {
        let cells = COLUMNS.iter().zip(cells).filter(|(column, _)| columns.contains(column));
        table.add_row(cells.map(|(_, cell)| visible(cell).into_owned()));
    }
    for (place, _) in columns.iter().enumerate().filter(|(_, column)| NUMBERS.contains(column)) {
        if let Some(column) = table.column_mut(place) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

fn row(service: &str, instance: &InstanceStatus) -> Row {
    let dash = || "-".to_owned();
    let sub = if instance.retried { "starts again" } else { &instance.sub_state };
    let state = match (&instance.result, sub) {
        // Its command has run to its end.
        (None, "exited") => "done".to_owned(),
        (Some(result), sub) if sub == instance.active_state.to_string() => {
            format!("{sub} ({result})")
        }
        (Some(result), sub) => format!("{} ({sub}, {result})", instance.active_state),
        (None, "") => instance.active_state.to_string(),
        (None, sub) => format!("{} ({sub})", instance.active_state),
    };
    let active = instance.active_state;
    let health =
        instance.status.as_deref().map(|status| human::printable(status).replace('\n', " "));
    let health = match active {
        // systemd keeps the last words of the probe.
        ActiveState::Failed | ActiveState::Inactive => health.map(|last| format!("last: {last}")),
        _ => health,
    };
    let colored = match active {
        ActiveState::Active if !instance.healthy => ActiveState::Activating,
        active => active,
    };
    let cells = [
        service.to_owned(),
        ReleaseName::new(&instance.revision, &instance.digest).to_string(),
        instance.instance.to_string(),
        state,
        instance.since.map_or_else(dash, age),
        instance.restarts.map_or_else(dash, |count| count.to_string()),
        instance.memory_bytes.map_or_else(dash, human::bytes),
        instance.cpu_usec.map_or_else(dash, human::span),
        instance.port.map_or_else(dash, |port| port.to_string()),
        health.unwrap_or_else(dash),
    ];
    (cells, Some(colored))
}
