//! What a run gets, what it leaves, and what is known of it afterwards.

use super::{define, is_old, jobs, shell};
use crate::host::{Host, SLEEP};
use serde_json::Value;

pub(super) fn failures_start_a_unit_and_are_shown(host: &Host) {
    for name in ["sad", "happy"] {
        let unit = format!(
            "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo \"$$0\" >>/srv/out/{name}' %i\n"
        );
        host.write(&format!("/etc/systemd/system/{name}@.service"), &unit);
    }
    let told = "on_failure: sad@%n.service, on_success: happy@%n.service";
    let job = |command: &str| format!("schedule: '@yearly', command: {}, {told}", shell(command));
    let good = job("echo fine");
    let bad = job("echo why it failed; exit 42");
    let slow = format!("{}, timeout: 1s", job("echo too slow; sleep 60"));
    let killed = job("kill -KILL $$");
    define(host, "", &[("good", &good), ("bad", &bad), ("slow", &slow), ("killed", &killed)]);
    host.apply();
    let run = |name: &str, status: i32| {
        host.conductor(&["cron", "run-now", "--id", "a", name]).exits(status)
    };
    run("good", 0).says("fine");
    let ran = run("bad", 1);
    assert_eq!(ran.stdout.trim(), "why it failed");
    ran.complains("error: bad of a failed: exit-code, exit status 42");
    run("slow", 1).complains("slow of a failed: timeout");
    run("killed", 1).complains("killed of a failed: signal, exit status 137");
    host.eventually("the units were started", |host| {
        let told = |file: &str| host.sh(&format!("sort /srv/out/{file} 2>/dev/null || true"));
        let sad = ["bad", "killed", "slow"].map(|name| format!("conductor-a-{name}.service"));
        told("sad") == sad.join("\n") && told("happy") == "conductor-a-good.service"
    });
    let found = jobs(host);
    assert_eq!(
        (&found["good"]["result"], &found["bad"]["result"]),
        (&"success".into(), &"exit-code".into())
    );
    assert_eq!(found["bad"]["exit_status"], 42);
    assert_eq!(found["killed"]["exit_status"], 137);
    let ran = host.conductor(&["status"]).exits(0);
    assert!(ran.stdout.contains("exit-code (42)"), "{ran}");
    assert!(ran.stdout.contains("bad of a failed; its last lines:"), "{ran}");
    assert!(ran.stdout.contains("  why it failed"), "{ran}");
    let json =
        host.conductor(&["cron", "run-now", "--id", "a", "bad", "--output", "json"]).exits(1);
    let json = json.json();
    assert_eq!(
        (&json["result"], &json["exit_status"]),
        (&"exit-code".into(), &42.into()),
        "{json}"
    );
    assert_eq!(json["output"], serde_json::json!(["why it failed"]));
    // Unknown services and jobs.
    run("none", 2).complains(
        "error: a has no job none on this host\n  hint: its jobs are bad, good, killed, slow",
    );
    let ran = host.conductor(&["cron", "run-now", "--id", "b", "good"]).exits(2);
    ran.complains("error: there is no service b on this host");
}

pub(super) fn the_last_lines_are_those_of_the_last_run(host: &Host) {
    let script = "n=$(cat /out/n 2>/dev/null || echo 0); n=$((n + 1)); echo $n >/out/n; \
                  echo run $n; echo why $n >&2; exit $n";
    let job = format!("schedule: '@yearly', command: {}", shell(script));
    define(host, "", &[("one", &job)]);
    host.apply();
    for n in 1..=2 {
        host.conductor(&["cron", "run-now", "--id", "a", "one"]).exits(1);
        let found = jobs(host)["one"]["journal"].as_array().expect("lines").clone();
        // The program's own lines first, then what systemd says of this run, and nothing of another.
        assert_eq!(
            found[..2],
            [format!("run {n}").into(), format!("why {n}").into()] as [Value; 2]
        );
        assert!(found.len() <= 8, "{found:?}");
        let text = serde_json::to_string(&found).expect("JSON");
        assert!(text.contains(&format!("status={n}")), "{text}");
        assert!(n == 1 || !text.contains("run 1") && !text.contains("status=1"), "{text}");
    }
}

pub(super) fn what_a_job_gets(host: &Host) {
    host.sh("useradd --system worker 2>/dev/null || true");
    let script = "cat >/out/stdin; echo $A$B >/out/env; id -un >/out/user; echo heard";
    let job = format!(
        "schedule: '@yearly', command: {}, env: {{B: \"2\"}}, user: worker, limits: {{memory: 64M}}, \
         stdin: \"100%\\ntwo lines, and a \\u00e4\"",
        shell(script)
    );
    let endless = shell("while :; do echo y; done | head -1");
    let pipe = format!("schedule: '@yearly', timeout: 20s, command: {endless}");
    let common = "env: {A: \"1\", B: \"1\"}\nlimits: {memory: 32M, pids: 9}\n";
    let leaves = |name: &str| shell(&format!("(sleep 1; touch /out/{name}) & echo left"));
    let leaves =
        |name: &str, more: &str| format!("schedule: '@yearly', command: {}{more}", leaves(name));
    let (killed, kept) = (leaves("killed", ""), leaves("kept", ", children: keep"));
    let all = [("all", &job), ("pipe", &pipe), ("killed", &killed), ("kept", &kept)];
    define(host, common, &all.map(|(name, keys)| (name, keys.as_str())));
    host.apply();
    host.conductor(&["cron", "run-now", "--id", "a", "all"]).exits(0);
    // A program whose output nobody reads ends, as under cron.
    host.conductor(&["cron", "run-now", "--id", "a", "pipe"]).exits(0).says("y\n");
    assert_eq!(host.sh("cat /srv/out/stdin"), "100%\ntwo lines, and a \u{e4}");
    assert_eq!(host.sh("cat /srv/out/env /srv/out/user"), "12\nworker");
    // What a command leaves behind ends with it, or goes on.
    for name in ["killed", "kept"] {
        host.conductor(&["cron", "run-now", "--id", "a", name]).exits(0).says("left");
    }
    host.eventually("the kept process ends", |host| host.path("/srv/out/kept").exists());
    assert!(!host.path("/srv/out/killed").exists());
    let unit = "conductor-a-all.service";
    assert_eq!(host.property(unit, "MemoryMax"), (64 << 20).to_string());
    assert_eq!(host.property(unit, "TasksMax"), "9");
    assert_eq!(host.property(unit, "Slice"), "conductor-a.slice");
    let log = host.conductor(&["logs", "--id", "a"]).exits(0);
    assert!(log.stdout.contains("heard"), "{log}");
    let of_job = |name: &str| host.conductor(&["logs", "--id", "a", "--job", name]).exits(0).stdout;
    let (all, left) = (of_job("all"), of_job("kept"));
    assert!(all.contains("heard") && !all.contains("left"), "{all}");
    assert!(left.contains("left") && !left.contains("heard"), "{left}");
}

/// With `children: keep`, it goes on over deploys and also when its job goes, and ends when the service does.
pub(super) fn what_a_command_leaves_behind_ends_with_its_service(host: &Host) {
    let stays = |name: &str, on_term: &str| {
        let loops = "while [ -e /out/hold ]; do sleep 0.1; done";
        shell(&format!(
            "(trap '{on_term}' TERM; touch /out/{name}; {loops}; touch /out/lost) & echo {{revision}}"
        ))
    };
    let kept = format!(
        "schedule: '@yearly', children: keep, command: {}",
        stays("kept", "echo x >>/out/ended; exit")
    );
    let other = "schedule: '@yearly', command: [/bin/true]";
    let processes = |host: &Host| {
        let groups = "/sys/fs/cgroup/conductor.slice/conductor-a.slice";
        host.sh(&format!("cat {groups}/*/cgroup.procs 2>/dev/null | wc -l"))
    };
    let begin = |host: &Host, kept: &str| {
        define(host, "revision: v1\n", &[("kept", kept), ("other", other)]);
        host.sh("rm -f /srv/out/kept; touch /srv/out/hold");
        host.apply();
        host.conductor(&["cron", "run-now", "--id", "a", "kept"]).exits(0);
        host.eventually("it has begun", |host| host.path("/srv/out/kept").exists());
        assert_ne!(processes(host), "0");
    };
    begin(host, &kept);
    host.conductor(&["deploy", "--id", "a", "--revision", "v2"]).exits(0);
    define(host, "revision: v2\n", &[("other", other)]);
    host.apply();
    host.is_converged();
    assert_ne!(processes(host), "0");
    assert!(!host.path("/srv/out/ended").exists());
    host.conductor(&["remove", "--id", "a"]).exits(0);
    assert_eq!((processes(host), host.sh("cat /srv/out/ended")), ("0".to_owned(), "x".to_owned()));

    // One that does not end by itself is killed, and `apply --prune` ends what `remove` does.
    let stubborn = format!("schedule: '@yearly', children: keep, command: {}", stays("kept", ""));
    begin(host, &stubborn);
    host.undefine("a.yaml");
    host.define("b.yaml", &format!("id: b\n{SLEEP}"));
    host.conductor(&["apply", "--prune"]).exits(0);
    assert_eq!((processes(host), host.sh("cat /srv/out/ended")), ("0".to_owned(), "x".to_owned()));
    assert!(!host.path("/srv/out/lost").exists());
}

/// The journal has them, also of a job that is no longer there.
pub(super) fn past_runs(host: &Host) {
    // Those of earlier tests in this sandbox.
    host.sh("journalctl --quiet --rotate --vacuum-size=1");
    let flaky = shell(
        "echo began {revision}; if [ -e /out/bad ]; then echo is bad; exit 7; fi; echo is good",
    );
    let job = |command: &str, more: &str| format!("schedule: '@yearly', command: {command}{more}");
    let (flaky, killed) = (job(&flaky, ""), job(&shell("kill -KILL $$"), ""));
    let late = job(&shell("sleep 60"), ", timeout: 1s");
    let holds = job(&shell("while [ -e /out/hold ]; do sleep 0.1; done"), "");
    define(
        host,
        "revision: v1\n",
        &[("flaky", &flaky), ("killed", &killed), ("late", &late), ("holds", &holds)],
    );
    host.apply();
    let history = |more: &[&str]| {
        let ran =
            host.conductor(&[&["cron", "history", "--output", "json"], more].concat()).exits(0);
        ran.json()["runs"].as_array().expect("runs").clone()
    };
    assert_eq!(history(&["--id", "a"]), [Value::Null; 0]);
    host.conductor(&["cron", "history"]).exits(0).says("the journal has no runs of jobs\n");
    let run = |job: &str, status: i32| {
        drop(host.conductor(&["cron", "run-now", "--id", "a", job]).exits(status));
    };
    host.sh("touch /srv/out/hold");
    run("flaky", 0);
    run("killed", 1);
    run("late", 1);
    host.sh("touch /srv/out/bad");
    run("flaky", 1);
    host.sh("systemctl start --no-block conductor-a-holds.service");
    host.eventually("it runs", |host| jobs(host)["holds"]["running"] == true);

    let short = |run: &Value| {
        (
            run["job"].clone(),
            run["result"].clone(),
            run["exit_status"].clone(),
            run["running"].clone(),
        )
    };
    let runs = history(&["--id", "a"]);
    let expected = [
        ("holds", Value::Null, Value::Null, true),
        ("flaky", "exit-code".into(), 7.into(), false),
        ("late", "timeout".into(), 143.into(), false),
        ("killed", "signal".into(), 137.into(), false),
        ("flaky", "success".into(), 0.into(), false),
    ];
    let expected =
        expected.map(|(job, result, status, running)| (job.into(), result, status, running.into()));
    assert_eq!(runs.iter().map(short).collect::<Vec<_>>(), expected, "{runs:#?}");
    // systemd 252 does not log it.
    let old_systemd = is_old(host);
    let revision: Value = if old_systemd { Value::Null } else { "v1".into() };
    let is_whole = |run: &Value| run["revision"] == revision && run["started"].is_u64();
    assert!(runs.iter().all(is_whole), "{runs:#?}");
    let took = runs[2]["took_usec"].as_u64().expect("a time");
    assert!((900_000..20_000_000).contains(&took), "{took}");
    assert_eq!((&runs[0]["ended"], &runs[0]["took_usec"]), (&Value::Null, &Value::Null));
    assert_eq!(history(&["--id", "a", "-n", "2"]), runs[..2]);
    assert_eq!(history(&["-n", "3"]), runs[..3]);
    assert_eq!(history(&["--id", "a", "--job", "flaky"]), [runs[1].clone(), runs[4].clone()]);
    let shown = host.conductor(&["cron", "history", "--id", "a"]).exits(0).stdout;
    let lines: Vec<_> = shown.lines().collect();
    assert!(lines[0].starts_with("STARTED "), "{shown}");
    assert!(lines[1].ends_with(" running") && lines[2].ends_with(" exit-code (7)"), "{shown}");
    assert!(
        lines[5].contains(if old_systemd { " - " } else { " v1 " })
            && lines[5].ends_with(" success"),
        "{shown}"
    );

    // The last run alone, as journald has it.
    let last = |job: &str| host.conductor(&["logs", "a", "--job", job, "--last"]).exits(0);
    let lines = last("flaky").says("began v1").says("is bad").stdout;
    assert!(!lines.contains("is good"), "{lines}");
    let id = runs[1]["invocation"].as_str().expect("an id").to_owned();
    assert_eq!(
        host.sh(&format!("journalctl INVOCATION_ID={id} | grep -c 'Main process exited'")),
        "1"
    );
    host.sh("rm /srv/out/hold");
    host.eventually("it ends", |host| jobs(host)["holds"]["running"] == false);
    define(host, "", &[("holds", &holds)]);
    host.apply();
    assert_eq!(history(&["--id", "a", "--job", "killed"]), [runs[3].clone()]);
    let ended = history(&["--id", "a"]);
    assert_eq!((ended.len(), &ended[0]["result"]), (1, &"success".into()), "{ended:#?}");
    for (arguments, why) in [
        (&["--id", "a", "--job", "none"][..], "a has no job none on this host"),
        (&["--id", "b"], "there is no service b on this host"),
        (&["--id", "b", "--job", "c"], "there is no service b on this host"),
    ] {
        host.conductor(&[&["cron", "history"], arguments].concat()).exits(2).complains(why);
    }
    let ran = host.conductor(&["logs", "a", "--job", "none", "--last"]).exits(0);
    ran.complains("note: the journal has no run of none");
}
