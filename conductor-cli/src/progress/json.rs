//! Events for programs: one JSON object each, told from the result by its key `event`.

use conductor_core::conductor::{Event, Failure};
use conductor_core::name::ServiceId;
use serde::Serialize;

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Line<'e> {
    Waiting {
        holder: &'e str,
    },
    Step {
        service: &'e ServiceId,
        step: String,
    },
    Done {
        service: &'e ServiceId,
        step: String,
        usec: u64,
    },
    Output {
        service: &'e ServiceId,
        step: String,
        line: &'e str,
    },
    Failed {
        service: &'e ServiceId,
        #[serde(flatten)]
        failure: &'e Failure,
    },
    Note {
        service: &'e ServiceId,
        text: &'e str,
    },
    Reload,
}

/// Gives the object of an event, without a line's end; how instances fare is for people.
pub(super) fn line(event: &Event<'_>) -> Option<String> {
    let line = match *event {
        Event::Waiting { holder } => Line::Waiting { holder },
        Event::Step { service, step } => Line::Step { service, step: step.to_string() },
        Event::Done { service, step, took } => Line::Done {
            service,
            step: step.to_string(),
            usec: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        },
        Event::Output { service, step, line } => {
            Line::Output { service, step: step.to_string(), line }
        }
        Event::Failed { service, failure } => Line::Failed { service, failure },
        Event::Note { service, text } => Line::Note { service, text },
        Event::Reload => Line::Reload,
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
        {"event":"step","service":"web","step":"remove conductor-web-v2.7f3ac2-1.service"}
        {"event":"done","service":"web","step":"remove conductor-web-v2.7f3ac2-1.service","usec":1480000}
        {"event":"step","service":"web","step":"start conductor-web-v2.7f3ac2-1.service"}
        {"event":"output","service":"web","step":"start conductor-web-v2.7f3ac2-1.service","line":"\"migrated\"\u001b[0m"}
        {"event":"done","service":"web","step":"start conductor-web-v2.7f3ac2-1.service","usec":99000}
        {"event":"done","service":"web","step":"start conductor-web-v2.7f3ac2-1.service","usec":1480000}
        {"event":"note","service":"web","text":"the image could not be removed"}
        {"event":"failed","service":"web","step":"start conductor-web-v2.7f3ac2-1.service","unit":"conductor-web-v2.7f3ac2-1.service","reason":"the job ended with \"failed\"","status":"unhealthy 1/2: 500","journal":["boom"],"old_serves":true,"undone":true,"retried":false,"interrupted":false}
        {"event":"failed","service":"web","step":"start conductor-web-v2.7f3ac2-1.service","unit":"conductor-web-v2.7f3ac2-1.service","reason":"the job ended with \"failed\"","status":"unhealthy 1/2: 500","journal":["boom"],"old_serves":true,"undone":true,"retried":false,"interrupted":true}
        {"event":"reload"}
        "#);
    }
}
