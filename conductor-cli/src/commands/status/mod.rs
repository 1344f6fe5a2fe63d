//! `conductor status`: shows tables of instances, jobs, named volumes and kept releases.

mod instances;
mod releases;
mod scheduled_jobs;
mod volumes;
mod watch;

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use clap::Args;
use conductor_core::name::ServiceId;
use conductor_host::{ServiceStatus, Status};

use self::watch::Watch;
use crate::context::Context;
use crate::exit_status::FAILED;
use crate::failure::Failure;
use crate::human;
use crate::terminal::Size;
use crate::{print, terminal};

const INTERVAL: Duration = Duration::from_secs(2);
/// The first interval: what an instance uses is known from the second look on.
const FIRST: Duration = Duration::from_millis(500);
/// How often the size of the terminal is looked at meanwhile.
const GLANCE: Duration = Duration::from_millis(50);

#[derive(Debug, Args)]
#[command(
    after_help = "With --check the exit status is 1 if an instance is not up and healthy, or if the last run\n\
                  of a job failed.\n\n\
                  Example:\n  conductor status web --watch\n  conductor status --check --output json"
)]
pub(crate) struct StatusOptions {
    /// Only this service or application
    #[arg(value_name = "ID", conflicts_with = "id")]
    pub(crate) service: Option<ServiceId>,
    /// Only this service or application
    #[arg(long)]
    pub(crate) id: Option<ServiceId>,
    /// Show it again every two seconds, until Ctrl-C. A terminal shows what each instance uses, the most first
    #[arg(long)]
    pub(crate) watch: bool,
    /// Exit with 1 if something is not as it should be, for monitoring
    #[arg(long, conflicts_with = "watch")]
    pub(crate) check: bool,
}

pub(crate) fn run(context: &Context, options: &StatusOptions) -> Result<ExitCode, Failure> {
    let only = options.service.as_ref().or(options.id.as_ref());
    let mut watch = Watch::default();
    let mut interval = FIRST;
    loop {
        let status = context.conductor.status(only)?;
        let is_screen = options.watch && !context.json() && terminal::moves_its_cursor();
        let screen = is_screen.then(terminal::size);
        match screen {
            Some(size) => print_frame(&mut watch, &status, size)?,
            None if context.json() => Context::print_json(&status)?,
            None => print_tables(&status, only.is_some(), &context.conductor.paths().definitions)?,
        }
        if options.check && !status.is_healthy() {
            return Ok(ExitCode::from(FAILED));
        }
        if !options.watch {
            return Ok(ExitCode::SUCCESS);
        }
        wait(interval, screen);
        interval = INTERVAL;
    }
}

/// Waits for an interval; on a terminal at most until that has another size.
fn wait(interval: Duration, screen: Option<Size>) {
    let Some(size) = screen else { return sleep(interval) };
    let began = Instant::now();
    while began.elapsed() < interval && terminal::size() == size {
        sleep(GLANCE);
    }
}

/// Prints what instances use, and the jobs, over what is on the screen.
fn print_frame(watch: &mut Watch, status: &Status, size: Size) -> Result<(), Failure> {
    let instances = watch.show(status, Instant::now(), (size.columns, terminal::has_colors()));
    let jobs = scheduled_jobs::show(status).map(|text| {
        let text = print::visible(&text).into_owned();
        let lines = text.lines().map(|line| terminal::cut(line, size.columns));
        lines.collect::<Vec<_>>().join("\n")
    });
    let parts: Vec<_> = [Some(instances), jobs].into_iter().flatten().collect();
    print::orders(&frame(&parts.join("\n\n"), size.lines))
}

/// Prints the tables. On a terminal they are as wide as it is, and have colours.
fn print_tables(status: &Status, with_releases: bool, definitions: &Path) -> Result<(), Failure> {
    let size = terminal::moves_its_cursor().then(terminal::size);
    let columns = size.map(|size| size.columns);
    let color = size.is_some() && terminal::has_colors();
    let parts = [
        instances::show(status, columns, color),
        outdated(status),
        scheduled_jobs::show(status).map(|text| print::visible(&text).into_owned()),
        volumes::show(status),
        with_releases.then(|| releases::show(status)).flatten(),
    ];
    let mut parts: Vec<_> = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        let is_empty = definitions.read_dir().map_or(true, |mut files| files.next().is_none());
        parts.push(match is_empty {
            true => "no services on this host; conductor init writes a first definition".to_owned(),
            false => format!(
                "no services on this host; conductor apply runs those of {}",
                definitions.display()
            ),
        });
    }
    let left: Vec<_> = status.left_files.iter().map(|file| format!("note: {file}")).collect();
    if !left.is_empty() {
        parts.push(left.join("\n"));
    }
    let text = parts.join("\n\n");
    print::orders(&format!("{text}\n"))
}

/// Returns a note about instances that another build rendered; `None` if there are none.
fn outdated(status: &Status) -> Option<String> {
    let outdated = |service: &&ServiceStatus| {
        service.instances.iter().any(|instance| instance.outdated == Some(true))
    };
    let ids = status.services.iter().filter(outdated).map(|service| service.id.as_str());
    let ids: Vec<_> = ids.collect();
    (!ids.is_empty()).then(|| {
        let ids = ids.join(", ");
        format!(
            "note: another build of conductor rendered {ids}; apply --renew replaces the instances"
        )
    })
}

/// Returns the text that overwrites the screen without clearing it first, so that it does not flicker.
fn frame(text: &str, lines: usize) -> String {
    // The cursor is in the last line.
    let room = lines.saturating_sub(1).max(1);
    let count = text.lines().count();
    let shown = if count > room { room - 1 } else { count };
    // ECMA-48's CUP, EL and ED. A line is erased before it is written: after a line as wide as the screen the cursor is
    // still on its last character, and would erase that.
    let mut frame = "\x1b[H".to_owned();
    for line in text.lines().take(shown) {
        frame.extend(["\x1b[K", line, "\n"]);
    }
    if shown < count {
        // Writing to a String cannot fail.
        let _ = writeln!(frame, "\x1b[Kand {} more lines", count - shown);
    }
    frame.push_str("\x1b[J");
    frame
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_fits_the_screen() {
        assert_eq!(frame("a\nb", 3), "\x1b[H\x1b[Ka\n\x1b[Kb\n\x1b[J");
        assert_eq!(frame("a\nb\nc", 3), "\x1b[H\x1b[Ka\n\x1b[Kand 2 more lines\n\x1b[J");
        assert_eq!(frame("a\nb", 0), "\x1b[H\x1b[Kand 2 more lines\n\x1b[J");
    }
}
