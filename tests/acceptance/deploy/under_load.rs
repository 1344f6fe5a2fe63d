//! Many deploys in a row, good ones and every kind of bad one, without a failed request.

#![expect(clippy::print_stderr, reason = "what docker lost is for whoever runs the tests")]

use conductor_sandbox::Engine::{Docker, Podman};

use super::load::Load;
use super::nginx;
use super::service::{Runtime, Snapshot, deploy, images, releases};
use crate::Test;
use crate::host::Host;
use crate::ran::Ran;

pub(crate) const TESTS: &[Test] = &[
    ("docker_deploys_under_load", |host| many(host, Runtime::Container(Docker), 20)),
    ("podman_deploys_under_load", |host| many(host, Runtime::Container(Podman), 20)),
    ("native_deploys_under_load", |host| many(host, Runtime::Native, 50)),
    ("native_sockets_under_load", |host| sockets(host, Runtime::Native)),
    ("podman_sockets_under_load", |host| sockets(host, Runtime::Container(Podman))),
];

/// Which of them are bad.
const BAD: usize = 3;

/// What is bad about a revision, which is how its name ends; see the program `app`.
const KINDS: [&str; 6] = ["sick", "exits", "dies", "unready", "missing", "nginx"];

/// What one writes that exits at once.
const LAST_WORDS: &str = "cannot go on";

const FOREIGN: &str = "/etc/nginx/conf.d/foreign.conf";

/// A name, with what is bad about it.
type Revision = (String, Option<&'static str>);

/// Returns the revisions, from the first, with what is bad about them.
fn revisions(count: usize, kinds: &[&'static str]) -> Vec<Revision> {
    let revision = |number: usize| {
        let is_bad = number % BAD == BAD - 1;
        let kind = is_bad.then(|| kinds[number / BAD % kinds.len()]);
        (kind.map_or(format!("v{number}"), |kind| format!("v{number}-{kind}")), kind)
    };
    (0..=count).map(revision).collect()
}

/// Returns a definition with a `min_healthy_time`, which notices a program that dies just after it was healthy.
fn watched(runtime: Runtime, rest: &str) -> String {
    runtime.definition(rest).replace("deploy: {", "deploy: {min_healthy_time: 400ms, ")
}

/// Deploys `count` revisions after the first one. Twenty have each kind of bad one among them: what an engine
/// does differently, it does then; what happens once in many deploys is looked for with the fastest runtime.
fn many(host: &Host, runtime: Runtime, count: usize) {
    let definition = watched(runtime, "instances: 2\n");
    let good = deploys(host, runtime, &definition, revisions(count, &KINDS), Load::start);
    // What was deployed last, and what can be gone back to.
    let last = &good[good.len() - 3..];
    assert_eq!(releases(host), last);
    if let Runtime::Container(engine) = runtime {
        // Those of bad ones were there before anybody deployed them.
        let images = images(host, engine).into_iter().filter(|image| !image.contains('-'));
        assert_eq!(images.collect::<Vec<_>>(), last);
    }
}

/// Without a reload nothing closes a connection, and it does not matter whether nginx could be reloaded.
fn sockets(host: &Host, runtime: Runtime) {
    let definition = watched(runtime, "instances: 2\nlisten: socket\n").replace("port: 8080\n", "");
    let revisions = revisions(20, &KINDS[..5]);
    deploys(host, runtime, &definition, revisions, Load::start_strict);
}

/// Deploys many revisions under load, and returns the good ones.
#[track_caller]
fn deploys(
    host: &Host,
    runtime: Runtime,
    definition: &str,
    revisions: Vec<Revision>,
    load: fn(&Host) -> Load,
) -> Vec<String> {
    host.define("web.yaml", definition);
    let there = revisions.iter().filter(|(_, kind)| *kind != Some("missing"));
    runtime.provide(host, there.map(|(revision, _)| revision.as_str()));
    let mut good = Vec::new();
    let mut running = None;
    for (revision, kind) in revisions {
        if let Some(kind) = kind {
            is_refused(host, &revision, kind);
            continue;
        }
        deploy(host, &revision).exits(0);
        assert_eq!(nginx::instances(host), super::service::endpoints(host), "{revision}");
        if running.is_none() {
            nginx::start(host);
            running = Some(load(host));
        }
        good.push(revision);
    }
    let report = running.expect("there is load").stop(host);
    for revision in &good {
        report.answered(revision);
    }
    assert_eq!(report.versions().len(), good.len(), "a bad one answered: {report:?}");
    good
}

/// Deploys a bad revision, which changes nothing.
#[track_caller]
fn is_refused(host: &Host, revision: &str, kind: &str) {
    let before = Snapshot::take(host);
    if kind == "nginx" {
        host.write(FOREIGN, "nonsense on;\n");
    }
    let mut ran = deploy(host, revision).exits(3);
    if kind == "exits" && !ran.stderr.contains(LAST_WORDS) {
        // Docker itself may lose what a container writes that ends at once: of 1,100 that were started without
        // conductor, on busy processors, the line of one.
        eprintln!(
            "{ran}\nwithout {LAST_WORDS:?}; the journal has\n{}",
            host.sh("journalctl --sync; journalctl --since=-30s --output=short-precise")
        );
        ran = deploy(host, revision).exits(3);
    }
    if kind == "nginx" {
        host.sh(&format!("rm {FOREIGN}"));
    }
    says_why(&ran, revision, kind);
    assert_eq!(Snapshot::take(host), before, "{ran}");
}

#[track_caller]
fn says_why(ran: &Ran, revision: &str, kind: &str) {
    let says: &[&str] = match kind {
        "sick" => &["500 Internal Server Error"],
        "exits" => &[LAST_WORDS, "3"],
        "dies" => &["it was too much", "4"],
        "unready" => &["before", "7"],
        "missing" => &[revision],
        "nginx" => &[FOREIGN],
        other => panic!("{other} is no kind"),
    };
    for text in says {
        assert!(ran.stderr.contains(text), "no {text:?} in the errors\n{ran}");
    }
}
