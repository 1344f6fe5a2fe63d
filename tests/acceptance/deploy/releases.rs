//! Which releases run, which are kept, and how one goes back to them.

use conductor_sandbox::Engine::{Docker, Podman};

use super::load::Load;
use super::nginx;
use super::service::{Runtime, deploy, endpoints, first, images, releases};
use crate::Test;
use crate::host::Host;

pub(crate) const TESTS: &[Test] = &[
    ("docker_rollback_to_what_is_kept", |host| rollback(host, Runtime::Container(Docker))),
    ("podman_rollback_to_what_is_kept", |host| rollback(host, Runtime::Container(Podman))),
    ("native_rollback_to_what_is_kept", |host| rollback(host, Runtime::Native)),
    ("stop_first_never_runs_two", stop_first_never_runs_two),
    ("a_batch_at_a_time", a_batch_at_a_time),
    ("scaling_touches_only_the_difference", scaling_touches_only_the_difference),
    ("a_dry_run_changes_nothing", a_dry_run_changes_nothing),
];

#[track_caller]
fn roll_back(host: &Host, more: &[&str]) {
    let arguments = [&["rollback", "--id", "web"], more].concat();
    host.conductor(&arguments).exits(0);
}

fn rollback(host: &Host, runtime: Runtime) {
    first(host, runtime, &runtime.definition(""));
    let load = Load::start(host);
    for revision in ["v2", "v3", "v4"] {
        deploy(host, revision).exits(0);
    }
    // Two are kept beside the current one.
    assert_eq!(releases(host), ["v2", "v3", "v4"]);
    roll_back(host, &[]);
    assert_eq!(nginx::ask(host), "v3");
    host.is_converged();
    roll_back(host, &["--to", "v2"]);
    assert_eq!(nginx::ask(host), "v2");
    let ran = host.conductor(&["rollback", "--id", "web", "--to", "v1"]).exits(2);
    ran.complains("no release v1 of web is kept");
    let ran = deploy(host, "v4-sick").exits(3);
    assert_eq!(nginx::ask(host), "v2", "{ran}");
    deploy(host, "v5").exits(0);
    assert_eq!(nginx::ask(host), "v5");
    roll_back(host, &[]);
    assert_eq!(nginx::ask(host), "v2");
    let report = load.stop(host);
    assert_eq!(report.versions(), ["v1", "v2", "v3", "v4", "v5"]);
    if let Runtime::Container(engine) = runtime {
        // That of v4 went with its release; one that never served is nobody's.
        assert_eq!(images(host, engine), ["v3", "v4-sick", "v5"]);
    }
}

fn stop_first_never_runs_two(host: &Host) {
    let definition =
        Runtime::Native.definition("").replace("deploy: {", "deploy: {order: stop-first, ");
    first(host, Runtime::Native, &definition);
    let mut run = host.start(&["deploy", "--id", "web", "--revision", "v2", "--output", "json"]);
    run.until("start conductor-web-v2");
    assert!(host.running("web").iter().all(|(unit, _)| unit.starts_with("conductor-web-v2")));
    run.finish().exits(0);
    assert_eq!(nginx::ask(host), "v2");
    // One that fails leaves the old one running again.
    let ran = deploy(host, "v4-sick");
    assert_eq!(nginx::ask(host), "v2", "{ran}");
    host.is_converged();
}

fn a_batch_at_a_time(host: &Host) {
    let definition =
        Runtime::Native.definition("instances: 3\n").replace("deploy: {", "deploy: {batch: 1, ");
    first(host, Runtime::Native, &definition);
    let load = Load::start(host);
    deploy(host, "v2").exits(0);
    let started = |unit: &str| -> (u64, u64) {
        let time = |property| host.property(unit, property).parse().expect("a time");
        (time("InactiveExitTimestampMonotonic"), time("ActiveEnterTimestampMonotonic"))
    };
    let times: Vec<_> = host.running("web").iter().map(|(unit, _)| started(unit)).collect();
    assert!(times.len() == 3 && times.is_sorted_by(|a, b| a.1 <= b.0), "{times:?}");
    load.stop(host).answered("v2");
}

fn scaling_touches_only_the_difference(host: &Host) {
    let define = |instances: u32| {
        let rest = format!("instances: {instances}\n");
        host.define("web.yaml", &Runtime::Native.definition(&rest));
    };
    first(host, Runtime::Native, &Runtime::Native.definition(""));
    let load = Load::start(host);
    let mut before = host.running("web");
    for (instances, command) in [(3, "apply"), (1, "deploy"), (4, "deploy"), (2, "apply")] {
        define(instances);
        match command {
            "apply" => host.apply(),
            _ => deploy(host, "v1").exits(0),
        };
        let after = host.running("web");
        assert_eq!(after.len(), instances as usize);
        let both = before.len().min(after.len());
        assert_eq!(after[..both], before[..both]);
        assert_eq!(nginx::instances(host), endpoints(host));
        before = after;
    }
    load.stop(host);
    host.is_converged();
}

fn a_dry_run_changes_nothing(host: &Host) {
    first(host, Runtime::Native, &Runtime::Native.definition(""));
    let before = super::service::Snapshot::take(host);
    let ran = host.conductor(&["deploy", "--id", "web", "--revision", "v2", "--dry-run"]).exits(0);
    for text in ["start conductor-web-v2", "reload nginx", "stop conductor-web-v1"] {
        assert!(ran.stdout.contains(text), "{ran}");
    }
    assert_eq!(super::service::Snapshot::take(host), before);
    assert_eq!(nginx::ask(host), "v1");
}
