//! `conductor cron next`: shows when jobs run and, on a terminal, how many start in each hour.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use comfy_table::CellAlignment;
use conductor_core::name::ServiceId;
use conductor_host::{Upcoming, UpcomingJob};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit, ZonedDateTime, ZonedDateTimeRound};

use crate::context::Context;
use crate::failure::Failure;
use crate::human;
use crate::print;

const COLUMNS: [&str; 6] = ["NEXT", "IN", "SERVICE", "JOB", "RUNS", "CALENDAR"];
const RUNS: usize = 4;
/// How many hours the chart shows.
const DAY: u16 = 24;
/// The length of the longest bar, in characters.
const BAR: usize = 40;
const HOUR: Duration = Duration::from_hours(1);

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  conductor cron next --id web --hours 48")]
pub(crate) struct Next {
    /// Only the jobs of this service
    #[arg(long)]
    pub(crate) id: Option<ServiceId>,
    /// How far to look ahead
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u16).range(1..=8784))]
    pub(crate) hours: u16,
}

pub(crate) fn run(context: &Context, options: &Next) -> Result<ExitCode, Failure> {
    let (now, id) = (Timestamp::now(), options.id.as_ref());
    let zone = context.conductor.time_zone().map_err(Failure::Argument)?;
    let upcoming = |hours: u16| context.conductor.upcoming(id, &zone, now, HOUR * hours.into());
    let within = upcoming(options.hours)?;
    let limit = context.conductor.settings()?.max_parallel;
    if context.json() {
        Context::print_json(&within)?;
        return Ok(ExitCode::SUCCESS);
    }
    if within.jobs.is_empty() {
        print::line(format_args!("no jobs on this host"))?;
        return Ok(ExitCode::SUCCESS);
    }
    print::text(format_args!("{}", table(&within, options.hours, &zone)))?;
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    if let Some(note) = crowd(&within, &zone, processors, limit) {
        print::complaint(format_args!("{note}"));
    }
    if std::io::stdout().is_terminal() {
        print::text(format_args!("\n{}", chart(&upcoming(DAY)?, &zone)))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn table(upcoming: &Upcoming, hours: u16, zone: &TimeZone) -> String {
    let mut table = human::table(&COLUMNS);
    for job in &upcoming.jobs {
        table.add_row(row(job, upcoming.from, zone));
    }
    if let Some(column) = table.column_mut(RUNS) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let span = match hours {
        1 => "hour".to_owned(),
        hours => format!("{hours} hours"),
    };
    format!("{}\n\nruns are those of the next {span}\n", table.trim_fmt())
}

fn row(job: &UpcomingJob, from: i64, zone: &TimeZone) -> [String; COLUMNS.len()] {
    let dash = || "-".to_owned();
    let first = job.times.first().copied();
    let next = match first.map(|time| local(time, zone)) {
        _ if job.paused => "paused".to_owned(),
        _ if !job.enabled => "not enabled".to_owned(),
        _ if job.calendar.is_empty() && job.every.is_none() => "at boot".to_owned(),
        Some(time) => time.strftime("%a %Y-%m-%d %H:%M:%S").to_string(),
        None => "later".to_owned(),
    };
    let wait = first.and_then(|time| u64::try_from(time - from).ok());
    let more = if job.truncated { "+" } else { "" };
    let mut calendar = match &job.every {
        Some(interval) => format!("every {interval}"),
        None => job.calendar.join(", "),
    };
    if let Some(jitter) = &job.jitter {
        calendar = format!("{calendar} + up to {jitter}");
    }
    [
        next,
        wait.map_or_else(dash, human::span),
        job.id.to_string(),
        job.job.to_string(),
        format!("{}{more}", job.times.len()),
        calendar,
    ]
}

/// Returns a note about the minute in which most jobs start, if the host has fewer processors. A job with a random
/// delay is none of them. With a limit of the host's jobs that is small enough, there is nothing to say.
fn crowd(
    upcoming: &Upcoming,
    zone: &TimeZone,
    processors: usize,
    limit: Option<u16>,
) -> Option<String> {
    const MINUTE: i64 = 60_000_000;
    if limit.is_some_and(|limit| usize::from(limit) <= processors) {
        return None;
    }
    let mut minutes: BTreeMap<i64, BTreeSet<usize>> = BTreeMap::new();
    for (index, job) in upcoming.jobs.iter().enumerate().filter(|(_, job)| job.jitter.is_none()) {
        for time in &job.times {
            minutes.entry(time.div_euclid(MINUTE)).or_default().insert(index);
        }
    }
    // Of equally busy minutes, the first.
    let (minute, jobs) = minutes.iter().rev().max_by_key(|(_, jobs)| jobs.len())?;
    let has =
        if processors == 1 { "1 processor".to_owned() } else { format!("{processors} processors") };
    let when = local(minute * MINUTE, zone).strftime("%a %H:%M").to_string();
    (jobs.len() > processors).then(|| {
        format!(
            "note: {} jobs start in one minute ({when}), and the host has {has}\n  hint: add jitter: 5min \
             to those that may start later, or max_parallel: {processors} to host.yaml",
            jobs.len()
        )
    })
}

/// Draws a bar for each hour, as long as jobs start in it, and names the busiest minute.
fn chart(day: &Upcoming, zone: &TimeZone) -> String {
    let mut hours: BTreeMap<Timestamp, BTreeMap<Timestamp, usize>> = BTreeMap::new();
    let began = floor(&local(day.from, zone), Unit::Hour);
    let all = (0..DAY).filter_map(|hour| began.checked_add(HOUR * hour.into()).ok());
    hours.extend(all.map(|hour| (hour, BTreeMap::new())));
    for time in day.jobs.iter().flat_map(|job| &job.times).map(|time| local(*time, zone)) {
        if let Some(minutes) = hours.get_mut(&floor(&time, Unit::Hour)) {
            *minutes.entry(floor(&time, Unit::Minute)).or_default() += 1;
        }
    }
    let clock =
        |time: Timestamp| time.to_zoned_datetime(zone.clone()).strftime("%H:%M").to_string();
    let starts = |minutes: &BTreeMap<Timestamp, usize>| minutes.values().sum::<usize>();
    let most = hours.values().map(starts).max().unwrap_or(0).max(1);
    let mut text = "starts by the hour\n".to_owned();
    for (hour, minutes) in &hours {
        let count = starts(minutes);
        let bar = "█".repeat((count * BAR).div_ceil(most));
        let label = clock(*hour);
        // Of equally busy minutes, the first.
        let busiest = minutes.iter().rev().max_by_key(|(_, count)| **count);
        let pile =
            busiest.filter(|(_, count)| **count > 1).map_or_else(String::new, |(minute, count)| {
                format!(", {count} of them at {}", clock(*minute))
            });
        // Writing to a String cannot fail.
        let _ = match count {
            0 => writeln!(text, "  {label}"),
            count => writeln!(text, "  {label}  {bar} {count}{pile}"),
        };
    }
    text
}

fn local(time: i64, zone: &TimeZone) -> ZonedDateTime {
    Timestamp::from_microsecond(time).unwrap_or_default().to_zoned_datetime(zone.clone())
}

/// Returns the start of the hour or minute of a time.
fn floor(time: &ZonedDateTime, unit: Unit) -> Timestamp {
    let round = ZonedDateTimeRound::new().smallest(unit).mode(jiff::RoundMode::Trunc);
    // It fails only for the earliest possible time.
    time.round(round).map_or_else(|_| time.timestamp(), |time| time.timestamp())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn job(name: &str, times: &[i64], jitter: Option<&str>) -> UpcomingJob {
        let times: Vec<_> = times.iter().map(|seconds| seconds * 1_000_000).collect();
        let job = json!({
            "id": "web", "job": name, "timer": format!("conductor-web-{name}.timer"), "calendar": [], "every": null,
            "jitter": jitter, "enabled": true, "paused": false, "times": times, "truncated": false,
        });
        serde_json::from_value(job).unwrap()
    }

    #[test]
    fn a_minute_with_more_jobs_than_processors_is_noted() {
        let jobs = vec![
            job("a", &[60, 61, 119, 7200], None),
            job("b", &[60, 7230], None),
            job("c", &[7259], None),
            job("d", &[7201], Some("5min")),
        ];
        let nothing = json!({"from": 0, "to": 86_400_000_000_i64, "jobs": []});
        let mut upcoming: Upcoming = serde_json::from_value(nothing).unwrap();
        upcoming.jobs = jobs;
        let note = crowd(&upcoming, &TimeZone::UTC, 2, Some(3)).unwrap();
        let begin = "note: 3 jobs start in one minute (Thu 02:00), and the host has 2 processors";
        assert!(note.starts_with(begin), "{note}");
        assert!(note.contains("hint: add jitter: 5min"), "{note}");
        assert!(note.ends_with("max_parallel: 2 to host.yaml"), "{note}");
        assert_eq!(crowd(&upcoming, &TimeZone::UTC, 3, None), None);
        assert_eq!(crowd(&upcoming, &TimeZone::UTC, 2, Some(2)), None);
    }
}
