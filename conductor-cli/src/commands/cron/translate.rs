//! `conductor cron translate`: shows a crontab expression as `OnCalendar=`, and when it is due.

use std::process::ExitCode;

use clap::Args;
use conductor_core::cron::{Expression, Timetable};
use conductor_core::value::TimeZone;
use conductor_host::system::time_zone;
use jiff::{Timestamp, ZonedDateTime};
use schemars::JsonSchema;
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::print;

/// How many of the next times are shown.
const TIMES: usize = 5;

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  conductor cron translate '0 4 * * 1-5'\n  \
                  conductor cron translate '*/30 * * * *' --timezone Europe/London")]
pub(crate) struct Translate {
    /// The expression, quoted or as five arguments; or a word such as @daily
    #[arg(value_name = "EXPR", required = true)]
    pub(crate) expression: Vec<String>,
    /// The time zone of the expression [default: the host's]
    #[arg(long, value_name = "ZONE")]
    pub(crate) timezone: Option<TimeZone>,
}

/// A crontab expression in systemd's syntax.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Translation {
    /// The values of `OnCalendar=`; empty for a job that runs at boot.
    on_calendar: Vec<String>,
    /// What it means, in words.
    words: String,
    /// When it is due next, in microseconds since 1970.
    next: Vec<i64>,
    /// Where a timer differs from cron.
    notes: Vec<String>,
}

pub(crate) fn run(context: &Context, options: &Translate) -> Result<ExitCode, Failure> {
    let text = options.expression.join(" ");
    let expression: Expression = text.parse().map_err(Failure::Argument)?;
    let name = options.timezone.as_ref().map(TimeZone::as_str);
    let zone = match name {
        Some(name) => time_zone(name),
        None => context.conductor.time_zone(),
    };
    let zone = zone.map_err(Failure::Argument)?;
    let now = Timestamp::now();
    let events = expression.calendar_events(name);
    let lines: Vec<_> = events.iter().map(ToString::to_string).collect();
    let timetable = Timetable::new(events, |_| Ok::<_, Failure>(zone.clone()))?;
    let next: Vec<_> = timetable.times_after(now).take(TIMES).collect();
    let mut notes = expression.clock_changes(&zone, now);
    if expression.is_at_boot() {
        notes
            .push("there is no OnCalendar= line for this: it runs once after each boot".to_owned());
    }
    if context.json() {
        let next = next.iter().map(|time| time.as_microsecond()).collect();
        let words = expression.in_words();
        Context::print_json(&Translation { on_calendar: lines, words, next, notes })?;
        return Ok(ExitCode::SUCCESS);
    }
    for line in lines {
        print::line(format_args!("OnCalendar={line}"))?;
    }
    print::line(format_args!("{}", expression.in_words()))?;
    for time in next {
        let time = ZonedDateTime::new(time, zone.clone());
        print::line(format_args!("  {}", time.strftime("%a %Y-%m-%d %H:%M:%S %Z")))?;
    }
    for note in notes {
        print::complaint(format_args!("note: {note}"));
    }
    Ok(ExitCode::SUCCESS)
}
