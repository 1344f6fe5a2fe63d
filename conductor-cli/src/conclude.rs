//! The messages at the end of a failed change, and the exit status.

use std::process::ExitCode;

use conductor_host::{Failure, Report, ServiceReport};

use crate::args::Output;
use crate::exit_status::{DONE, FAILED, OLD_SERVES};
use crate::human::printable;
use crate::print;

/// How many of the remaining steps are listed.
const SHOWN: usize = 10;

/// Prints the failures in a report, and returns its exit status.
pub(crate) fn conclude(report: &Report, output: Output) -> ExitCode {
    if output == Output::Text {
        for line in report.services.iter().flat_map(explain) {
            print::complaint(format_args!("{line}"));
        }
        if report.services.iter().any(was_interrupted) {
            print::complaint(format_args!("interrupted; run the same command again to finish"));
        }
    }
    ExitCode::from(status(report))
}

/// Returns the worst status of all services: a service that is down is worse than one that was not replaced.
fn status(report: &Report) -> u8 {
    let of = |service: &ServiceReport| match &service.failure {
        Some(failure) if failure.old_serves => OLD_SERVES,
        None if service.left.is_empty() => DONE,
        _ => FAILED,
    };
    let all: Vec<_> = report.services.iter().map(of).collect();
    [FAILED, OLD_SERVES].into_iter().find(|status| all.contains(status)).unwrap_or(DONE)
}

fn was_interrupted(service: &ServiceReport) -> bool {
    let by_failure = service.failure.as_ref().is_some_and(|failure| failure.interrupted);
    by_failure || !service.left.is_empty()
}

/// Returns the lines that say what failed for a service, its state now, and the remaining steps.
fn explain(service: &ServiceReport) -> Vec<String> {
    let mut lines = Vec::new();
    match &service.failure {
        Some(failure) => explain_failure(service, failure, &mut lines),
        None if service.left.is_empty() => return lines,
        None => lines.push(format!("error: {}: interrupted", service.id)),
    }
    for step in service.left.iter().take(SHOWN) {
        lines.push(format!("  not done: {step}"));
    }
    if let Some(more @ 1..) = service.left.len().checked_sub(SHOWN) {
        lines.push(format!("  not done: {more} more"));
    }
    lines
}

fn explain_failure(service: &ServiceReport, failure: &Failure, lines: &mut Vec<String>) {
    let (id, step) = (&service.id, &failure.step);
    let reason = printable(&failure.reason());
    // Most steps name their unit; a hook's step does not.
    let unit = failure.unit.as_ref().filter(|unit| step.unit.as_ref() != Some(unit));
    let unit = unit.map_or_else(String::new, |unit| format!(" ({unit})"));
    lines.push(format!("error: {id}: {step}{unit}: {reason}"));
    if let Some(status) = &failure.status {
        lines.push(format!("  last health check: {}", printable(status)));
    }
    lines.extend(failure.hint.iter().map(|hint| format!("  hint: {}", printable(hint))));
    lines.extend(failure.journal.iter().map(|line| format!("  | {}", printable(line))));
    if failure.undone {
        lines.push("  the change was undone".to_owned());
    }
    if failure.old_serves {
        let what = if service.revision.is_some() { "the previous release" } else { "it" };
        lines.push(format!("  {what} still serves"));
    }
    if failure.retried {
        lines
            .push(format!("  systemd keeps trying to start it; conductor logs --id {id} has more"));
    }
}

#[cfg(test)]
mod tests {
    use conductor_core::name::UnitName;
    use conductor_core::plan::Step;
    use conductor_host::system::JobError;
    use conductor_host::{Cause, JobResult, StepObject};

    use super::*;

    fn failure() -> Failure {
        let unit: UnitName = "conductor-web-v2.7f3ac2-1.service".parse().unwrap();
        Failure {
            step: StepObject::from(&Step::Start(unit.clone())),
            unit: Some(unit),
            cause: Cause::Job(JobError::Result(JobResult::Failed)),
            end: Some("exited with status 1".to_owned()),
            status: Some("never healthy in 60s: 500 Internal Server Error".to_owned()),
            journal: vec!["boom \x1b[31m".to_owned()],
            hint: Some("create /srv/data".to_owned()),
            old_serves: true,
            undone: true,
            retried: false,
            interrupted: false,
        }
    }

    fn report(failures: Vec<Option<Failure>>) -> Report {
        let service = |failure| ServiceReport {
            id: "web".parse().unwrap(),
            revision: Some("v2".parse().unwrap()),
            changed: false,
            steps: Vec::new(),
            left: Vec::new(),
            failure,
        };
        let services = failures.into_iter().map(service).collect();
        let nothing = r#"{"changed": false, "healthy": false, "services": [], "orphans": []}"#;
        let mut report: Report = serde_json::from_str(nothing).unwrap();
        report.services = services;
        report
    }

    #[test]
    fn a_failure_says_what_an_operator_asks_next() {
        insta::assert_snapshot!(explain(&report(vec![Some(failure())]).services[0]).join("\n"), @r#"
        error: web: start conductor-web-v2.7f3ac2-1.service: the job failed: it exited with status 1
          last health check: never healthy in 60s: 500 Internal Server Error
          hint: create /srv/data
          | boom [31m
          the change was undone
          the previous release still serves
        "#);
    }

    #[test]
    fn a_service_that_is_not_removed_still_serves() {
        let mut service = report(vec![Some(failure())]).services.remove(0);
        service.revision = None;
        assert_eq!(explain(&service).last().unwrap(), "  it still serves");
    }

    #[test]
    fn an_interruption_says_what_is_left() {
        let interrupted = Failure {
            step: StepObject::from(&Step::Confirm {
                units: Vec::new(),
                time: "2s".parse().unwrap(),
            }),
            cause: Cause::Interrupted,
            status: None,
            journal: Vec::new(),
            hint: None,
            undone: false,
            retried: false,
            interrupted: true,
            ..failure()
        };
        let mut service = report(vec![Some(interrupted)]).services.remove(0);
        let stop = |number| {
            let unit = format!("conductor-web-v1.7f3ac2-{number}.service").parse().unwrap();
            StepObject::from(&Step::Stop(unit))
        };
        service.left = (1..=12).map(stop).collect();
        let lines = explain(&service);
        assert_eq!(
            lines[0],
            "error: web: confirm that each of 0 new instances stays healthy for 2s \
             (conductor-web-v2.7f3ac2-1.service): interrupted"
        );
        assert_eq!(lines[1], "  the previous release still serves");
        assert_eq!(lines[2], "  not done: stop conductor-web-v1.7f3ac2-1.service");
        assert_eq!(lines.last().unwrap(), "  not done: 2 more");
        assert!(was_interrupted(&service));
    }

    #[test]
    fn the_worst_outcome_is_the_exit_status() {
        let down = Failure { old_serves: false, ..failure() };
        assert_eq!(status(&report(vec![None, None])), 0);
        assert_eq!(status(&report(vec![None, Some(failure())])), 3);
        assert_eq!(status(&report(vec![Some(failure()), Some(down), Some(failure())])), 1);
    }
}
