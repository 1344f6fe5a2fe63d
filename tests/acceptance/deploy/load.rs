//! Load on the site during a test, and its result.

use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::nginx::{self, SITE};
use crate::host::Host;

/// What every request asks for: an answer that takes a while, so that there are always some on their
/// way, and so that the load leaves some of the processors to what is tested.
const TARGET: &str = "/?ms=30";

/// Clients that ask until they are told to end.
pub(crate) struct Load {
    /// Ends once its standard input does: at the latest when this is dropped.
    children: Vec<(&'static str, Child)>,
}

/// What clients say that came of their requests.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) json: Value,
}

fn spawn(command: &mut Command) -> Child {
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command.spawn().expect("clients start")
}

fn clients(host: &Host, policy: &str) -> Child {
    spawn(host.sandbox.command("load").args([policy, SITE, "4", TARGET]))
}

/// A connection that stays, and is used all the time.
pub(crate) struct Staying(Child);

impl Staying {
    pub(crate) fn start(host: &Host) -> Self {
        let child = spawn(host.sandbox.command("load").args(["stay", SITE, "/ws"]));
        nginx::is_connected(host);
        Self(child)
    }

    /// Waits until somebody closes it, and returns what it says of its life.
    #[track_caller]
    pub(crate) fn wait(mut self) -> Value {
        // The end of it would be the end of the connection.
        let stdin = self.0.stdin.take();
        let output = self.0.wait_with_output().expect("it ends");
        drop(stdin);
        serde_json::from_slice(&output.stdout).expect("it reports JSON")
    }
}

impl Load {
    /// Starts clients that make a connection for each request, and clients that keep theirs and ask
    /// once again if one is closed before an answer began.
    ///
    /// nginx before 1.27.4 closes kept connections at a reload without regard for a request that is on
    /// its way, so that every client of it has to ask again.
    pub(crate) fn start(host: &Host) -> Self {
        // Told to end by the end of its input, like the others.
        let wrk = format!(
            "wrk --threads 1 --connections 4 --duration 1h --timeout 20s \
             --header 'Connection: close' 'http://{SITE}{TARGET}' </dev/null & \
             cat >/dev/null; kill -INT $!; wait $!"
        );
        let wrk = spawn(host.sandbox.command("sh").args(["-c", &wrk]));
        Self { children: vec![("wrk", wrk), ("keep", clients(host, "keep"))] }
    }

    /// Starts clients that keep their connections, and never ask again.
    pub(crate) fn start_strict(host: &Host) -> Self {
        Self { children: vec![("strict", clients(host, "strict"))] }
    }

    /// Ends it and asserts that no request failed; returns the report of the clients that keep connections.
    #[track_caller]
    pub(crate) fn stop(self, host: &Host) -> Report {
        let mut report = None;
        for (name, mut child) in self.children {
            drop(child.stdin.take());
            let output = child.wait_with_output().expect("clients end");
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{name}: {}: {text}", output.status);
            if name == "wrk" {
                wrk_is_content(host, &text);
            } else {
                let json = serde_json::from_str(&text);
                report = Some(Report { json: json.expect("clients report JSON") });
            }
        }
        let report = report.expect("one of them reports");
        if let Some(failed) = report.json.get("failed") {
            assert!(failed == &serde_json::json!({}), "{:?}\n{}", report, nginx::log(host));
            assert!(report.json["requests"].as_u64() > Some(0), "{report:?}");
        }
        report
    }
}

/// wrk counts failed requests, and prints nothing about them if there are none.
#[track_caller]
fn wrk_is_content(host: &Host, text: &str) {
    let count = text.lines().find_map(|line| line.trim().split_once(" requests in "));
    let asked = count.and_then(|(count, _)| count.parse::<u64>().ok()).unwrap_or(0);
    let failed = text.contains("Socket errors") || text.contains("Non-2xx");
    assert!(asked > 0 && !failed, "{text}\n{}", nginx::log(host));
}

impl Report {
    /// Asserts that a version has answered, and returns the times of its first and last answer.
    #[track_caller]
    pub(crate) fn answered(&self, version: &str) -> (u64, u64) {
        let times = &self.json["answers"][version];
        let time = |key: &str| times[key].as_u64();
        let times = time("first").zip(time("last"));
        times.unwrap_or_else(|| panic!("{version} never answered: {self:?}"))
    }

    /// Returns the versions that have answered.
    #[track_caller]
    pub(crate) fn versions(&self) -> Vec<&str> {
        let answers = self.json["answers"].as_object().expect("answers");
        answers.keys().map(String::as_str).collect()
    }
}
