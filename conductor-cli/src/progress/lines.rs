//! Events as lines of text.

use std::time::Duration;

use conductor_host::Event;

use crate::human::{printable, took};

/// A step that takes less time gets no line when it is done.
const QUICK: Duration = Duration::from_millis(100);

/// Returns the line of an event, if it has one. Steps that change files have none, because they are many and
/// quick; a dry run lists them.
pub(super) fn line(event: &Event<'_>) -> Option<String> {
    let line = match event {
        Event::Waiting { holder } => waiting(holder),
        Event::Step { step, .. } | Event::Done { step, .. } if step.is_file() => return None,
        Event::Step { service, step } => format!("{service}: {step}"),
        Event::Done { took: time, .. } if *time < QUICK => return None,
        Event::Done { service, step, took: time } => {
            format!("{service}: {step}: done in {}", took(*time))
        }
        Event::Output { service, line, .. } => format!("{service}: | {}", printable(line)),
        Event::Failed { service, failure } if failure.interrupted => {
            format!("{service}: {}: interrupted", failure.step)
        }
        Event::Failed { service, failure } => format!("{service}: {}: failed", failure.step),
        Event::Note { service, text } => format!("{service}: note: {}", printable(text)),
        Event::Reload => "systemd reloads its unit files".to_owned(),
        _ => return None,
    };
    Some(line)
}

/// Returns the line for a wait for the lock.
pub(super) fn waiting(holder: &str) -> String {
    format!("waiting for the lock, which {holder} holds")
}

#[cfg(test)]
pub(super) mod tests {
    use conductor_core::plan::{ActiveState, Step};
    use conductor_host::system::JobError;
    use conductor_host::{Cause, Failure, Progress, StepObject};

    use super::*;

    /// Calls `tell` with each kind of event.
    pub(crate) fn each_event(tell: &mut dyn FnMut(&Event<'_>)) {
        let service = &"web".parse().unwrap();
        let unit: conductor_core::name::UnitName =
            "conductor-web-v2.7f3ac2-1.service".parse().unwrap();
        let (start, remove) = (&Step::Start(unit.clone()), &Step::Remove(unit.clone()));
        let failure = Failure {
            step: StepObject::from(start),
            unit: Some(unit.clone()),
            cause: Cause::Job(JobError::Result("failed".to_owned())),
            end: Some("exited with status 1".to_owned()),
            status: Some("unhealthy 1/2: 500".to_owned()),
            journal: vec!["boom".to_owned()],
            hint: None,
            old_serves: true,
            undone: true,
            retried: false,
            interrupted: false,
        };
        let interrupted =
            Failure { interrupted: true, cause: Cause::Interrupted, ..failure.clone() };
        let progress = Progress {
            service: "web".parse().unwrap(),
            unit,
            state: ActiveState::Activating,
            status: None,
        };
        let (short, long) = (Duration::from_millis(99), Duration::from_millis(1480));
        for event in [
            Event::Waiting { holder: "process 7" },
            Event::Step { service, step: remove },
            Event::Done { service, step: remove, took: long },
            Event::Step { service, step: start },
            Event::Instances(&[progress]),
            Event::Output { service, step: start, line: "\"migrated\"\x1b[0m" },
            Event::Done { service, step: start, took: short },
            Event::Done { service, step: start, took: long },
            Event::Note { service, text: "the image was not removed" },
            Event::Failed { service, failure: &failure },
            Event::Failed { service, failure: &interrupted },
            Event::Reload,
        ] {
            tell(&event);
        }
    }

    #[test]
    fn events_are_lines() {
        let mut all = Vec::new();
        each_event(&mut |event| all.extend(line(event)));
        insta::assert_snapshot!(all.join("\n"), @r#"
        waiting for the lock, which process 7 holds
        web: start conductor-web-v2.7f3ac2-1.service
        web: | "migrated"[0m
        web: start conductor-web-v2.7f3ac2-1.service: done in 1.4s
        web: note: the image was not removed
        web: start conductor-web-v2.7f3ac2-1.service: failed
        web: start conductor-web-v2.7f3ac2-1.service: interrupted
        systemd reloads its unit files
        "#);
    }
}
