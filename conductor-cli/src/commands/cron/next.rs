//! `conductor cron next`: which jobs run when, and on a terminal where they pile up.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;

use comfy_table::CellAlignment;
use conductor_core::conductor::{Upcoming, UpcomingJob};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit, ZonedDateTime, ZonedDateTimeRound};

use crate::context::Context;
use crate::cron_args::Next;
use crate::failure::Failure;
use crate::human;
use crate::print;

const COLUMNS: [&str; 6] = ["NEXT", "IN", "SERVICE", "JOB", "RUNS", "CALENDAR"];
const RUNS: usize = 4;
/// The hours that a chart shows.
const DAY: usize = 24;
/// How long the bar of the busiest hour is, in characters.
const BAR: usize = 40;
const HOUR: Duration = Duration::from_hours(1);

pub(crate) fn run(context: &Context, options: &Next) -> Result<ExitCode, Failure> {
    let (now, id) = (Timestamp::now(), options.id.as_ref());
    let upcoming = context.conductor.upcoming(id, now, HOUR * options.hours.into())?;
    if context.json() {
        Context::print_json(&upcoming)?;
        return Ok(ExitCode::SUCCESS);
    }
    if upcoming.jobs.is_empty() {
        print::line(format_args!("no jobs on this host"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let zone = TimeZone::system();
    print::text(format_args!("{}", table(&upcoming, options.hours, &zone)))?;
    if std::io::stdout().is_terminal() {
        let day = context.conductor.upcoming(id, now, HOUR * 24)?;
        print::text(format_args!("\n{}", chart(&day, &zone)))?;
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
        _ if job.calendar.is_empty() => "at boot".to_owned(),
        Some(time) => time.strftime("%a %Y-%m-%d %H:%M:%S").to_string(),
        None => "later".to_owned(),
    };
    let wait = first.and_then(|time| u64::try_from(time - from).ok());
    let more = if job.truncated { "+" } else { "" };
    let mut calendar = job.calendar.join(", ");
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

/// Draws a line for each hour, with as many blocks as jobs start in it, and says when most start at once.
fn chart(day: &Upcoming, zone: &TimeZone) -> String {
    let minutes = day.jobs.iter().flat_map(|job| &job.times).map(|time| local(*time, zone));
    let mut hours: BTreeMap<Timestamp, BTreeMap<Timestamp, usize>> = BTreeMap::new();
    let began = local(day.from, zone);
    for hour in (0..DAY).filter_map(|hour| {
        floor(&began, Unit::Hour)?.checked_add(HOUR * u32::try_from(hour).ok()?).ok()
    }) {
        hours.insert(hour, BTreeMap::new());
    }
    for time in minutes {
        let (Some(hour), Some(minute)) = (floor(&time, Unit::Hour), floor(&time, Unit::Minute))
        else {
            continue;
        };
        if let Some(minutes) = hours.get_mut(&hour) {
            *minutes.entry(minute).or_default() += 1;
        }
    }
    let starts = |minutes: &BTreeMap<Timestamp, usize>| minutes.values().sum::<usize>();
    let most = hours.values().map(starts).max().unwrap_or(0).max(1);
    let mut text = "starts by the hour\n".to_owned();
    for (hour, minutes) in &hours {
        let count = starts(minutes);
        let bar = "█".repeat((count * BAR).div_ceil(most));
        let label = hour.to_zoned_datetime(zone.clone()).strftime("%H:%M").to_string();
        // The first of several that are as busy.
        let busiest = minutes.iter().rev().max_by_key(|(_, count)| **count);
        let pile =
            busiest.filter(|(_, count)| **count > 1).map_or_else(String::new, |(minute, count)| {
                format!(
                    ", {count} of them at {}",
                    minute.to_zoned_datetime(zone.clone()).strftime("%H:%M")
                )
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

/// Gives the beginning of the hour or minute that a time is in.
fn floor(time: &ZonedDateTime, unit: Unit) -> Option<Timestamp> {
    let round = ZonedDateTimeRound::new().smallest(unit).mode(jiff::RoundMode::Trunc);
    Some(time.round(round).ok()?.timestamp())
}
