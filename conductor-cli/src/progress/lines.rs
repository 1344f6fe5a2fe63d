//! Events as lines of text.

use std::time::Duration;

use conductor_host::Event;

use crate::human::{printable, took};

/// A step that takes less time gets no line when it is done.
const QUICK: Duration = Duration::from_millis(100);

/// Returns the line of an event, if it has one. Steps that change files have none, because they are many and
/// quick; a dry run lists them.
pub(super) fn line(event: &Event) -> Option<String> {
    let line = match event {
        Event::Waiting { holder } => waiting(holder),
        Event::Step { step, .. } | Event::Done { step, .. } if step.action.is_file() => {
            return None;
        }
        Event::Step { service, step } => format!("{service}: {step}"),
        Event::Done { service, step, usec } => match Duration::from_micros(*usec) {
            time if time < QUICK => return None,
            time => format!("{service}: {step}: done in {}", took(time)),
        },
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
    use conductor_core::name::ServiceId;
    use conductor_core::plan::{ActiveState, Step};
    use conductor_host::system::JobError;
    use conductor_host::{Cause, Failure, JobResult, Progress, StepObject};

    use super::*;

    /// Calls `tell` with each kind of event.
    pub(crate) fn each_event(tell: &mut dyn FnMut(&Event)) {
        let id: ServiceId = "web".parse().unwrap();
        let service = || id.clone();
        let unit: conductor_core::name::UnitName =
            "conductor-web-v2.7f3ac2-1.service".parse().unwrap();
        let step = |step: Step| StepObject::from(&step);
        let start = || step(Step::Start(unit.clone()));
        let remove = || step(Step::Remove(unit.clone()));
        let failure = Failure {
            step: start(),
            unit: Some(unit.clone()),
            cause: Cause::Job(JobError::Result(JobResult::Failed)),
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
            service: service(),
            unit: unit.clone(),
            state: ActiveState::Activating,
            status: None,
        };
        let (short, long) = (99_000, 1_480_000);
        let (image, line) =
            ("the image was not removed".to_owned(), "\"migrated\"\x1b[0m".to_owned());
        for event in [
            Event::Waiting { holder: "process 7".to_owned() },
            Event::Step { service: service(), step: remove() },
            Event::Done { service: service(), step: remove(), usec: long },
            Event::Step { service: service(), step: start() },
            Event::Instances { instances: vec![progress] },
            Event::Output { service: service(), step: start(), line },
            Event::Done { service: service(), step: start(), usec: short },
            Event::Done { service: service(), step: start(), usec: long },
            Event::Note { service: service(), text: image },
            Event::Failed { service: service(), failure },
            Event::Failed { service: service(), failure: interrupted },
            Event::Reload,
        ] {
            tell(&event);
        }
    }

    #[test]
    fn events_are_objects_that_are_read_as_they_were_written() {
        let mut all = Vec::new();
        each_event(&mut |event| {
            let line = serde_json::to_string(event).unwrap();
            let read: Event = serde_json::from_str(&line).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), line);
            all.push(line);
        });
        insta::assert_snapshot!(all.join("\n"), @r#"
        {"event":"waiting","holder":"process 7"}
        {"event":"step","service":"web","step":{"action":"remove","unit":"conductor-web-v2.7f3ac2-1.service","text":"remove conductor-web-v2.7f3ac2-1.service"}}
        {"event":"done","service":"web","step":{"action":"remove","unit":"conductor-web-v2.7f3ac2-1.service","text":"remove conductor-web-v2.7f3ac2-1.service"},"usec":1480000}
        {"event":"step","service":"web","step":{"action":"start","unit":"conductor-web-v2.7f3ac2-1.service","text":"start conductor-web-v2.7f3ac2-1.service"}}
        {"event":"instances","instances":[{"service":"web","unit":"conductor-web-v2.7f3ac2-1.service","state":"activating","status":null}]}
        {"event":"output","service":"web","step":{"action":"start","unit":"conductor-web-v2.7f3ac2-1.service","text":"start conductor-web-v2.7f3ac2-1.service"},"line":"\"migrated\"\u001b[0m"}
        {"event":"done","service":"web","step":{"action":"start","unit":"conductor-web-v2.7f3ac2-1.service","text":"start conductor-web-v2.7f3ac2-1.service"},"usec":99000}
        {"event":"done","service":"web","step":{"action":"start","unit":"conductor-web-v2.7f3ac2-1.service","text":"start conductor-web-v2.7f3ac2-1.service"},"usec":1480000}
        {"event":"note","service":"web","text":"the image was not removed"}
        {"event":"failed","service":"web","step":{"action":"start","unit":"conductor-web-v2.7f3ac2-1.service","text":"start conductor-web-v2.7f3ac2-1.service"},"unit":"conductor-web-v2.7f3ac2-1.service","kind":"job_failed","reason":"the job failed: it exited with status 1","status":"unhealthy 1/2: 500","journal":["boom"],"hint":null,"old_serves":true,"undone":true,"retried":false,"interrupted":false}
        {"event":"failed","service":"web","step":{"action":"start","unit":"conductor-web-v2.7f3ac2-1.service","text":"start conductor-web-v2.7f3ac2-1.service"},"unit":"conductor-web-v2.7f3ac2-1.service","kind":"interrupted","reason":"interrupted","status":"unhealthy 1/2: 500","journal":["boom"],"hint":null,"old_serves":true,"undone":true,"retried":false,"interrupted":true}
        {"event":"reload"}
        "#);
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
