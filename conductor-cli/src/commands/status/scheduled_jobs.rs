//! The table of scheduled jobs: the next run, and the result of the last one.

use std::fmt::Write as _;

use conductor_host::{JobStatus, Status};

use super::{age, now};
use crate::human;
use crate::human::printable;

const COLUMNS: [&str; 6] = ["SERVICE", "JOB", "REVISION", "NEXT", "LAST", "RESULT"];

/// Returns the table of jobs, and the last lines of failed ones; `None` if there are no jobs.
pub(super) fn show(status: &Status) -> Option<String> {
    let mut jobs = Vec::new();
    for service in &status.services {
        jobs.extend(service.jobs.iter().map(|job| (service.id.as_str(), job)));
    }
    if jobs.is_empty() {
        return None;
    }
    let mut table = human::table(&COLUMNS);
    for (id, job) in &jobs {
        table.add_row(row(id, job));
    }
    let mut text = table.trim_fmt();
    for (id, job) in jobs.iter().filter(|(_, job)| !job.journal.is_empty()) {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n\n{} of {id} failed; its last lines:", job.name);
        for line in &job.journal {
            let _ = write!(text, "\n  {}", printable(line));
        }
    }
    Some(text)
}

fn row(id: &str, job: &JobStatus) -> [String; COLUMNS.len()] {
    let dash = || "-".to_owned();
    let next = match (job.paused, job.next.filter(|_| !job.at_boot)) {
        (Some(_), _) => "paused".to_owned(),
        _ if !job.enabled => "not enabled".to_owned(),
        (None, Some(next)) => format!("in {}", human::span(next.saturating_sub(now()))),
        (None, None) if job.at_boot => "at boot".to_owned(),
        // systemd computes it when the run has ended.
        (None, None) if job.waits && (job.running || job.queued) => "after this run".to_owned(),
        (None, None) => dash(),
    };
    let result = match (&job.result, job.exit_status) {
        _ if job.running => "running".to_owned(),
        _ if job.queued => "waiting".to_owned(),
        (Some(result), Some(status)) if !result.is_success() => format!("{result} ({status})"),
        (Some(result), _) => result.to_string(),
        (None, _) => dash(),
    };
    [
        id.to_owned(),
        job.name.to_string(),
        job.revision.short().to_owned(),
        next,
        job.last.map_or_else(dash, age),
        result,
    ]
}
