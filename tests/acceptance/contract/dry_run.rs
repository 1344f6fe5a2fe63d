//! Dry runs print exactly the later steps, and change nothing.

use serde_json::Value;

use super::{Contract, define};
use crate::host::{Host, SLEEP};

pub(super) fn a_dry_run_says_what_is_done(host: &Host) {
    let contract = Contract::new(host);
    let both = |arguments: &[&str]| is_as_it_says(&contract, arguments);
    define(host, "");
    host.define("other.yaml", &format!("id: other\n{SLEEP}"));
    assert!(both(&["apply"]).contains("+++ conductor-web.target"));
    define(host, "env: {A: a}\n");
    assert!(both(&["apply"]).contains("+Environment=\"A=a\""));
    assert!(both(&["deploy", "--id", "web", "--revision", "v2"]).contains("+Revision=v2"));
    assert!(both(&["rollback", "--id", "web"]).contains("-Revision=v2"));
    let paused = both(&["cron", "pause", "--id", "web", "good"]);
    assert!(paused.contains("+++ conductor-web-good.timer"), "{paused}");
    assert!(both(&["cron", "resume", "--id", "web", "good"]).contains("-Paused="));
    host.undefine("other.yaml");
    assert!(both(&["apply", "--prune"]).contains("--- conductor-other.target\n+++ /dev/null\n"));
    run_now(host);
    takes_no_lock_and_no_rights(host);
    let text = host.conductor(&["remove", "--id", "web", "--dry-run"]).exits(0);
    let (begin, end) = ("web is removed\n  stop ", "\nnothing was done: this was a dry run\n");
    assert!(text.stdout.starts_with(begin) && text.stdout.ends_with(end), "{text}");
    assert!(both(&["remove", "--id", "web"]).contains("--- conductor-web.target\n+++ /dev/null\n"));
    assert_eq!((host.files().len(), host.instances().len()), (0, 0));
}

/// Runs a command with and then without `--dry-run`, and returns the diff of the dry run.
#[track_caller]
fn is_as_it_says(contract: &Contract<'_>, arguments: &[&str]) -> String {
    let host = contract.host;
    let dry = [arguments, &["--dry-run"]].concat();
    let before = (host.files(), host.instances());
    let told = contract.run(&dry, 0);
    let shown = host.conductor(&dry).exits(0);
    assert_eq!((host.files(), host.instances()), before, "{arguments:?}");
    let done = contract.run(arguments, 0);
    assert_eq!(steps(&told), steps(&done), "{arguments:?}");
    assert_eq!((&told["changed"], &done["changed"]), (&true.into(), &true.into()), "{told}");
    for (_, _, all) in steps(&told) {
        for step in all {
            assert!(shown.stdout.contains(&format!("  {step}\n")), "no {step:?} in {shown}");
        }
    }
    // There is nothing left to do, but a rollback would go back to the previous release.
    if !matches!(arguments[0], "rollback" | "remove") {
        host.conductor(&dry).exits(0).says("nothing to change\n");
    }
    told["diff"].as_str().expect("a difference").to_owned()
}

/// Returns the steps of each service, with its id and revision.
fn steps(answer: &Value) -> Vec<(String, String, Vec<&str>)> {
    let services = answer["services"].as_array().expect("services");
    let of = |service: &'_ Value| (service["id"].to_string(), service["revision"].to_string());
    let all = services.iter().map(|service| {
        let steps = service["steps"].as_array().expect("steps");
        let steps = steps.iter().map(|step| step["step"]["text"].as_str().expect("a step"));
        let (id, revision) = of(service);
        (id, revision, steps.collect())
    });
    all.collect()
}

fn takes_no_lock_and_no_rights(host: &Host) {
    define(host, "env: {A: b}\n");
    let dry = "conductor apply --dry-run --output json";
    let as_root = host.sh(&format!("flock /run/conductor/lock timeout 60 {dry}"));
    assert!(as_root.contains("start conductor-web-"), "{as_root}");
    assert_eq!(host.sh(&format!("setpriv --reuid nobody --clear-groups {dry}")), as_root);
}

fn run_now(host: &Host) {
    let arguments = ["cron", "run-now", "--id", "web", "good", "--dry-run"];
    let runs = || host.property("conductor-web-good.service", "ExecMainStartTimestampMonotonic");
    let before = runs();
    let shown = host.conductor(&arguments).exits(0);
    assert_eq!(
        shown.stdout,
        "web at host\n  start conductor-web-good.service\nnothing was done: this was a dry run\n"
    );
    assert_eq!(runs(), before);
    host.conductor(&["cron", "run-now", "--id", "web", "good"]).exits(0).says("done");
    assert_ne!(runs(), before);
    let root = [&arguments[..], &["--root", "/"]].concat();
    host.conductor(&root).exits(2).complains("this needs a running systemd");
}
