//! Notes of the last results of jobs whose units systemd has to forget, so that their timers count anew.
//!
//! As what systemd itself knows of a job's last run, a reboot removes them.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::atomic::temporary;
use super::open::{make_own_directory, read_note};
use super::scheduled::JobDetails;
use conductor_core::error::{PathContext as _, PathError};
use conductor_core::name::UnitName;

/// Writes a note of the last run of a job, if systemd knows one.
///
/// # Errors
/// The note cannot be written.
pub(super) fn keep(runtime: &Path, job: &UnitName, details: &JobDetails) -> Result<(), PathError> {
    if details.started_usec.is_none() || details.running {
        return Ok(());
    }
    let directory = directory(runtime);
    make_own_directory(&directory)?;
    let path = directory.join(job.as_str());
    let mut file = temporary(&directory)?;
    let text = serde_json::to_string(details).unwrap_or_default();
    file.write_all(text.as_bytes()).at("write", &path)?;
    file.persist(&path).map(drop).map_err(|error| error.error).at("write", &path)
}

/// Adds what a note says to what systemd knows of a job, if that has not run since.
pub(crate) fn recall(runtime: &Path, job: &UnitName, details: &mut JobDetails) {
    if details.started_usec.is_some() || details.running {
        return;
    }
    let note = read_note(&directory(runtime).join(job.as_str())).ok().flatten();
    let Some(kept) = note.and_then(|text| serde_json::from_str::<JobDetails>(&text).ok()) else {
        return;
    };
    details.started_usec = kept.started_usec;
    details.ended_usec = kept.ended_usec;
    details.result = kept.result;
    details.end = kept.end;
}

/// Removes the note of a job that is removed.
pub(super) fn remove(runtime: &Path, job: &UnitName) {
    // Another job of that name shows it, until it has run.
    let _ = fs::remove_file(directory(runtime).join(job.as_str()));
}

fn directory(runtime: &Path) -> PathBuf {
    runtime.join("job-results")
}

#[cfg(test)]
mod tests {
    use super::super::scheduled::CommandEnd;
    use super::*;
    use crate::words::UnitResult;

    #[test]
    fn the_last_result_is_known_until_the_job_has_run_again() {
        let runtime = tempfile::tempdir().unwrap();
        let job: UnitName = "conductor-a-b.service".parse().unwrap();
        let mut fresh = JobDetails { next_usec: Some(9), ..JobDetails::default() };
        recall(runtime.path(), &job, &mut fresh);
        assert_eq!(fresh.result, None);
        let ran = JobDetails {
            started_usec: Some(1),
            ended_usec: Some(2),
            next_usec: Some(3),
            result: Some(UnitResult::ExitCode),
            end: Some(CommandEnd::Exited(7)),
            ..JobDetails::default()
        };
        keep(runtime.path(), &job, &ran).unwrap();
        // Nothing is known when the units are forgotten again: the note stays.
        keep(runtime.path(), &job, &fresh).unwrap();
        recall(runtime.path(), &job, &mut fresh);
        assert_eq!(
            (fresh.started_usec, fresh.ended_usec, fresh.next_usec),
            (Some(1), Some(2), Some(9))
        );
        assert_eq!(
            (fresh.result.as_ref().map(UnitResult::as_str), fresh.end),
            (Some("exit-code"), Some(CommandEnd::Exited(7)))
        );
        let mut again = JobDetails { started_usec: Some(8), ..JobDetails::default() };
        recall(runtime.path(), &job, &mut again);
        assert_eq!((again.started_usec, again.result), (Some(8), None));
        remove(runtime.path(), &job);
        let mut other = JobDetails::default();
        recall(runtime.path(), &job, &mut other);
        assert_eq!(other.started_usec, None);
    }
}
