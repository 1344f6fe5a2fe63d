//! conductor is killed before and after every step: no request fails, and the next run finishes the work.

use conductor_sandbox::Engine::{Docker, Podman};

use super::load::Load;
use super::nginx;
use super::service::{Runtime, deploy, endpoints, first, releases};
use crate::Test;
use crate::host::Host;
use crate::ran::Ran;

pub(crate) const TESTS: &[Test] = &[
    ("docker_killed_at_some_steps", |host| killed(host, Runtime::Container(Docker), SOME)),
    ("podman_killed_at_some_steps", |host| killed(host, Runtime::Container(Podman), SOME)),
    ("native_killed_at_every_step", |host| killed(host, Runtime::Native, 1)),
    ("sockets_killed_at_every_step", sockets_killed_at_every_step),
    ("rollback_killed_at_every_step", rollback_killed_at_every_step),
    ("remove_killed_at_every_step", remove_killed_at_every_step),
];

/// More than a plan has steps, so that a test ends whatever happens.
const MANY: usize = 100;

/// With an engine, every third moment: that each step can be the last is shown natively and, for every plan,
/// over a fake host; what an engine leaves behind shows at some of them.
const SOME: usize = 3;

/// Kills a run at its `moment`th moment and returns where that was; `None` if the run has fewer moments.
#[track_caller]
fn kill(host: &Host, moment: usize, words: &[&str]) -> Option<String> {
    let moment = moment.to_string();
    let mut command = host.sandbox.command("timeout");
    let ran = Ran::new(command.args(["300", "killer", &moment]).args(words));
    match ran.status {
        Some(0) => None,
        // What `timeout` says of a program that SIGKILL ended; it does the same itself.
        None | Some(137) => ran.stdout.lines().last().map(str::to_owned),
        _ => panic!("{ran}"),
    }
}

fn killed(host: &Host, runtime: Runtime, interval: usize) {
    first(host, runtime, &runtime.definition("instances: 2\n"));
    moments(host, runtime, Load::start(host), interval);
}

fn sockets_killed_at_every_step(host: &Host) {
    let definition = Runtime::Native.definition("instances: 2\nlisten: socket\n");
    first(host, Runtime::Native, &definition.replace("port: 8080\n", ""));
    moments(host, Runtime::Native, Load::start_strict(host), 1);
}

/// Kills a deploy at each `interval`th moment, and lets the next run finish it.
#[track_caller]
fn moments(host: &Host, runtime: Runtime, load: Load, interval: usize) {
    let moments: Vec<_> =
        (0..MANY).step_by(interval).map(|moment| (moment, format!("r{moment}"))).collect();
    runtime.provide(host, moments.iter().map(|(_, revision)| revision.as_str()));
    let mut last = None;
    for (moment, revision) in &moments {
        let Some(place) = kill(host, *moment, &["deploy", "web", revision]) else {
            last = Some((*moment, revision));
            break;
        };
        if moment % 4 < 2 {
            deploy(host, revision).exits(0);
        } else {
            // It finishes what was started. A deploy that was not started is unknown to it.
            host.apply();
            is_complete(host, None, &place);
            host.is_converged();
            deploy(host, revision).exits(0);
        }
        is_complete(host, Some(revision), &place);
        host.is_converged();
    }
    let report = load.stop(host);
    let (moment, revision) = last.expect("a deploy has an end");
    assert!(moment > 20, "{moment} moments");
    report.answered(revision);
}

/// Asserts that exactly one release runs, and that nginx's upstream names its instances.
#[track_caller]
fn is_complete(host: &Host, revision: Option<&str>, place: &str) {
    let running = host.running("web");
    assert_eq!(running.len(), 2, "{place}: {running:?}");
    let release =
        |unit: &str| unit.trim_end_matches("-1.service").trim_end_matches("-2.service").to_owned();
    let names: Vec<_> = running.iter().map(|(unit, _)| release(unit)).collect();
    assert_eq!(names[0], names[1], "{place}");
    if let Some(revision) = revision {
        assert!(names[0].starts_with(&format!("conductor-web-{revision}.")), "{place}: {names:?}");
    }
    assert_eq!(nginx::instances(host), endpoints(host), "{place}");
    assert!(releases(host).len() <= 3, "{place}: {:?}", releases(host));
}

fn rollback_killed_at_every_step(host: &Host) {
    let definition = Runtime::Native.definition("instances: 2\n");
    first(host, Runtime::Native, &definition);
    deploy(host, "v2").exits(0);
    let load = Load::start(host);
    let mut moments = 0;
    for moment in 0..MANY {
        let to = if moment % 2 == 0 { "v1" } else { "v2" };
        let Some(place) = kill(host, moment, &["rollback", "web", to]) else { break };
        if moment % 4 < 2 {
            host.apply();
            is_complete(host, None, &place);
            host.is_converged();
        }
        host.conductor(&["rollback", "--id", "web", "--to", to]).exits(0);
        is_complete(host, Some(to), &place);
        host.is_converged();
        moments += 1;
    }
    assert!(moments > 15 && moments < MANY, "{moments} moments");
    load.stop(host);
}

fn remove_killed_at_every_step(host: &Host) {
    let definition = Runtime::Native.definition("instances: 2\n");
    let mut moments = 0;
    first(host, Runtime::Native, &definition);
    // There are no requests any more.
    host.sh("rm /etc/nginx/conf.d/site.conf");
    for moment in 0..MANY {
        deploy(host, "v2").exits(0);
        let Some(place) = kill(host, moment, &["remove", "web"]) else { break };
        if moment % 4 < 2 {
            // The service is complete again, if its units are still on the host.
            let ran = host.conductor(&["apply"]);
            match ran.status {
                Some(0) => is_complete(host, Some("v2"), &place),
                _ => assert!(host.running("web").is_empty(), "{place}: {ran}"),
            }
        }
        let ran = host.conductor(&["remove", "--id", "web"]);
        // Or nothing of it is left.
        assert!(matches!(ran.status, Some(0 | 2)), "{place}: {ran}");
        assert!(host.files().is_empty(), "{place}: {:?}", host.files().keys());
        assert_eq!(
            (host.running("web"), nginx::upstream(host)),
            (vec![], String::new()),
            "{place}"
        );
        moments += 1;
    }
    assert!(moments > 10 && moments < MANY, "{moments} moments");
}
