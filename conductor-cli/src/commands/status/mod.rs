//! `conductor status`: shows a table of instances and jobs.

mod scheduled_jobs;

use std::process::ExitCode;
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use clap::Args;
use comfy_table::CellAlignment;
use conductor_core::name::{ReleaseName, ServiceId};
use conductor_host::{InstanceStatus, Status};

use crate::context::Context;
use crate::failure::Failure;
use crate::human;
use crate::{print, terminal};

const COLUMNS: [&str; 10] = [
    "SERVICE", "REVISION", "INSTANCE", "STATE", "SINCE", "RESTARTS", "MEMORY", "CPU", "PORT",
    "HEALTH",
];
/// The columns of numbers, which are right-aligned.
const NUMBERS: [usize; 5] = [2, 5, 6, 7, 8];
const INTERVAL: Duration = Duration::from_secs(2);

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  conductor status --id web --watch")]
pub(crate) struct StatusOptions {
    /// Only this service
    #[arg(long)]
    pub(crate) id: Option<ServiceId>,
    /// Show it again every two seconds, until Ctrl-C
    #[arg(long)]
    pub(crate) watch: bool,
}

pub(crate) fn run(context: &Context, options: &StatusOptions) -> Result<ExitCode, Failure> {
    loop {
        let status = context.conductor.status(options.id.as_ref())?;
        if context.json() {
            Context::print_json(&status)?;
        } else {
            if options.watch && terminal::moves_its_cursor() {
                // Moves the cursor home and clears the screen: ECMA-48's CUP and ED.
                print::orders("\x1b[H\x1b[2J")?;
            }
            let parts = [instances(&status), scheduled_jobs::show(&status)];
            let parts: Vec<_> = parts.into_iter().flatten().collect();
            match parts.is_empty() {
                true => print::line(format_args!("no services on this host"))?,
                false => print::line(format_args!("{}", parts.join("\n\n")))?,
            }
        }
        if !options.watch {
            return Ok(ExitCode::SUCCESS);
        }
        sleep(INTERVAL);
    }
}

/// Returns the table of instances; `None` if there are only jobs.
fn instances(status: &Status) -> Option<String> {
    let mut table = human::table(&COLUMNS);
    for service in &status.services {
        if service.instances.is_empty() && service.jobs.is_empty() {
            table.add_row([service.id.as_str(), "-", "-", "no instances"]);
        }
        for instance in &service.instances {
            table.add_row(row(service.id.as_str(), instance));
        }
    }
    table.row(0)?;
    for column in NUMBERS {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    Some(table.trim_fmt())
}

fn row(service: &str, instance: &InstanceStatus) -> [String; COLUMNS.len()] {
    let dash = || "-".to_owned();
    let state = match (&instance.result, instance.sub_state.as_str()) {
        (Some(result), sub) => format!("{} ({sub}, {result})", instance.active_state),
        (None, "") => instance.active_state.clone(),
        (None, sub) => format!("{} ({sub})", instance.active_state),
    };
    [
        service.to_owned(),
        ReleaseName::new(&instance.revision, &instance.digest).to_string(),
        instance.instance.to_string(),
        state,
        instance.since.map_or_else(dash, age),
        instance.restarts.map_or_else(dash, |count| count.to_string()),
        instance.memory_bytes.map_or_else(dash, human::bytes),
        instance.cpu_usec.map_or_else(dash, human::span),
        instance.port.map_or_else(dash, |port| port.to_string()),
        instance.status.as_deref().map_or_else(dash, human::printable),
    ]
}

/// Formats the age of a time in microseconds since 1970.
fn age(since: u64) -> String {
    let now = now();
    match now.saturating_sub(since) {
        ..1_000_000 => "just now".to_owned(),
        age => format!("{} ago", human::span(age)),
    }
}

/// Returns the current time in microseconds since 1970.
fn now() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}
