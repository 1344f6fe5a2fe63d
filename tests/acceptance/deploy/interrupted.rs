//! Ctrl-C: what can be undone is undone, and the rest is reported.

use super::load::{Load, Staying};
use super::nginx;
use super::service::{Runtime, Snapshot, deploy, first};
use crate::Test;
use crate::host::Host;

pub(crate) const TESTS: &[Test] = &[
    ("an_interrupted_start_is_undone", an_interrupted_start_is_undone),
    ("an_interrupted_drain_is_finished_later", an_interrupted_drain_is_finished_later),
];

const V2: [&str; 7] = ["deploy", "--id", "web", "--revision", "v2", "--output", "json"];

fn an_interrupted_start_is_undone(host: &Host) {
    let definition = Runtime::Native.definition("");
    first(host, Runtime::Native, &definition);
    let load = Load::start(host);
    // It will not be healthy before somebody gives up.
    let never = definition.replace("env: {", "env: {DELAY: '100000', ");
    host.define("web.yaml", &never.replace("start_period: 2s", "start_period: 1h"));
    let before = Snapshot::take(host);
    // SIGHUP is a terminal that was closed.
    for signal in ["INT", "HUP"] {
        let mut run = host.start(&V2);
        run.until("start conductor-web-v2");
        host.sh(&format!("pkill -{signal} -x conductor"));
        let ran = run.finish().exits(3);
        assert!(ran.stdout.contains("interrupted"), "{signal}: {ran}");
        assert_eq!(Snapshot::take(host), before, "{signal}: {ran}");
    }
    host.define("web.yaml", &definition);
    deploy(host, "v2").exits(0);
    load.stop(host).answered("v2");
    host.is_converged();
}

fn an_interrupted_drain_is_finished_later(host: &Host) {
    first(
        host,
        Runtime::Native,
        &Runtime::Native.definition("").replace("drain: 10s", "drain: 4s"),
    );
    let staying = Staying::start(host);
    let load = Load::start(host);
    let mut run = host.start(&V2);
    run.until("drain the old");
    host.sh("pkill -INT -x conductor");
    let ran = run.finish();
    assert!(ran.stdout.contains("interrupted"), "{ran}");
    assert_ne!(ran.status, Some(0), "{ran}");
    // Whichever way it went, the connection is there, and the next run ends it.
    deploy(host, "v2").exits(0);
    staying.wait();
    load.stop(host).answered("v2");
    assert_eq!(nginx::ask(host), "v2");
    assert_eq!(host.running("web").len(), 1);
    host.is_converged();
}
