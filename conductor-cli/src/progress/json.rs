//! Events as JSON objects, which the key `event` distinguishes from the result.

use conductor_core::name::ServiceId;
use conductor_host::{Failure, StepObject};
use schemars::JsonSchema;
use serde::Serialize;

/// An event during a change; events come before the result.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum EventObject<'e> {
    /// Another process holds the lock; this one waits for it.
    Waiting {
        /// A description of that process.
        holder: &'e str,
    },
    /// A step is about to be carried out.
    Step {
        /// The service.
        service: &'e ServiceId,
        /// The step.
        step: StepObject,
    },
    /// A step was carried out.
    Done {
        /// The service.
        service: &'e ServiceId,
        /// The step.
        step: StepObject,
        /// How long it took, in microseconds.
        usec: u64,
    },
    /// A command that a step runs wrote a line.
    Output {
        /// The service.
        service: &'e ServiceId,
        /// The step.
        step: StepObject,
        /// The line, without its line end.
        line: &'e str,
    },
    /// A step failed.
    Failed {
        /// The service.
        service: &'e ServiceId,
        #[serde(flatten)]
        failure: &'e Failure,
    },
    /// Something that an operator should know, and that does not stop the change.
    Note {
        /// The service.
        service: &'e ServiceId,
        /// One sentence.
        text: &'e str,
    },
    /// systemd reloads its unit files.
    Reload,
}

/// Returns the JSON of an event, without a line end; `None` for the states of instances, which are only shown
/// to people.
pub(super) fn line(event: &conductor_host::Event<'_>) -> Option<String> {
    let line = match *event {
        conductor_host::Event::Waiting { holder } => EventObject::Waiting { holder },
        conductor_host::Event::Step { service, step } => {
            EventObject::Step { service, step: step.into() }
        }
        conductor_host::Event::Done { service, step, took } => EventObject::Done {
            service,
            step: step.into(),
            usec: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        },
        conductor_host::Event::Output { service, step, line } => {
            EventObject::Output { service, step: step.into(), line }
        }
        conductor_host::Event::Failed { service, failure } => {
            EventObject::Failed { service, failure }
        }
        conductor_host::Event::Note { service, text } => EventObject::Note { service, text },
        conductor_host::Event::Reload => EventObject::Reload,
        _ => return None,
    };
    serde_json::to_string(&line).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::lines::tests::each_event;

    #[test]
    fn each_event_is_an_object() {
        let mut all = Vec::new();
        each_event(&mut |event| all.extend(line(event)));
        insta::assert_snapshot!(all.join("\n"), @r#"
        {"event":"waiting","holder":"process 7"}
        {"event":"step","service":"web","step":{"action":"remove","unit":"conductor-web-v2.7f3ac2-1.service","text":"remove conductor-web-v2.7f3ac2-1.service"}}
        {"event":"done","service":"web","step":{"action":"remove","unit":"conductor-web-v2.7f3ac2-1.service","text":"remove conductor-web-v2.7f3ac2-1.service"},"usec":1480000}
        {"event":"step","service":"web","step":{"action":"start","unit":"conductor-web-v2.7f3ac2-1.service","text":"start conductor-web-v2.7f3ac2-1.service"}}
        {"event":"output","service":"web","step":{"action":"start","unit":"conductor-web-v2.7f3ac2-1.service","text":"start conductor-web-v2.7f3ac2-1.service"},"line":"\"migrated\"\u001b[0m"}
        {"event":"done","service":"web","step":{"action":"start","unit":"conductor-web-v2.7f3ac2-1.service","text":"start conductor-web-v2.7f3ac2-1.service"},"usec":99000}
        {"event":"done","service":"web","step":{"action":"start","unit":"conductor-web-v2.7f3ac2-1.service","text":"start conductor-web-v2.7f3ac2-1.service"},"usec":1480000}
        {"event":"note","service":"web","text":"the image was not removed"}
        {"event":"failed","service":"web","step":{"action":"start","unit":"conductor-web-v2.7f3ac2-1.service","text":"start conductor-web-v2.7f3ac2-1.service"},"unit":"conductor-web-v2.7f3ac2-1.service","kind":"job_failed","reason":"the job failed: it exited with status 1","status":"unhealthy 1/2: 500","journal":["boom"],"hint":null,"old_serves":true,"undone":true,"retried":false,"interrupted":false}
        {"event":"failed","service":"web","step":{"action":"start","unit":"conductor-web-v2.7f3ac2-1.service","text":"start conductor-web-v2.7f3ac2-1.service"},"unit":"conductor-web-v2.7f3ac2-1.service","kind":"interrupted","reason":"interrupted","status":"unhealthy 1/2: 500","journal":["boom"],"hint":null,"old_serves":true,"undone":true,"retried":false,"interrupted":true}
        {"event":"reload"}
        "#);
    }
}
