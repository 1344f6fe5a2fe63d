//! The modules `conductor_job`, `conductor_crontab_info` and `conductor_purge`.

use libtest_mimic::Failed;
use serde_json::{Value, json};

use super::FleetTest;
use super::fleet::{Fleet, Outcome, Task};
use super::service::with_host;
use crate::host::{Host, SERVICES};
use crate::pool::Pool;

pub(crate) const TESTS: &[FleetTest] =
    &[("jobs_are_driven_and_the_rest_is_purged", jobs_and_purge)];

fn jobs_and_purge(pool: &Pool) -> Result<(), Failed> {
    with_host(pool, |host, fleet| {
        jobs(host, fleet);
        crontabs(host, fleet);
        purge(host, fleet);
    })
}

/// Runs calls of one module. Each is `check` or not.
fn call<const N: usize>(
    fleet: &Fleet<'_>,
    module: &str,
    calls: [(bool, Value); N],
) -> [Outcome; N] {
    let tasks = calls.map(|(check, arguments)| Task { module, arguments, check });
    fleet.tasks(&tasks).try_into().expect("each task has a result")
}

fn jobs(host: &Host, fleet: &Fleet<'_>) {
    let command = "command: [/bin/sh, -c, 'echo done; exit $CODE']";
    host.define(
        "web.yaml",
        &format!(
            "id: web\ninstances: 0\ncron:\n  good: {{schedule: '@daily', {command}, env: {{CODE: 0}}}}\n  \
             bad: {{schedule: '@daily', {command}, env: {{CODE: 7}}}}\n"
        ),
    );
    host.apply();
    let job = |state: &str, name: &str| json!({"id": "web", "name": name, "state": state});
    let timer = |host: &Host| host.property("conductor-web-good.timer", "ActiveState");
    let [plan] = call(fleet, "conductor_job", [(true, job("paused", "good"))]);
    let plan = plan.changed(true);
    assert_eq!(timer(host), "active");
    let [pause, again] = call(
        fleet,
        "conductor_job",
        [(false, job("paused", "good")), (false, job("paused", "good"))],
    );
    assert_eq!(pause.changed(true).steps(), plan.steps());
    again.changed(false);
    host.apply();
    assert_eq!(timer(host), "inactive");
    let [resume, again, ran, dry, bad, unknown] = call(
        fleet,
        "conductor_job",
        [
            (false, job("resumed", "good")),
            (true, job("resumed", "good")),
            (false, job("ran", "good")),
            (true, job("ran", "bad")),
            (false, job("ran", "bad")),
            (false, job("paused", "none")),
        ],
    );
    resume.changed(true);
    again.changed(false);
    assert_eq!(timer(host), "active");
    let ran = ran.changed(true);
    assert_eq!((&ran.result["output"], &ran.result["rc"]), (&json!(["done"]), &json!(0)));
    assert_eq!(dry.changed(true).result.get("output"), None);
    // It has changed something, perhaps: it ran.
    assert_eq!((&bad.result["changed"], &bad.result["rc"]), (&json!(true), &json!(7)));
    let message = bad.result["msg"].as_str().unwrap_or_default();
    assert!(
        message.starts_with("the job bad of web failed: exit-code, exit status 7\n  | done"),
        "{message}"
    );
    unknown.fails(&["none", "hint: "]);
}

fn crontabs(host: &Host, fleet: &Fleet<'_>) {
    host.write("/srv/tab", "MAILTO=\"\"\n*/5 * * * * root /bin/true\n@hourly root /bin/tidy\n");
    host.write("/srv/odd", "*/5 * * * * root /bin/true\n99 * * * * root /bin/never\n");
    let [good, odd, rest, none] = call(
        fleet,
        "conductor_crontab_info",
        [
            (true, json!({"src": ["/srv/tab"], "system": true, "id": "tab"})),
            (false, json!({"src": ["/srv/odd"], "system": true, "mail": false})),
            (
                false,
                json!({"src": ["/srv/odd"], "system": true, "mail": false, "allow_left_out": true}),
            ),
            (false, json!({"src": ["/srv/none"]})),
        ],
    );
    let definition = &good.changed(false).result["definitions"][0];
    assert_eq!(definition["id"], "tab");
    odd.fails(&["cannot convert:\n/srv/odd:2", "hint: with allow_left_out"]);
    let rest = rest.changed(false);
    assert_eq!(rest.result["definitions"][0]["id"], "odd");
    assert!(rest.result["warnings"].to_string().contains("not converted: /srv/odd:2"), "{rest:?}");
    none.fails(&["/srv/none"]);
    // What it returns can be run.
    fleet.write("tab.yaml", definition["text"].as_str().expect("a text"));
    let done = fleet.task("conductor_service", &json!({"id": "tab", "src": "tab.yaml"}), &[]);
    assert_eq!(done.changed(true).result["service"]["jobs"].as_array().map(Vec::len), Some(2));
}

fn purge(host: &Host, fleet: &Fleet<'_>) {
    // The services web and tab are there from before.
    host.define("other.yaml", "id: other\ncommand: [/usr/bin/sleep, infinity]\n");
    host.define(
        "needs.yaml",
        "id: needs\ncommand: [/usr/bin/sleep, infinity]\ndepends_on: [other]\n",
    );
    host.apply();
    host.undefine("needs.yaml");
    let module = "conductor_purge";
    let [plan, typo, all, done, again, left] = call(
        fleet,
        module,
        [
            (true, json!({})),
            (false, json!({"keep": ["web", "wbe"]})),
            (false, json!({"keep": []})),
            (false, json!({})),
            (false, json!({})),
            (true, json!({"keep": ["web"]})),
        ],
    );
    let plan = plan.changed(true);
    assert_eq!((&plan.result["removed"], &plan.result["files"]), (&json!(["needs"]), &json!([])));
    typo.fails(&["keep names what is neither defined nor on this host: wbe", "hint: "]);
    all.fails(&["keep is empty", "hint: "]);
    assert_eq!(done.changed(true).steps(), plan.steps());
    again.changed(false);
    assert_eq!(host.running("other").len(), 1);
    assert_eq!(host.sh(&format!("ls -A {SERVICES}")), "other.yaml\ntab.yaml\nweb.yaml");

    // What is wrong in any of them leaves all as they are.
    host.define("web.yaml", "id: web\nprot: 1\n");
    let [broken] = call(fleet, module, [(false, json!({"keep": ["web"]}))]);
    broken.fails(&["/etc/conductor/services/web.yaml:2:1: prot: unknown key"]);
    host.define("web.yaml", "id: web\ncommand: [/usr/bin/sleep, infinity]\n");
    // Without a revision it cannot be planned.
    host.define("new.yaml", "id: new\nruntime: docker\nimage: localhost/app\n");
    let hold = "flock /run/conductor/lock sh -c 'touch /run/held; sleep infinity'";
    host.sh(&format!("systemd-run --quiet --unit=holder {hold}"));
    host.eventually("the lock is held", |host| host.path("/run/held").exists());
    let files = host.sh(&format!("head -v {SERVICES}/*"));
    let [refused, locked] = call(
        fleet,
        module,
        [
            (false, json!({"keep": ["web", "new"]})),
            (false, json!({"keep": ["web"], "lock_timeout": "0"})),
        ],
    );
    refused.fails(&["revision"]);
    locked.fails(&["holds the lock"]);
    assert_eq!(host.sh(&format!("head -v {SERVICES}/*")), files);
    host.sh("systemctl stop holder.service; rm /run/held");
    host.undefine("new.yaml");
    assert_eq!(host.sh(&format!("ls -A {SERVICES}")), "other.yaml\ntab.yaml\nweb.yaml");
    assert_eq!(host.running("other").len(), 1);

    host.apply();
    let left = left.changed(true);
    assert_eq!(
        left.result["files"],
        json!([format!("{SERVICES}/other.yaml"), format!("{SERVICES}/tab.yaml")])
    );
    let kept = host.running("web");
    let [done, again] =
        call(fleet, module, [(false, json!({"keep": ["web"]})), (false, json!({"keep": ["web"]}))]);
    let done = done.changed(true);
    assert_eq!(done.result["removed"], left.result["removed"]);
    assert_eq!(done.steps(), left.steps());
    again.changed(false);
    assert_eq!(host.running("web"), kept);
    assert_eq!(host.running("other").len(), 0);
    assert_eq!(host.sh(&format!("ls -A {SERVICES}")), "web.yaml");
}
