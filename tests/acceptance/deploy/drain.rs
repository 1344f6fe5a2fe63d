//! Requests that are under way while the proxy switches.

use std::time::Duration;

use conductor_sandbox::Engine::{Docker, Podman};

use super::load::{Load, Staying};
use super::nginx;
use super::service::{Runtime, deploy, first};
use crate::Test;
use crate::host::Host;

pub(crate) const TESTS: &[Test] = &[
    ("native_slow_requests_finish", |host| slow_requests_finish(host, Runtime::Native)),
    ("docker_slow_requests_finish", |host| slow_requests_finish(host, Runtime::Container(Docker))),
    ("podman_slow_requests_finish", |host| slow_requests_finish(host, Runtime::Container(Podman))),
    ("sockets_slow_requests_finish", sockets_slow_requests_finish),
    ("connections_that_stay_have_until_drain", connections_that_stay_have_until_drain),
];

fn slow_requests_finish(host: &Host, runtime: Runtime) {
    first(host, runtime, &runtime.definition(""));
    finish(host);
}

fn sockets_slow_requests_finish(host: &Host) {
    let definition = Runtime::Native.definition("listen: socket\n").replace("port: 8080\n", "");
    first(host, Runtime::Native, &definition);
    finish(host);
}

#[track_caller]
fn finish(host: &Host) {
    let slow = nginx::slow(host, 4000);
    deploy(host, "v2").exits(0);
    assert_eq!(nginx::ask(host), "v2");
    let output = slow.wait_with_output().expect("curl ends");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "v1");
    assert_eq!(host.running("web").len(), 1);
}

fn connections_that_stay_have_until_drain(host: &Host) {
    const DRAIN: Duration = Duration::from_secs(3);
    first(
        host,
        Runtime::Native,
        &Runtime::Native.definition("").replace("drain: 10s", "drain: 3s"),
    );
    let staying = Staying::start(host);
    let load = Load::start(host);
    deploy(host, "v2").exits(0);
    let report = load.stop(host);
    let end = staying.wait();
    assert!(end["echoes"].as_u64() > Some(0) && !end["error"].is_null(), "{end}");
    // The last answer of the old version was a moment before, or after, draining began.
    let stayed = end["end"].as_u64().map(|end| end.saturating_sub(report.answered("v1").1));
    let stayed = stayed.map(Duration::from_millis);
    assert!(stayed > Some(DRAIN / 2), "{stayed:?}");
}
