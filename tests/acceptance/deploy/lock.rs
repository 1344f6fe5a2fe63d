//! Two changes at a time: the second one waits, and prints which process it waits for.

use super::nginx;
use super::service::{Runtime, deploy, first};
use crate::Test;
use crate::background::Background;
use crate::host::{Host, SLEEP};

pub(crate) const TESTS: &[Test] = &[
    ("a_second_deploy_waits_or_fails_at_once", a_second_deploy_waits_or_fails_at_once),
    ("a_deploy_waits_for_an_apply", a_deploy_waits_for_an_apply),
    ("a_remove_waits_for_a_deploy", a_remove_waits_for_a_deploy),
    ("a_lock_ends_with_its_process", a_lock_ends_with_its_process),
];

/// A service whose versions take a while to be healthy.
fn slow(host: &Host) {
    let definition = Runtime::Native.definition("");
    let definition = definition.replace("env: {", "env: {DELAY: '1500', ");
    first(host, Runtime::Native, &definition.replace("start_period: 2s", "start_period: 10s"));
}

/// Starts a deploy, and returns while its instance starts.
#[track_caller]
fn start(host: &Host, revision: &str) -> Background {
    let arguments = ["deploy", "--id", "web", "--revision", revision, "--output", "json"];
    let mut deploy = host.start(&arguments);
    deploy.until("start conductor-web-");
    deploy
}

fn a_second_deploy_waits_or_fails_at_once(host: &Host) {
    slow(host);
    let arguments = ["deploy", "--id", "web", "--revision", "v3"];
    let mut one = start(host, "v2");
    let at_once = host.conductor(&[&arguments[..], &["--lock-timeout", "0"]].concat());
    at_once.exits(4).complains("(deploy").complains("hint: ");
    let two = deploy(host, "v3").exits(0);
    assert!(two.stderr.contains("(deploy") || two.stdout.contains("(deploy"), "{two}");
    assert!(!one.is_running());
    one.finish().exits(0);
    assert_eq!(nginx::ask(host), "v3");
    host.is_converged();
}

fn a_deploy_waits_for_an_apply(host: &Host) {
    slow(host);
    host.define(
        "web.yaml",
        &Runtime::Native.definition("").replace("env: {", "env: {DELAY: '1000', A: '1', "),
    );
    let mut apply = host.start(&["apply", "--output", "json"]);
    apply.until("start conductor-web-v1");
    let two = deploy(host, "v2").exits(0);
    assert!(two.stderr.contains("(apply") || two.stdout.contains("(apply"), "{two}");
    apply.finish().exits(0);
    assert_eq!(nginx::ask(host), "v2");
    host.is_converged();
}

fn a_remove_waits_for_a_deploy(host: &Host) {
    slow(host);
    host.define("other.yaml", &format!("id: other\n{SLEEP}"));
    let one = start(host, "v2");
    host.sh("systemctl stop nginx; rm /etc/nginx/conf.d/site.conf");
    host.undefine("web.yaml");
    host.conductor(&["remove", "--id", "web"]).exits(0);
    let deployed = one.finish().exits(0);
    assert!(deployed.stdout.contains("nginx does not run"), "{deployed}");
    assert_eq!(host.running("web"), []);
    assert!(host.files().is_empty(), "{:?}", host.files().keys());
    assert_eq!(nginx::upstream(host), "");
}

fn a_lock_ends_with_its_process(host: &Host) {
    slow(host);
    let one = start(host, "v2");
    host.sh("pkill -KILL -x conductor");
    let status = one.finish().status;
    // `timeout` ends as what it runs did.
    assert!(matches!(status, None | Some(137)), "{status:?}");
    let arguments = ["deploy", "--id", "web", "--revision", "v2", "--lock-timeout", "0"];
    host.conductor(&arguments).exits(0);
    assert_eq!(nginx::ask(host), "v2");
    host.is_converged();
}
