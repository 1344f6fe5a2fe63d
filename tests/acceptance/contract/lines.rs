//! Every command: when it changes something, changes nothing, fails, and in a dry run.

use super::{Contract, JSON, are_documented, define};
use crate::host::{Host, SLEEP};
use crate::ran::Ran;

pub(super) fn every_line_is_as_its_schema_says(host: &Host) {
    let contract = Contract::new(host);
    definitions(&contract);
    changes(&contract);
    failures(&contract);
    jobs(&contract);
    reports(&contract);
    one_offs(&contract);
    locks(&contract);
    departures(&contract);
    // Nothing was left out.
    let unknown = ["schema", "--output-of", "nothing"];
    let known = host.conductor(&[&unknown[..], &JSON].concat()).exits(2).json();
    let message = known["error"]["message"].as_str().expect("a message");
    let (_, values) = message.split_once("[possible values: ").expect("possible values");
    let mut values: Vec<_> = values.trim_end_matches(']').split(", ").collect();
    values.sort_unstable();
    let tried: Vec<_> = contract.validators.borrow().keys().cloned().collect();
    assert_eq!(tried, values);
    let events: Vec<_> = contract.events.borrow().iter().cloned().collect();
    let all = ["done", "failed", "note", "output", "reload", "step", "waiting"];
    assert_eq!(events, all);
    are_documented(contract.words.borrow().iter().chain(&events).chain(&tried));
}

/// Commands that need only definitions.
fn definitions(contract: &Contract<'_>) {
    contract.run(&["status"], 0);
    let answer = contract.run(&["init", "first"], 0);
    assert_eq!((&answer["changed"], &answer["id"]), (&true.into(), &"first".into()));
    assert_eq!(contract.run(&["init", "first"], 0)["changed"], false);
    let answer = contract.run(&["init", "first", "--runtime", "podman"], 2);
    assert_eq!(answer["error"]["kind"], "import", "{answer}");
    contract.run(&["check"], 0);
    contract.host.undefine("first.yaml");
    contract.run(&["doctor"], 0);
    contract.host.sh("mkdir -p /srv/by-hand/usr/bin");
    let install = ["install", "--root", "/srv/by-hand", "--probe", "/usr/bin/conductor-probe"];
    for changed in [true, false] {
        let answer = contract.run(&install, 0);
        assert_eq!(answer["changed"], changed, "{answer}");
        assert_eq!(answer["programs"][0]["path"], "/srv/by-hand/usr/bin/conductor-probe");
    }
    contract.run(&["version"], 0);
    let answer = contract.run(&["version", "--verbose"], 0);
    assert_eq!(answer["host"]["probe"], answer["version"], "{answer}");
    assert!(answer["host"]["systemd"].is_string(), "{answer}");
    let answer = contract.run(&["doctor", "--root", "/srv"], 2);
    assert_eq!(answer["error"]["kind"], "offline", "{answer}");
    for command in ["check", "render", "diff", "apply"] {
        let answer = contract.run(&[command, "/nowhere"], 2);
        assert_eq!(answer["error"]["kind"], "definition", "{answer}");
        contract.run(&[command, "--unheard-of"], 2);
    }
    contract.host.define("bad.yaml", "id: Bad\nport: 0\n");
    let answer = contract.run(&["check"], 2);
    assert_eq!(answer["errors"].as_array().map(Vec::len), Some(3), "{answer}");
    contract.host.undefine("bad.yaml");
    // A port without a health check causes advice.
    define(contract.host, "port: 80\n");
    let answer = contract.run(&["check"], 0);
    assert_eq!(answer["warnings"].as_array().map(Vec::len), Some(1), "{answer}");
    contract.run(&["render"], 0);
    contract.run(&["render", "--out", "/srv/units"], 0);
    let answer = contract.run(&["diff"], 0);
    assert_eq!(answer["changed"], true);
}

/// Successful changes: apply, deploy, rollback, each twice, and a restart.
fn changes(contract: &Contract<'_>) {
    let changed = |arguments: &[&str], changed: bool| {
        let answer = contract.run(arguments, 0);
        assert_eq!(answer["changed"], changed, "{answer}");
        answer
    };
    define(contract.host, "deploy: {before: [/usr/bin/printf, '\\033[31mred\\n']}\n");
    changed(&["apply", "--dry-run"], true);
    changed(&["apply"], true);
    changed(&["apply"], false);
    changed(&["apply", "--dry-run"], false);
    changed(&["diff"], false);
    let deploy = ["deploy", "--id", "web", "--revision", "v2"];
    changed(&[&deploy[..], &["--dry-run"]].concat(), true);
    let answer = changed(&deploy, true);
    assert_eq!((&answer["healthy"], &answer["services"][0]["id"]), (&true.into(), &"web".into()));
    changed(&deploy, false);
    // The definition has another revision, which causes a note.
    define(contract.host, "revision: v2\n");
    changed(&["deploy", "--id", "web", "--revision", "v3"], true);
    let rollback = ["rollback", "--id", "web"];
    changed(&[&rollback[..], &["--dry-run"]].concat(), true);
    changed(&rollback, true);
    changed(&["rollback", "--id", "web", "--to", "v2"], false);
    let restart = ["restart", "--id", "web"];
    changed(&[&restart[..], &["--dry-run"]].concat(), true);
    changed(&restart, true);
}

/// Failed changes.
fn failures(contract: &Contract<'_>) {
    let kind = |arguments: &[&str], status: i32, kind: &str| {
        let answer = contract.run(arguments, status);
        assert_eq!(answer["error"]["kind"], kind, "{answer}");
    };
    kind(&["deploy", "--id", "nobody", "--revision", "v1"], 2, "undefined_service");
    kind(&["deploy", "--id", "web"], 2, "usage");
    kind(&["rollback", "--id", "web", "--to", "v9"], 2, "no_rollback");
    kind(&["remove", "--id", "nobody"], 2, "unknown_service");
    kind(&["status", "--id", "nobody"], 2, "unknown_service");
    kind(&["status", "--root", "/srv/root", "--user"], 2, "usage");
    kind(&["logs"], 2, "usage");
    contract.host.define("bad.yaml", "id: bad\ncommand: [/bin/sh, -c, 'echo why; exit 4']\n");
    for command in [&["apply"][..], &["deploy", "--id", "bad", "--revision", "v1"]] {
        let answer = contract.run(command, 1);
        let services = answer["services"].as_array().expect("services");
        let failure = services.iter().find_map(|service| service.get("failure"));
        let failure = failure.unwrap_or_else(|| panic!("no failure in {answer}"));
        assert!(failure["journal"].to_string().contains("why"), "{answer}");
    }
    contract.host.undefine("bad.yaml");
    define(contract.host, "env: {A: a}\ndeploy: {before: [/bin/false]}\n");
    let answer = contract.run(&["deploy", "--id", "web", "--revision", "v4"], 3);
    assert_eq!(answer["services"][0]["failure"]["old_serves"], true, "{answer}");
}

fn jobs(contract: &Contract<'_>) {
    let id = ["--id", "web"];
    let cron = |command: &'static str, job: &'static str| ["cron", command, id[0], id[1], job];
    contract.run(&["cron", "translate", "*/5 * * * *"], 0);
    contract.run(&["cron", "translate", "30 2 * * *", "--timezone", "Europe/Berlin"], 0);
    contract.run(&["cron", "translate", "@reboot"], 0);
    let answer = contract.run(&["cron", "translate", "61 * * * *"], 2);
    assert_eq!(answer["error"]["kind"], "argument");
    contract.run(&["cron", "next"], 0);
    contract.run(&["cron", "next", "--id", "nobody"], 2);
    let answer = contract.run(&cron("run-now", "good"), 0);
    assert_eq!(answer["output"], serde_json::json!(["done"]));
    let answer = contract.run(&cron("run-now", "bad"), 1);
    assert_eq!(answer["exit_status"], 3, "{answer}");
    let answer = contract.run(&cron("run-now", "other"), 2);
    assert_eq!(answer["error"]["kind"], "unknown_job");
    let answer = contract.run(&["cron", "history"], 0);
    assert_eq!(answer["runs"][0]["exit_status"], 3, "{answer}");
    contract.run(&["cron", "history", "--id", "nobody"], 2);
    for command in ["pause", "resume"] {
        contract.run(&cron(command, "other"), 2);
        for (dry, changed) in [(true, true), (false, true), (false, false), (true, false)] {
            let dry: &[_] = if dry { &["--dry-run"] } else { &[] };
            let answer = contract.run(&[&cron(command, "good"), dry].concat(), 0);
            assert_eq!(answer["changed"], changed, "{command}: {answer}");
            assert!(answer["services"][0]["revision"].is_string(), "{answer}");
        }
        contract.run(&["cron", "next"], 0);
        contract.run(&["status"], 0);
    }
    let crontab = "LOGNAME=a\n*/5 * * * * /bin/true 100%in\n61 * * * * /bin/false\n";
    contract.host.write("/srv/crontab", crontab);
    let answer = contract.run(&["cron", "import", "/srv/crontab", "--owner", "root"], 1);
    assert_eq!((&answer["entries"], &answer["left_out"][0]["line"]), (&1.into(), &3.into()));
    contract.host.write("/srv/compose.yaml", "services: {web: {image: 'nginx:1', tty: true}}\n");
    contract.host.write("/srv/web.container", "[Container]\nImage=docker.io/library/nginx:1\n");
    for (command, file) in [("compose", "/srv/compose.yaml"), ("quadlet", "/srv/web.container")] {
        contract.run(&["import", command, file], 0);
        contract.run(&["import", command, "/srv/nothing"], 2);
    }
    let container = "id: db\nruntime: docker\nimage: redis\nrevision: '7'\n";
    contract.host.write("/srv/db.yaml", container);
    let answer = contract.run(&["export", "--to", "compose", "/srv/db.yaml"], 0);
    assert_eq!(answer["files"].as_array().map(Vec::len), Some(1), "{answer}");
    // What runs without a container is left out.
    contract.run(&["export", "--to", "compose"], 1);
    contract.run(&["export", "--to", "compose", "/srv/nothing"], 2);
    let answer = contract.run(&["cron", "import", "/srv/nothing", "--owner", "root"], 2);
    assert_eq!(answer["error"]["kind"], "crontab");
}

fn reports(contract: &Contract<'_>) {
    let answer = contract.run(&["status", "--id", "web"], 0);
    let service = &answer["services"][0];
    for (list, length) in [("instances", 2), ("releases", 3), ("jobs", 2)] {
        assert_eq!(service[list].as_array().map(Vec::len), Some(length), "{list}: {service}");
    }
    let watch = ["status", "--watch"];
    let mut command = contract.host.sandbox.command("timeout");
    let ran = Ran::new(command.args(["3", "conductor"]).args(watch).args(JSON)).exits(124);
    assert!(contract.check(&watch, &ran)["services"].is_array(), "{ran}");
    let answer = contract.run(&["logs", "--id", "web"], 0);
    assert_eq!(answer["CONDUCTOR_ID"], "web");
    let none = contract.host.conductor(&[&["logs", "--id", "nobody"], &JSON[..]].concat());
    assert_eq!(none.stdout, "", "{none}");
}

/// Runs; without `--detach` there is no JSON.
fn one_offs(contract: &Contract<'_>) {
    let run = |options: &[&str], program: &str, status| {
        let words = [&["run", "--id", "web", "--output", "json"], options, &[program]].concat();
        let ran = contract.host.conductor(&words).exits(status);
        contract.check(&["run"], &ran)
    };
    let answer = run(&["--detach"], "true", 0);
    assert!(answer["unit"].is_string(), "{answer}");
    let answer = run(&["--detach"], "/no/such", 125);
    assert_eq!(answer["error"]["kind"], "not_begun", "{answer}");
    let answer = run(&["--dry-run", "--memory", "64M"], "true", 0);
    assert!(answer["text"].to_string().contains("MemoryMax=64M") && answer["pull"].is_null());
    run(&["--memory", "lots"], "true", 2);
    let words = ["run", "--id", "nobody", "--output", "json", "true"];
    let ran = contract.host.conductor(&words).exits(125);
    assert!(ran.stdout.is_empty() && ran.stderr.starts_with("error: "), "{ran}");
}

/// A process that waits for the lock prints that; with `--lock-timeout 0`, it fails.
fn locks(contract: &Contract<'_>) {
    let hold = |seconds: &str| {
        contract.host.sh(&format!(
            "flock /run/conductor/lock sh -c 'touch /srv/held; exec sleep {seconds}' </dev/null >/dev/null 2>&1 &
             until [ -e /srv/held ]; do sleep 0.01; done; rm /srv/held"
        ));
    };
    hold("2");
    let apply = ["apply", "--lock-timeout"];
    let answer = contract.run(&[apply[0], apply[1], "0"], 4);
    assert_eq!(answer["error"]["kind"], "locked");
    define(contract.host, "");
    contract.run(&[apply[0], apply[1], "1min"], 0);
}

fn departures(contract: &Contract<'_>) {
    contract.host.define("other.yaml", &format!("id: other\n{SLEEP}"));
    contract.run(&["apply"], 0);
    contract.host.undefine("web.yaml");
    for arguments in [&["apply"][..], &["apply", "--dry-run"]] {
        let answer = contract.run(arguments, 0);
        assert_eq!(answer["orphans"], serde_json::json!(["web"]), "{answer}");
    }
    let remove = ["remove", "--id", "web"];
    let answer = contract.run(&[&remove[..], &["--dry-run"]].concat(), 0);
    assert!(answer["services"][0]["revision"].is_null(), "{answer}");
    contract.run(&remove, 0);
    contract.run(&remove, 2);
    contract.host.sh("mkdir /srv/image");
    contract.run(&["apply", "--root", "/srv/image", "/etc/conductor/services"], 0);
    contract.run(&["status", "--root", "/srv/image"], 0);
}
