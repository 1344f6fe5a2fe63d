//! The modules `conductor_service` and `conductor_info`, task by task.

use conductor_sandbox::Engine;
use libtest_mimic::Failed;
use serde_json::{Value, json};

use super::FleetTest;
use super::fleet::Fleet;
use crate::host::{Host, SERVICES};
use crate::pool::Pool;

pub(crate) const TESTS: &[FleetTest] = &[
    ("a_service_is_defined_changed_and_removed", defined_changed_and_removed),
    ("check_mode_says_what_is_done", check_mode_says_what_is_done),
    ("a_definition_is_carried_over", a_definition_is_carried_over),
];

pub(super) const MODULE: &str = "conductor_service";
pub(super) const FILE: &str = "/etc/conductor/services/web.json";

/// A web service, at a version.
pub(super) fn definition(version: &str) -> Value {
    json!({
        "command": ["/usr/local/bin/app"], "instances": 2, "port": 8080,
        "env": {"VERSION": version}, "health": {"http": "/health"},
    })
}

/// The module's arguments for it.
pub(super) fn web(version: &str) -> Value {
    json!({"id": "web", "definition": definition(version)})
}

/// Runs a test on one host with conductor.
pub(super) fn with_host(pool: &Pool, test: impl FnOnce(&Host, &Fleet<'_>)) -> Result<(), Failed> {
    pool.run(|host| {
        let fleet = Fleet::new(vec![("web1", host)]).expect("the host is reachable");
        test(host, &fleet);
    })
}

fn defined_changed_and_removed(pool: &Pool) -> Result<(), Failed> {
    with_host(pool, |host, fleet| {
        let task = |arguments: &Value| fleet.task(MODULE, arguments, &[]);
        let first = task(&web("v1")).changed(true);
        assert_eq!(first.result["file"], FILE);
        assert_eq!(first.result["revision"], "host");
        let instances = first.result["service"]["instances"].as_array().map(Vec::len);
        assert_eq!(instances, Some(2));
        let running = host.running("web");
        assert_eq!(running.len(), 2);
        host.is_converged();
        assert_eq!(host.sh(&format!("stat -c %a {FILE}; ls -A {SERVICES}")), "644\nweb.json");

        let files = host.files();
        assert!(task(&web("v1")).changed(false).steps().is_empty());
        assert_eq!(host.running("web"), running);
        assert_eq!(host.files(), files);

        // The file is unchanged, but the running state is not.
        host.sh("systemctl stop conductor-web.target");
        task(&web("v1")).changed(true);
        assert_eq!(host.running("web").len(), 2);
        // The running state is unchanged, but the file is not.
        host.sh(&format!("echo >>{FILE}"));
        assert!(task(&web("v1")).changed(true).steps().is_empty());
        let mut private = web("v1");
        private["mode"] = "0600".into();
        fleet.task(MODULE, &private, &["--check"]).changed(true);
        task(&private).changed(true);
        task(&private).changed(false);

        let mut deployed = web("v1");
        deployed["state"] = "deployed".into();
        deployed["revision"] = "r2".into();
        assert_eq!(task(&deployed).changed(true).result["revision"], "r2");
        task(&deployed).changed(false);
        // The definition exists, and the revision stays.
        task(&json!({"id": "web", "state": "deployed", "revision": "r3"})).changed(true);
        assert_eq!(task(&web("v1")).changed(false).result["revision"], "r3");

        let info = fleet.task("conductor_info", &json!({"id": "web"}), &[]).changed(false);
        assert_eq!(info.result["services"][0]["revision"], "r3");
        assert_eq!(info.result["version"], env!("CARGO_PKG_VERSION"));

        let restarted = json!({"id": "web", "state": "restarted"});
        let before = host.running("web");
        let check = fleet.task(MODULE, &restarted, &["--check"]).changed(true);
        assert_eq!(host.running("web"), before);
        assert_eq!(task(&restarted).changed(true).steps(), check.steps());
        assert!(host.running("web").iter().all(|new| !before.contains(new)));
        task(&web("v1")).changed(false);

        host.sandbox.load_image(Engine::Podman).expect("podman takes the image");
        let pulls = |how: &str| {
            let (definition, pull) =
                (json!({"runtime": "podman", "image": "localhost/app:v1"}), how);
            let arguments = json!({"id": "container", "definition": definition, "pull": pull});
            let check = fleet.task(MODULE, &arguments, &["--check"]).changed(true);
            check.steps().iter().any(|step| *step == "pull localhost/app:v1")
        };
        assert!(pulls("always") && !pulls("missing"));
        let refused = json!({"id": "web", "state": "restarted", "pull": "always"});
        task(&refused).fails(&["pull needs state=present, state=started or state=deployed"]);

        let absent = json!({"id": "web", "state": "absent"});
        let check = fleet.task(MODULE, &absent, &["--check", "--diff"]).changed(true);
        assert!(check.diff.contains("-    \"id\": \"web\","), "{check:?}");
        assert!(check.diff.contains("--- conductor-web.target"), "{check:?}");
        assert_eq!(host.running("web").len(), 2);
        assert_eq!(task(&absent).changed(true).steps(), check.steps());
        assert_eq!(host.sh(&format!("ls -A {SERVICES}")), "");
        assert!(host.instances().is_empty());
        task(&absent).changed(false);
        fleet.task(MODULE, &absent, &["--check"]).changed(false);
        let info = fleet.task("conductor_info", &json!({"id": "web"}), &[]).changed(false);
        assert_eq!(info.result["services"], json!([]));
    })
}

fn check_mode_says_what_is_done(pool: &Pool) -> Result<(), Failed> {
    with_host(pool, |host, fleet| {
        let deploy = |revision: &str| {
            let mut arguments = web("{revision}");
            arguments["state"] = "deployed".into();
            arguments["revision"] = revision.into();
            arguments
        };
        for arguments in [web("v1"), web("v2"), deploy("r1"), deploy("r2")] {
            let (files, running) = (host.files(), host.running("web"));
            let before = host.sh(&format!("cat {FILE} || true"));
            let check = fleet.task(MODULE, &arguments, &["--check", "--diff"]).changed(true);
            assert_eq!(host.files(), files);
            assert_eq!(host.running("web"), running);
            assert_eq!(host.sh(&format!("cat {FILE} || true")), before);

            let done = fleet.task(MODULE, &arguments, &["--diff"]).changed(true);
            assert_eq!(undated(&done.diff), undated(&check.diff));
            assert!(check.diff.contains("+Environment=\"VERSION="), "{check:?}");
            assert!(
                check.diff.contains("+++ after: /etc/conductor/services/web.json")
                    || before.contains("{revision}"),
                "{check:?}"
            );
            assert_eq!(done.steps(), check.steps());
            assert_eq!(done.result["revision"], check.result["revision"]);

            let again = fleet.task(MODULE, &arguments, &["--check", "--diff"]).changed(false);
            assert_eq!(again.diff.trim(), "", "{again:?}");
        }
    })
}

/// Removes the time of the deploy, which the plan cannot know.
fn undated(diff: &str) -> String {
    let lines = diff.split_inclusive('\n').filter(|line| !line.contains("Deployed="));
    lines.collect()
}

fn a_definition_is_carried_over(pool: &Pool) -> Result<(), Failed> {
    with_host(pool, |host, fleet| {
        let text = "# Waits.\nid: web\ncommand: [/usr/bin/sleep, infinity]\n";
        fleet.write("waits.yaml", text);
        let carried = json!({"id": "web", "src": "waits.yaml"});
        let read = || host.sh(&format!("cd {SERVICES}; head -v *"));
        fleet.task(MODULE, &carried, &["--check"]).changed(true);
        assert!(!host.path(SERVICES).exists());
        fleet.task(MODULE, &carried, &[]).changed(true);
        assert_eq!(read(), format!("==> web.yaml <==\n{text}").trim_end());
        fleet.task(MODULE, &carried, &[]).changed(false);

        fleet.task(MODULE, &carried, &["--background", "60", "--poll", "1"]).changed(false);

        // Another format replaces it.
        let inline =
            json!({"id": "web", "definition": {"command": ["/usr/bin/sleep", "infinity"]}});
        let check = fleet.task(MODULE, &inline, &["--check", "--diff"]).changed(true);
        assert!(check.diff.contains("-# Waits."), "{check:?}");
        assert!(fleet.task(MODULE, &inline, &[]).changed(true).steps().is_empty());
        assert_eq!(host.sh(&format!("ls {SERVICES}")), "web.json");
        // If that does not start, the old file is restored.
        fleet.write("ends.toml", "id = \"web\"\ncommand = [\"/bin/false\"]\n");
        let before = read();
        fleet
            .task(MODULE, &json!({"id": "web", "src": "ends.toml"}), &[])
            .fails(&["start conductor-web-"]);
        assert_eq!(read(), before);
        host.is_converged();

        // A host without conductor.
        let options = json!({"id": "new", "src": "waits.yaml", "executable": "/usr/bin/no"});
        fleet.task(MODULE, &options, &["--check"]).changed(true);
        let options = json!({"id": "web", "state": "absent", "executable": "/usr/bin/no"});
        fleet.task(MODULE, &options, &["--check"]).changed(true);
    })
}
