//! `conductor cron history`: shows when jobs ran, how long, and how they ended.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use conductor_core::name::{JobName, ServiceId};
use conductor_host::{History, PastRun};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::context::Context;
use crate::failure::Failure;
use crate::human;
use crate::print;

const COLUMNS: [&str; 6] = ["STARTED", "SERVICE", "JOB", "REVISION", "TOOK", "RESULT"];

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  conductor cron history --id shop --job orders -n 100")]
pub(crate) struct PastRuns {
    /// Only the jobs of this service
    #[arg(long)]
    pub(crate) id: Option<ServiceId>,
    /// Only this job, also if it is no longer on this host
    #[arg(long, value_name = "NAME", requires = "id")]
    pub(crate) job: Option<JobName>,
    /// The last N runs
    #[arg(long, short = 'n', value_name = "N", default_value_t = 20)]
    pub(crate) lines: u32,
}

pub(crate) fn run(context: &Context, options: &PastRuns) -> Result<ExitCode, Failure> {
    let only = options.id.as_ref().map(|id| (id, options.job.as_ref()));
    let most = usize::try_from(options.lines).unwrap_or(usize::MAX);
    let history = context.conductor.history(only, most)?;
    if context.json() {
        Context::print_json(&history)?;
    } else if history.runs.is_empty() {
        print::line(format_args!("the journal has no runs of jobs"))?;
    } else {
        let zone = context.conductor.time_zone().map_err(Failure::Argument)?;
        print::line(format_args!("{}", table(&history, &zone)))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn table(history: &History, zone: &TimeZone) -> String {
    let mut table = human::table(&COLUMNS);
    for run in &history.runs {
        table.add_row(row(run, zone));
    }
    table.trim_fmt()
}

fn row(run: &PastRun, zone: &TimeZone) -> [String; COLUMNS.len()] {
    let dash = || "-".to_owned();
    let started =
        i64::try_from(run.started).ok().and_then(|time| Timestamp::from_microsecond(time).ok());
    let started = started.map(|time| {
        time.to_zoned_datetime(zone.clone()).strftime("%a %Y-%m-%d %H:%M:%S").to_string()
    });
    let result = match (&run.result, run.exit_status) {
        _ if run.running => "running".to_owned(),
        (Some(result), Some(status)) if status != 0 => format!("{result} ({status})"),
        (Some(result), _) => result.to_string(),
        // The host went down, or the journal has lost it.
        (None, _) => "unknown".to_owned(),
    };
    [
        started.unwrap_or_else(dash),
        run.id.to_string(),
        run.job.to_string(),
        run.revision.as_ref().map_or_else(dash, ToString::to_string),
        run.took_usec.map_or_else(dash, |took| human::took(Duration::from_micros(took))),
        result,
    ]
}
