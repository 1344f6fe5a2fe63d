//! Errors of the module `conductor_service`: the messages, and that the host is unchanged.

use libtest_mimic::Failed;
use serde_json::{Value, json};

use super::FleetTest;
use super::fleet::Task;
use super::service::{FILE, MODULE, definition, web, with_host};
use crate::host::SERVICES;
use crate::pool::Pool;

pub(crate) const TESTS: &[FleetTest] = &[
    ("what_is_wrong_changes_nothing", what_is_wrong_changes_nothing),
    ("what_does_not_start_is_put_back", what_does_not_start_is_put_back),
    ("a_conductor_of_another_contract_is_refused", another_contract),
    ("only_root_may", only_root_may),
    ("a_host_that_is_being_changed_is_left_alone", being_changed),
    ("health_is_insisted_on", health_is_insisted_on),
];

fn what_is_wrong_changes_nothing(pool: &Pool) -> Result<(), Failed> {
    with_host(pool, |host, fleet| {
        fleet.task(MODULE, &web("v1"), &[]).changed(true);
        let state = || {
            (host.files(), host.running("web"), host.sh(&format!("cat {FILE}; ls -A {SERVICES}")))
        };
        let before = state();
        let with = |key: &str, value: Value| {
            let mut arguments = web("v2");
            arguments["definition"][key] = value;
            arguments
        };
        host.write("/root/shop.yaml", "id: shop\nimage: registry.example/shop\nruntime: docker\n");
        host.write("/root/web.ini", "");
        host.write("/root/prot.yaml", "id: shop\nprot: 80\n");
        fleet.write("prot.yaml", "id: web\ncommand: [/bin/true]\nprot: 80\n");
        fleet.write("web.conf", "");
        let cases = [
            // `conductor check` finds all of them at once, with places and hints.
            (
                with("limits", json!({"memroy": "1G", "cpu": "fast"})),
                &[
                    "definition: limits.memroy: unknown key",
                    "hint: did you mean memory?",
                    "\"fast\" is not an amount of CPU",
                ][..],
            ),
            (with("id", json!("other")), &["this is the definition of other, not of web"]),
            // A valid definition that cannot be applied.
            (json!({"id": "shop", "src": "/root/shop.yaml", "remote_src": true}), &["revision"]),
            (json!({"id": "web", "src": "/root/none.yaml", "remote_src": true}), &["cannot read"]),
            (
                json!({"id": "web", "src": "/root/web.ini", "remote_src": true}),
                &["has an unknown format"],
            ),
            (json!({"id": "../web", "definition": definition("v2")}), &["id: \"../web\""]),
            (json!({"id": "../web", "state": "absent"}), &["../web"]),
            (json!({"id": "web", "src": "none.yaml"}), &["Could not find"]),
            // Messages name files as in the task, not as on the host.
            (
                json!({"id": "web", "src": "prot.yaml"}),
                &["prot.yaml:3:1: prot: unknown key", "hint: did you mean port?"],
            ),
            (
                json!({"id": "shop", "src": "/root/prot.yaml", "remote_src": true}),
                &["/root/prot.yaml:2:1: prot: unknown key"],
            ),
            (json!({"id": "web", "src": "web.conf"}), &["web.conf has an unknown format"]),
            (json!({"id": "web", "state": "deployed"}), &["revision"]),
            (
                json!({"id": "web", "revision": "v2", "definition": definition("v2")}),
                &["state=deployed"],
            ),
            (json!({"id": "unknown", "state": "deployed", "revision": "v1"}), &["unknown"]),
            (
                json!({"id": "web", "definition": definition("v2"), "executable": "/usr/bin/no"}),
                &["no program /usr/bin/no", "hint: the role"],
            ),
            // Its units would stay without a message.
            (
                json!({"id": "web", "state": "absent", "executable": "/usr/bin/no"}),
                &["no program /usr/bin/no"],
            ),
        ];
        let (mut tasks, mut expected) = (Vec::new(), Vec::new());
        for (arguments, texts) in cases {
            let installed = !texts.iter().any(|text| text.contains("no program"));
            for check in [true, false].into_iter().filter(|check| installed || !check) {
                tasks.push(Task { module: MODULE, arguments: arguments.clone(), check });
                expected.push(texts);
            }
        }
        for (outcome, texts) in fleet.tasks(&tasks).into_iter().zip(expected) {
            outcome.fails(texts);
        }
        assert_eq!(state(), before);
        // A file with another name and the same service.
        host.define("other.yaml", "id: web\ncommand: [/bin/true]\n");
        host.define("broken.yaml", "id: broken\nwhat: {");
        for arguments in [web("v2"), json!({"id": "web", "state": "absent"})] {
            let texts = [
                "web is also defined in /etc/conductor/services/other.yaml",
                "hint: remove that file",
            ];
            fleet.task(MODULE, &arguments, &[]).fails(&texts);
        }
        host.undefine("other.yaml");
        host.undefine("broken.yaml");
        assert_eq!(state(), before);
        // Without conductor, units that have no definition any more are not removed, either.
        host.sh(&format!("rm {FILE}"));
        let gone = json!({"id": "web", "state": "absent", "executable": "/usr/bin/no"});
        fleet.task(MODULE, &gone, &[]).fails(&["no program /usr/bin/no"]);
    })
}

fn what_does_not_start_is_put_back(pool: &Pool) -> Result<(), Failed> {
    with_host(pool, |host, fleet| {
        let exits = web("v2-exits");
        let failed = fleet.task(MODULE, &exits, &[]);
        let failed = failed.fails(&[
            "start conductor-web-host.",
            "| v2-exits cannot go on",
            "the change was undone",
        ]);
        assert_eq!(failed.result["rc"], 1);
        assert_eq!(host.sh(&format!("ls -A {SERVICES}")), "");
        assert!(host.files().is_empty());
        let pulled = json!({"id": "web", "state": "deployed", "revision": "v1",
            "definition": {"runtime": "podman", "image": "127.0.0.1:1/web"}});
        fleet.task(MODULE, &pulled, &[]).fails(&["pull 127.0.0.1:1/web:v1", "connection refused"]);
        assert_eq!(host.sh(&format!("ls -A {SERVICES}")), "");

        fleet.task(MODULE, &web("v1"), &[]).changed(true);
        let before = (host.sh(&format!("cat {FILE}")), host.running("web"), host.files());
        let mut sick = web("v2-sick");
        sick["definition"]["health"]["start_period"] = "1s".into();
        let failed = fleet.task(MODULE, &sick, &[]);
        let failed = failed
            .fails(&["last health check: never healthy", "the previous release still serves"]);
        assert_eq!(failed.result["rc"], 3);
        assert_eq!(failed.result["failures"][0]["old_serves"], true);
        let journal = failed.result["journal"].to_string();
        assert!(journal.contains("v2-sick listens"), "{journal}");
        assert_eq!((host.sh(&format!("cat {FILE}")), host.running("web"), host.files()), before);
        host.is_converged();

        let mut deployed = web("{revision}-exits");
        deployed["state"] = "deployed".into();
        deployed["revision"] = "v3".into();
        fleet.task(MODULE, &deployed, &[]).fails(&["v3-exits cannot go on", "still serves"]);
        // Ansible censors the result of a task, but not the registered variable.
        let hidden = json!({"conductor.conductor.conductor_service": web("v2-exits"),
            "no_log": true, "ignore_errors": true, "register": "result"});
        let shown = json!({"ansible.builtin.debug": {"var": "result.msg"}});
        let play = json!([{"hosts": "all", "gather_facts": false, "tasks": [hidden, shown]}]);
        fleet.write("hidden.yml", &play.to_string());
        let ran = fleet.play(&["hidden.yml"]).exits(0).says("see conductor logs --id web");
        assert!(!ran.stdout.contains("cannot go on"), "{ran}");
        assert_eq!((host.sh(&format!("cat {FILE}")), host.running("web"), host.files()), before);
    })
}

fn another_contract(pool: &Pool) -> Result<(), Failed> {
    with_host(pool, |host, fleet| {
        fleet.task(MODULE, &web("v1"), &[]).changed(true);
        let state = || (host.files(), host.running("web"), host.sh(&format!("cat {FILE}")));
        let before = state();
        for (program, says, messages) in [
            (
                "newer",
                r#"echo '{"x-contract-version": 3, "changed": false}'"#,
                &["/usr/local/bin/newer has version 3 of the contract", "hint: "][..],
            ),
            (
                "older",
                "echo 'error: unexpected argument --output' >&2; exit 2",
                &["older is not a conductor that", "unexpected argument --output", "hint: "],
            ),
            (
                "other",
                "echo fine",
                &["other is not a conductor that this collection supports: fine"],
            ),
        ] {
            host.write(&format!("/usr/local/bin/{program}"), &format!("#!/bin/sh\n{says}\n"));
            host.sh(&format!("chmod 755 /usr/local/bin/{program}"));
            let calls = [
                (MODULE, web("v2")),
                (MODULE, json!({"id": "web", "state": "deployed", "revision": "v2"})),
                (MODULE, json!({"id": "web", "state": "absent"})),
                ("conductor_info", json!({})),
                ("conductor_run", json!({"id": "web", "command": ["/usr/bin/true"]})),
                ("conductor_job", json!({"id": "web", "name": "a", "state": "ran"})),
                ("conductor_purge", json!({})),
                ("conductor_crontab_info", json!({"src": ["/etc/crontab"]})),
            ];
            let calls = calls.map(|(module, mut arguments)| {
                arguments["executable"] = program.into();
                Task { module, arguments, check: false }
            });
            for outcome in fleet.tasks(&calls) {
                outcome.fails(messages);
            }
            assert_eq!(state(), before, "{program}");
        }
    })
}

fn only_root_may(pool: &Pool) -> Result<(), Failed> {
    with_host(pool, |host, fleet| {
        fleet.task(MODULE, &web("v1"), &[]).changed(true);
        let before = (host.files(), host.running("web"), host.sh(&format!("cat {FILE}")));
        host.sh("useradd --create-home joe");
        let joe = ["--become", "--become-method", "su", "--become-user", "joe"];
        for (arguments, message) in [
            (web("v2"), "cannot write /etc/conductor/services/web.json: Permission denied"),
            (json!({"id": "web", "state": "deployed", "revision": "v2"}), "Permission denied"),
            (json!({"id": "web", "state": "absent"}), "Permission denied"),
        ] {
            fleet
                .task(MODULE, &arguments, &joe)
                .fails(&[message, "hint: this needs root: add become"]);
        }
        let after = (host.files(), host.running("web"), host.sh(&format!("cat {FILE}")));
        assert_eq!(after, before);
    })
}

fn being_changed(pool: &Pool) -> Result<(), Failed> {
    with_host(pool, |host, fleet| {
        fleet.task(MODULE, &web("v1"), &[]).changed(true);
        let before = host.sh(&format!("cat {FILE}"));
        let hold = "flock /run/conductor/lock sh -c 'touch /run/held; sleep infinity'";
        host.sh(&format!("systemd-run --quiet --unit=holder {hold}"));
        host.eventually("the lock is held", |host| host.path("/run/held").exists());
        let mut arguments = web("v2");
        arguments["lock_timeout"] = "0".into();
        let failed = fleet.task(MODULE, &arguments, &[]).fails(&["holds the lock"]);
        assert_eq!(failed.result["rc"], 4);
        assert_eq!(host.sh(&format!("cat {FILE}")), before);
        // Check mode takes no lock.
        fleet.task(MODULE, &arguments, &["--check"]).changed(true);
        host.sh("systemctl stop holder.service; rm /run/held");
        fleet.task(MODULE, &arguments, &[]).changed(true);
    })
}

fn health_is_insisted_on(pool: &Pool) -> Result<(), Failed> {
    with_host(pool, |host, fleet| {
        let mut arguments = web("v1");
        // Many failures are allowed, so that an unhealthy instance keeps running.
        arguments["definition"]["health"] = json!({"command": ["/usr/bin/test", "!", "-e", "/srv/ill"],
            "interval": "100ms", "retries": 600});
        arguments["wait_timeout"] = 1.into();
        fleet.task(MODULE, &arguments, &[]).changed(true);
        host.sh("touch /srv/ill");
        host.eventually("the check fails", |host| {
            let status = host.conductor(&["status", "--id", "web", "--output", "json"]).json();
            status["services"][0]["instances"][0]["healthy"] == false
        });
        let failed = fleet.task(MODULE, &arguments, &[]);
        failed.fails(&["instances are not healthy", "conductor-web-host.", "| v1 listens"]);
        arguments["wait"] = false.into();
        fleet.task(MODULE, &arguments, &[]).changed(false);
        arguments["wait"] = true.into();
        arguments["wait_timeout"] = 60.into();
        host.sh("(sleep 2; rm /srv/ill) >/dev/null 2>&1 &");
        fleet.task(MODULE, &arguments, &[]).changed(false);
    })
}
