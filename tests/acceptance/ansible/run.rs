//! The module `conductor_run`.

use libtest_mimic::Failed;
use serde_json::json;

use super::FleetTest;
use super::fleet::Fleet;
use crate::pool::Pool;

pub(crate) const TESTS: &[FleetTest] = &[("a_command_is_run_in_a_service", a_command_is_run)];

fn a_command_is_run(pool: &Pool) -> Result<(), Failed> {
    pool.run(|host| {
        let fleet = Fleet::new(vec![("web1", host)]).expect("the host is reachable");
        host.define(
            "web.yaml",
            "id: web\ncommand: [/usr/bin/sleep, infinity]\nenv: {GREETING: Hello}\n",
        );
        host.apply();
        let run = |arguments: serde_json::Value, options: &[&str]| {
            let mut all = json!({"id": "web"});
            let given = arguments.as_object().expect("arguments are an object").clone();
            all.as_object_mut().expect("this one, too").extend(given);
            fleet.task("conductor_run", &all, options)
        };
        let shell = |script: &str| json!(["/bin/sh", "-c", script]);

        let greets = run(
            json!({"command": shell("echo $GREETING $NAME; echo well >&2"),
            "env": {"NAME": "you  there"}}),
            &[],
        )
        .changed(true);
        assert_eq!(greets.result["stdout"], "Hello you there");
        assert_eq!(greets.result["stderr"], "well");
        assert_eq!(greets.result["rc"], 0);
        // The secrets of the task are in no log of the host.
        let secret = run(
            json!({"command": shell("echo $TOKEN $SHORT"),
            "env": {"TOKEN": "hunter2-hunter2", "SHORT": "1"}}),
            &[],
        )
        .changed(true);
        assert_eq!(secret.result["stdout"], "******** 1");
        host.sh("journalctl --sync");
        let logged = host.sh("journalctl --output=cat | grep 'Invoked with'");
        assert!(logged.contains("env=NOT_LOGGING_PARAMETER"), "{logged}");
        assert!(!logged.contains("hunter2"), "{logged}");
        let reads =
            run(json!({"command": ["/usr/bin/cat"], "stdin": "one\ntwo"}), &[]).changed(true);
        assert_eq!(reads.result["stdout"], "one\ntwo");
        let user = run(
            json!({"command": ["/usr/bin/id", "-un"], "user": "nobody", "memory": "100M",
            "cpu": "0.5"}),
            &[],
        )
        .changed(true);
        assert_eq!(user.result["stdout"], "nobody");

        for (command, more, status, message) in [
            (
                shell("echo oh no >&2; exit 7"),
                json!({}),
                7,
                "the command ended with exit status 7: oh no",
            ),
            (json!(["/usr/bin/no-such"]), json!({}), 127, "there is no program /usr/bin/no-such"),
            (
                json!(["/usr/bin/sleep", "60"]),
                json!({"timeout": "1s"}),
                124,
                "did not end within 1s",
            ),
            (json!(["/usr/bin/true"]), json!({"id": "nothing"}), 125, "nothing"),
        ] {
            let mut arguments = more;
            arguments["command"] = command;
            let failed = run(arguments, &[]);
            assert_eq!(failed.result["rc"], status, "{failed:?}");
            assert_eq!(failed.result["changed"], status != 125, "{failed:?}");
            let said = failed.result["msg"].as_str().unwrap_or_default();
            assert!(said.contains(message), "{failed:?}");
        }
        // An error of conductor is not the failure of the command.
        let bad = ["/bin/sh", "-c", "exit 2"];
        for (arguments, message) in [
            (json!({"command": bad, "timeout": "soon"}), "\"soon\" is not a time span"),
            (json!({"command": bad, "id": "nothing", "detach": true}), "no definition in"),
            (json!({"command": ["/usr/bin/no"], "detach": true}), "did not run the command in"),
            (json!({"command": bad, "env": {"A": 1.1}}), "env.A: expected text, found the number"),
            (json!({"command": bad, "revision": 1.1}), "revision: expected text"),
            (json!({"command": ["/bin/echo", 1.1]}), "command[1]: expected text"),
        ] {
            run(arguments, &[]).fails(&[message]);
        }
        let hinted = run(json!({"command": "/usr/bin/echo one two"}), &[]);
        let said = hinted.result["msg"].as_str().unwrap_or_default();
        assert!(said.contains("hint: command is a list"), "{hinted:?}");

        let once =
            json!({"command": shell("echo ran"), "creates": "/etc/conductor/services/web.*"});
        let skipped = run(once, &[]).changed(false);
        assert_eq!(skipped.result["stdout"], "");
        let once = json!({"command": ["/usr/bin/true"], "creates": "/srv/never"});
        let check = run(once.clone(), &["--check"]).changed(true);
        // Playbooks use these keys, also in check mode.
        assert_eq!((&check.result["stdout"], &check.result["rc"]), (&json!(""), &json!(0)));
        run(once, &[]).changed(true);
        let once = json!({"command": ["/usr/bin/true"], "removes": "/srv/never"});
        run(once, &[]).changed(false);
        let dry = run(json!({"command": shell("echo ran")}), &["--check"]).changed(false);
        assert_eq!(dry.result["skipped"], true);

        let detached =
            run(json!({"command": ["/usr/bin/sleep", "300"], "detach": true}), &[]).changed(true);
        let unit = detached.result["unit"].as_str().expect("a unit").to_owned();
        assert_eq!(host.property(&unit, "ActiveState"), "active");
        host.sh(&format!("systemctl stop {unit}"));
    })
}
