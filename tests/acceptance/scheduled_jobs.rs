//! Scheduled jobs on a real systemd: timers, results of runs, and the operator's commands.

use std::collections::BTreeMap;

use conductor_sandbox::Engine;
use serde_json::Value;

use crate::Test;
use crate::host::{Host, SLEEP};

pub(crate) const TESTS: &[Test] = &[
    ("overlapping_runs_are_skipped_or_queued", overlapping_runs_are_skipped_or_queued),
    ("a_deploy_moves_jobs_and_lets_them_end", a_deploy_moves_jobs_and_lets_them_end),
    ("every_second_and_paused", every_second_and_paused),
    ("times_that_have_passed_start_nothing", times_that_have_passed_start_nothing),
    ("jobs_wait_for_their_turn", jobs_wait_for_their_turn),
    ("an_interval_begins_when_a_run_has_ended", an_interval_begins_when_a_run_has_ended),
    ("a_run_that_was_missed_is_caught_up_on", a_run_that_was_missed_is_caught_up_on),
    ("failures_start_a_unit_and_are_shown", failures_start_a_unit_and_are_shown),
    ("the_last_lines_are_those_of_the_last_run", the_last_lines_are_those_of_the_last_run),
    ("what_a_job_gets", what_a_job_gets),
    (
        "what_a_command_leaves_behind_ends_with_its_service",
        what_a_command_leaves_behind_ends_with_its_service,
    ),
    ("past_runs", past_runs),
    ("time_zones", time_zones),
    ("at_boot", at_boot),
    ("without_instances", without_instances),
    ("in_containers", in_containers),
    ("a_job_that_goes", a_job_that_goes),
];

const LOG: &str = "volumes: [/srv/out:/out]\n";

fn shell(script: &str) -> String {
    serde_json::json!(["/bin/sh", "-c", script]).to_string()
}

/// Defines a service without instances and with jobs, given as names and keys.
fn define(host: &Host, more: &str, jobs: &[(&str, &str)]) {
    host.sh("mkdir -p -m 777 /srv/out");
    let jobs = jobs.iter().map(|(name, keys)| format!("  {name}: {{{keys}}}\n"));
    let jobs = jobs.collect::<Vec<_>>().concat();
    host.define("a.yaml", &format!("id: a\ninstances: 0\n{LOG}{more}cron:\n{jobs}"));
}

fn jobs(host: &Host) -> BTreeMap<String, Value> {
    let status = host.conductor(&["status", "--output", "json"]).exits(0).json();
    let services = status["services"].as_array().expect("services").iter();
    let jobs = services.flat_map(|service| service["jobs"].as_array().expect("jobs").clone());
    jobs.map(|job| (job["name"].as_str().expect("a name").to_owned(), job)).collect()
}

fn lines(host: &Host, file: &str) -> Vec<f64> {
    let text = host.sh(&format!("cat /srv/out/{file} 2>/dev/null || true"));
    text.split_whitespace().map(|line| line.parse().expect("a time")).collect()
}

fn every_second_and_paused(host: &Host) {
    let tick = shell("date +%s.%N >>/out/tick");
    define(host, "", &[("tick", &format!("calendar: '*:*:*', command: {tick}"))]);
    host.apply();
    // A busy machine may delay a run, and systemd then skips a second. So some five runs in a row are each second.
    let gaps = |host: &Host| {
        let times = lines(host, "tick");
        times.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<_>>()
    };
    host.eventually("it ran five times, each second", |host| {
        gaps(host).windows(4).any(|gaps| gaps.iter().all(|gap| (0.5..1.9).contains(gap)))
    });
    let job = &jobs(host)["tick"];
    assert_eq!((&job["enabled"], &job["waits"]), (&true.into(), &true.into()), "{job}");
    assert!(job["last"].as_u64().is_some(), "{job}");
    // While it runs, systemd has no next time for it.
    host.eventually("it has a next time", |host| jobs(host)["tick"]["next"].is_u64());

    let ran = host.conductor(&["cron", "pause", "--id", "a", "tick"]).exits(0);
    assert!(ran.stdout.contains("changed: a"), "{ran}");
    host.conductor(&["cron", "pause", "--id", "a", "tick"]).exits(0).says("nothing changed");
    host.eventually("no run is under way", |host| jobs(host)["tick"]["running"] == false);
    let paused = lines(host, "tick").len();
    host.is_converged();
    host.sh("sleep 2.5; systemctl daemon-reload; systemctl start timers.target");
    assert_eq!(lines(host, "tick").len(), paused, "it ran while it was paused");
    let job = &jobs(host)["tick"];
    assert!(job["paused"].is_i64() && job["waits"] == false, "{job}");
    // It can still be run.
    host.conductor(&["cron", "run-now", "--id", "a", "tick"]).exits(0);
    assert_eq!(lines(host, "tick").len(), paused + 1);
    host.conductor(&["cron", "resume", "--id", "a", "tick"]).exits(0);
    host.eventually("it runs again", |host| lines(host, "tick").len() > paused + 2);
    host.is_converged();
}

/// Returns whether the host has systemd 252, of Debian 12.
fn is_old(host: &Host) -> bool {
    host.sh("systemctl --version").starts_with("systemd 252")
}

fn overlapping_runs_are_skipped_or_queued(host: &Host) {
    let slow = |file: &str| shell(&format!("date +%s.%N >>/out/{file}; sleep 4"));
    let job = |overlap: &str| {
        format!("calendar: '*:*:0/3', command: {}, overlap: {overlap}", slow(overlap))
    };
    define(host, "", &[("skip", &job("skip")), ("queue", &job("queue"))]);
    host.apply();
    host.eventually("both ran three times", |host| {
        ["skip", "queue"].iter().all(|file| lines(host, file).len() >= 3)
    });
    let gaps = |file: &str| {
        let times = lines(host, file);
        times.windows(2).take(2).map(|pair| pair[1] - pair[0]).collect::<Vec<_>>()
    };
    // A job that takes 4 s and is due every 3 s runs at 0 and 6, or at 0 and right after its end.
    let (skip, queue) = (gaps("skip"), gaps("queue"));
    // systemd 252 queues it, too.
    let skips = if is_old(host) { 3.9..5.0 } else { 5.0..7.5 };
    assert!(skip.iter().all(|gap| skips.contains(gap)), "{skip:?}");
    assert!(queue.iter().all(|gap| (3.9..5.0).contains(gap)), "{queue:?}");
}

fn jobs_wait_for_their_turn(host: &Host) {
    const NAMES: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];
    // The places are not within the reach of a job.
    let script = |name: &str| {
        shell(&format!(
            "ls /run/conductor/turns && echo seen >>/out/seen; echo +{name} >>/out/log; \
             while [ -e /out/hold-{name} ]; do sleep 0.05; done; echo -{name} >>/out/log"
        ))
    };
    let job = |name: &str| {
        let timeout = if name == "d" { "1s" } else { "1min" };
        format!("schedule: '@yearly', timeout: {timeout}, command: {}", script(name))
    };
    let all = NAMES.map(|name| (name, job(name)));
    let all: Vec<_> = all.iter().map(|(name, keys)| (*name, keys.as_str())).collect();
    define(host, "max_parallel: 2\n", &all);
    host.apply();
    host.is_converged();
    let log = |host: &Host| host.sh("cat /srv/out/log 2>/dev/null || true").replace('\n', " ");
    let start = |name: &str| {
        host.sh(&format!("systemctl start --no-block conductor-a-{name}.service"));
    };
    let is = |what: &str, running: &str, queued: &str| are(host, 2, what, (running, queued));
    host.sh("cd /srv/out; touch hold-a hold-b hold-c hold-e hold-f hold-g");
    start("a");
    is("the first runs", "a", "");
    start("b");
    is("the second runs", "ab", "");
    start("c");
    is("the third waits", "ab", "c");
    start("d");
    is("so does the fourth", "ab", "cd");
    let run_now = host.start(&["cron", "run-now", "--id", "a", "e"]);
    is("so does one that is run by hand", "ab", "cde");
    let shown = host.conductor(&["status"]).exits(0).stdout;
    assert_eq!(shown.lines().filter(|line| line.contains("waiting")).count(), 3, "{shown}");
    for name in ["f", "g"] {
        start(name);
    }
    is("so do the others", "ab", "cdefg");

    // However a job ends, its place is free, and the one that has waited longest runs.
    host.sh("systemctl kill --signal=KILL conductor-a-a.service");
    is("the third has the place of one that was killed", "bc", "defg");
    host.sh("systemctl stop conductor-a-f.service");
    is("one that was stopped waits no more", "bc", "deg");
    // The fourth has waited for longer than its timeout.
    host.sh("sleep 1; rm /srv/out/hold-b");
    is("the fourth has run, and the fifth runs", "ce", "g");
    assert_eq!(jobs(host)["d"]["result"], "success");
    host.sh("rm /srv/out/hold-c /srv/out/hold-e");
    let ran = run_now.finish().exits(0);
    ran.complains("note: e of a waits for its turn");
    is("the last runs", "g", "");

    // Nothing starts while the service is removed.
    host.sh("touch /srv/out/hold-a");
    start("a");
    is("two run", "ag", "");
    start("b");
    is("one waits", "ag", "b");
    let before = log(host);
    let starts = before.split(' ').filter(|word| word.starts_with('+'));
    assert_eq!(starts.collect::<String>(), "+a+b+c+d+e+g+a", "{before}");
    host.conductor(&["remove", "--id", "a"]).exits(0);
    assert_eq!(log(host), before);
    host.eventually("no place is held", |host| {
        host.sh("systemctl list-units --no-legend 'conductor-turn@*'").is_empty()
    });
    assert!(!host.path("/srv/out/seen").exists());
    assert_eq!(host.sh("stat -c '%a %U' /run/conductor/turns"), "700 root");
    host.undefine("a.yaml");
    jobs_of_all_services_wait_for_the_host(host);
}

/// Waits until these jobs run, and these wait, and asserts that never more run than may.
fn are(host: &Host, most: usize, what: &str, (running, queued): (&str, &str)) {
    host.eventually(what, |host| {
        let jobs = jobs(host);
        let of = |key: &str| {
            let names = jobs.iter().filter(|(_, job)| job[key] == true).map(|(name, _)| &**name);
            names.collect::<Vec<_>>()
        };
        assert!(of("running").len() <= most, "{:?} run at the same time", of("running"));
        (of("running").concat().as_str(), of("queued").concat().as_str()) == (running, queued)
    });
}

/// The limit of the host counts the jobs of all services, and that of a service holds as well.
fn jobs_of_all_services_wait_for_the_host(host: &Host) {
    const SETTINGS: &str = "/etc/conductor/host.yaml";
    let define = |service: &str, more: &str, names: [&str; 2]| {
        let job = |name: &str| {
            let script = shell(&format!("while [ -e /out/hold-{name} ]; do sleep 0.05; done"));
            format!("  {name}: {{schedule: '@yearly', command: {script}}}\n")
        };
        let jobs = names.map(job).concat();
        let file = format!("{service}.yaml");
        host.define(&file, &format!("id: {service}\ninstances: 0\n{LOG}{more}cron:\n{jobs}"));
    };
    host.sh("cd /srv/out; rm -f hold-*; touch hold-a hold-b hold-c hold-d");
    define("one", "max_parallel: 1\n", ["a", "b"]);
    define("two", "", ["c", "d"]);
    host.apply();
    let units = |host: &Host| {
        host.sh(
            "cd /etc/systemd/system; grep -l '^Wants=conductor-turn@' conductor-*.service || true",
        )
        .replace("conductor-", "")
        .replace(".service", "")
        .replace('\n', " ")
    };
    assert_eq!(units(host), "one-a one-b");
    let since = |host: &Host| {
        let timers = "conductor-one-a.timer conductor-two-c.timer";
        host.sh(&format!("systemctl show --property ActiveEnterTimestampMonotonic {timers}"))
    };
    let began = since(host);
    host.write(SETTINGS, "max_parallel: 2\n");
    host.apply();
    host.is_converged();
    assert_eq!(units(host), "one-a one-b two-c two-d");

    let start =
        |unit: &str| host.sh(&format!("systemctl start --no-block conductor-{unit}.service"));
    let is =
        |most, what: &str, running: &str, queued: &str| are(host, most, what, (running, queued));
    start("one-a");
    is(2, "the first runs", "a", "");
    start("one-b");
    is(2, "one waits for its service", "a", "b");
    start("two-c");
    is(2, "the other service has the other place", "ac", "b");
    start("two-d");
    is(2, "one waits for the host", "ac", "bd");
    let place = "conductor-turn@0:two:d.service";
    let says = "d waits while 2 jobs of this host run";
    host.eventually("systemd says so", |host| host.property(place, "StatusText") == says);
    host.sh("rm /srv/out/hold-a");
    is(2, "the one that has waited for the host runs", "cd", "b");

    // A wrong limit changes nothing, another one starts and stops nothing, and counts for jobs that start.
    host.write(SETTINGS, "max_parallel: 0\n");
    let wrong = host.conductor(&["apply"]).exits(2);
    wrong.complains(&format!(
        "{SETTINGS}:1:15: max_parallel: 0 jobs at a time\n  hint: write 1 or more"
    ));
    host.write(SETTINGS, "max_parallel: 3\n");
    host.apply();
    host.is_converged();
    is(2, "nothing has changed", "cd", "b");
    host.sh("touch /srv/out/hold-a; rm /srv/out/hold-c");
    is(2, "the one of the other service has a place", "bd", "");
    start("one-a");
    host.sh("touch /srv/out/hold-c");
    start("two-c");
    is(3, "there is a third place", "bcd", "a");
    host.sh(&format!("rm {SETTINGS}"));
    host.apply();
    host.is_converged();
    assert_eq!((units(host).as_str(), since(host)), ("one-a one-b", began));
    is(3, "nothing has changed", "bcd", "a");
    host.sh("rm /srv/out/hold-b");
    is(3, "the last runs", "acd", "");
    for id in ["one", "two"] {
        host.conductor(&["remove", "--id", id]).exits(0);
    }
    host.eventually("no place is held", |host| {
        host.sh("systemctl list-units --no-legend 'conductor-turn@*'").is_empty()
    });
}

fn an_interval_begins_when_a_run_has_ended(host: &Host) {
    let now = |host: &Host| host.sh("date +%s.%N").parse::<f64>().expect("a time");
    // Its runs fail, so that systemd keeps the unit and the time of the last one.
    let slow = shell("date +%s.%N >>/out/slow; sleep 1; date +%s.%N >>/out/ended; exit 1");
    let job = |every: &str| format!("every: {every}, command: {slow}");
    let rare = ("rare", "every: 1h, command: [/bin/true]");
    define(host, "", &[("slow", &job("2s")), rare]);
    let applied = now(host);
    host.apply();
    // The timer counts from a time after this one.
    let next = |name: &str| jobs(host)[name]["next"].as_f64().expect("a time") / 1e6;
    assert!((applied + 3590.0..now(host) + 3601.0).contains(&next("rare")), "{}", next("rare"));
    let job_of = |host: &Host, name: &str| {
        let json = host.conductor(&["cron", "next", "--output", "json"]).exits(0).json();
        let jobs = json["jobs"].as_array().expect("jobs").clone();
        jobs.into_iter().find(|job| job["job"] == name).expect("the job")
    };
    let rarely = job_of(host, "rare");
    assert_eq!((&rarely["every"], &rarely["calendar"]), (&"1h".into(), &serde_json::json!([])));
    // It would be the 24th at the moment at which the list ends.
    let times = rarely["times"].as_array().expect("times");
    assert!((23..=24).contains(&times.len()), "{rarely}");
    assert!((times[0].as_f64().expect("a time") / 1e6 - next("rare")).abs() < 0.1, "{rarely}");
    host.conductor(&["cron", "next"]).exits(0).says("every 1h");
    let shown = host.conductor(&["status"]).exits(0).stdout;
    assert!(shown.lines().any(|line| line.contains(" rare ") && line.contains(" in ")), "{shown}");

    host.eventually("it ran twice", |host| lines(host, "ended").len() >= 2);
    let (began, ended) = (lines(host, "slow"), lines(host, "ended"));
    assert!(began[0] >= applied + 2.0, "{applied}: {began:?}");
    for (end, begin) in ended.iter().zip(&began[1..]) {
        assert!(begin - end >= 1.9, "{began:?} {ended:?}");
    }
    // Another interval, a resumed job and one that is enabled again count from then on: more time than that has
    // passed since the last run.
    let passes = |host: &Host| {
        let until = now(host) + 2.5;
        host.eventually("time passes", |host| now(host) > until);
    };
    let first_after = |host: &Host, since: f64| {
        host.eventually("it runs", |host| lines(host, "slow").iter().any(|time| *time > since));
        let times = lines(host, "slow");
        times.into_iter().find(|time| *time > since).expect("a time")
    };
    let off = ", enabled: false";
    define(host, "", &[("slow", &format!("{}{off}", job("2s")))]);
    host.apply();
    host.eventually("no run is under way", |host| jobs(host)["slow"]["running"] == false);
    passes(host);
    let changed = now(host);
    define(host, "", &[("slow", &job("1500ms"))]);
    host.apply();
    let first = first_after(host, changed);
    assert!(first >= changed + 1.5, "{changed} {first}");
    host.conductor(&["cron", "pause", "--id", "a", "slow"]).exits(0);
    host.eventually("no run is under way", |host| jobs(host)["slow"]["running"] == false);
    passes(host);
    let resumed = now(host);
    host.conductor(&["cron", "resume", "--id", "a", "slow"]).exits(0);
    let first = first_after(host, resumed);
    assert!(first >= resumed + 1.5, "{resumed} {first}");
    host.is_converged();
    // A job that was removed and comes back does so, too.
    host.eventually("a run has ended", |host| jobs(host)["slow"]["running"] == false);
    define(host, "", &[rare]);
    host.apply();
    host.eventually("it ended", |host| lines(host, "slow").len() == lines(host, "ended").len());
    passes(host);
    let back = now(host);
    define(host, "", &[("slow", &job("2s")), rare]);
    host.apply();
    let first = first_after(host, back);
    assert!(first >= back + 2.0, "{back} {first}");
}

fn a_run_that_was_missed_is_caught_up_on(host: &Host) {
    let job = |file: &str, catch_up: bool| {
        let command = shell(&format!("date +%s >>/out/{file}"));
        format!("schedule: '@daily', command: {command}, catch_up: {catch_up}")
    };
    define(host, "", &[("late", &job("late", true)), ("never", &job("never", false))]);
    host.apply();
    assert_eq!((lines(host, "late").len(), lines(host, "never").len()), (0, 0));
    // As after two days without power: systemd stores the last run of a job that catches up.
    let stamps = "/var/lib/systemd/timers";
    host.sh(&format!(
        "systemctl stop conductor-a-late.timer conductor-a-never.timer; \
         touch -d '2 days ago' {stamps}/stamp-conductor-a-late.timer; \
         systemctl start conductor-a-late.timer conductor-a-never.timer"
    ));
    host.eventually("it is caught up on", |host| lines(host, "late").len() == 1);
    assert_eq!(lines(host, "never").len(), 0);
    host.conductor(&["remove", "--id", "a"]).exits(0);
    assert_eq!(host.sh(&format!("find {stamps} -name '*conductor*'")), "");
}

/// systemd counts a timer's times from its last start, the end of the job's last run, or what a file says. So a
/// new schedule with a time since then would start the job at once.
fn times_that_have_passed_start_nothing(host: &Host) {
    let ran = |host: &Host, name: &str| lines(host, name).len();
    let job = |name: &str, when: &str, more: &str| {
        let fails = u8::from(name.starts_with("bad"));
        let command = shell(&format!("date +%s >>/out/{name}; exit {fails}"));
        format!("{when}, command: {command}{more}")
    };
    let waiting = shell("while [ -e /out/hold ]; do sleep 0.1; done");
    // Whatever would start at once has started when a job that runs each second has run twice.
    let every_second = job("tick", "calendar: '*:*:*'", "");
    let all = |when: &str, moved: &str, more: &str| {
        let tick = ("tick", every_second.clone());
        let hold = ("hold", format!("calendar: '*:*:*', command: {waiting}"));
        let jobs = [
            ("good", job("good", when, "")),
            ("bad", job("bad", when, "")),
            ("badoff", job("badoff", when, more)),
            ("kept", job("kept", when, ", catch_up: true")),
            ("keptoff", job("keptoff", when, &format!(", catch_up: true{more}"))),
            ("queued", job("queued", when, ", overlap: queue")),
            ("moved", job("moved", moved, "")),
            tick,
            hold,
        ];
        let jobs: Vec<_> = jobs.iter().map(|(name, keys)| (*name, keys.as_str())).collect();
        define(host, "", &jobs);
        host.apply();
    };
    let nothing_starts = |runs: &BTreeMap<&str, usize>| {
        let before = ran(host, "tick");
        host.eventually("time passes", |host| ran(host, "tick") > before + 2);
        for (name, runs) in runs {
            assert_eq!(ran(host, name), *runs, "{name}");
        }
    };
    let passing_second = || {
        let second = host.sh("date +%T");
        host.eventually("a second passes", |host| host.sh("date +%T") != second);
        format!("calendar: '*-*-* {second}'")
    };
    host.sh("mkdir -p -m 777 /srv/out; touch /srv/out/hold");
    let yearly = "calendar: '*-01-01 00:00'";
    all(yearly, yearly, "");
    // As after a boot: the target knows its timers, so systemd keeps them loaded even if they are stopped.
    host.sh("systemctl daemon-reload");
    host.conductor(&["cron", "run-now", "--id", "a", "good"]).exits(0);
    host.conductor(&["cron", "run-now", "--id", "a", "bad"]).exits(1);
    let mut runs: BTreeMap<_, _> = ["badoff", "kept", "keptoff", "queued", "moved"]
        .into_iter()
        .map(|name| (name, 0))
        .chain([("good", 1), ("bad", 1)])
        .collect();
    all(&passing_second(), "schedule: '@reboot'", "");
    nothing_starts(&runs);
    host.is_converged();
    let found = jobs(host);
    // A failure is still known.
    assert_eq!(found["bad"]["result"], "exit-code");
    assert!(found["bad"]["last"].is_u64() && found["bad"]["exit_status"] == 1, "{}", found["bad"]);
    let now: u64 = host.sh("date +%s").parse().expect("a time");
    for name in ["good", "bad", "kept", "queued"] {
        let next = found[name]["next"].as_u64().expect("a time") / 1_000_000;
        assert!((now..=now + 24 * 3600).contains(&next), "{name}: {next}");
    }

    // A job that runs has a next time when it has ended; only one that runs at boot says so.
    host.eventually("the job runs", |host| jobs(host)["hold"]["running"] == true);
    let found = jobs(host);
    assert_eq!((&found["hold"]["at_boot"], &found["hold"]["next"]), (&false.into(), &Value::Null));
    assert_eq!(found["moved"]["at_boot"], true);
    let shown = host.conductor(&["status"]).exits(0).stdout;
    let row =
        |name: &str| shown.lines().find(|line| line.contains(name)).expect("a row").to_owned();
    assert!(row(" hold ").contains("after this run"), "{shown}");
    assert!(row(" moved ").contains("at boot"), "{shown}");

    // A pause, and a definition that disables the job, end in the same way.
    for name in ["bad", "badoff"] {
        host.conductor(&["cron", "run-now", "--id", "a", name]).exits(1);
        *runs.entry(name).or_default() += 1;
    }
    let paused = ["good", "bad", "kept", "queued"];
    for name in paused {
        host.conductor(&["cron", "pause", "--id", "a", name]).exits(0);
    }
    let second = passing_second();
    all(&second, "schedule: '@reboot'", ", enabled: false");
    for name in paused {
        host.conductor(&["cron", "resume", "--id", "a", name]).exits(0);
    }
    all(&second, "schedule: '@reboot'", "");
    nothing_starts(&runs);
    host.is_converged();
    host.sh("rm /srv/out/hold");
}

fn failures_start_a_unit_and_are_shown(host: &Host) {
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

fn the_last_lines_are_those_of_the_last_run(host: &Host) {
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

fn what_a_job_gets(host: &Host) {
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
fn what_a_command_leaves_behind_ends_with_its_service(host: &Host) {
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
fn past_runs(host: &Host) {
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

fn time_zones(host: &Host) {
    let plain = "schedule: '0 9 * * *', command: [/bin/true]";
    let job = |zone: &str| format!("{plain}, timezone: {zone}");
    define(host, "", &[("tokyo", &job("Asia/Tokyo")), ("utc", &job("UTC")), ("hosts", plain)]);
    host.apply();
    let next = |name: &str| jobs(host)[name]["next"].as_u64().expect("a time") / 1_000_000;
    let of_day = |name: &str| next(name) % 86_400 / 3600;
    // Japan is nine hours ahead of UTC all year.
    assert_eq!((of_day("tokyo"), of_day("utc"), of_day("hosts")), (0, 9, 9));
    let json = host.conductor(&["cron", "next", "--output", "json"]).exits(0).json();
    for job in json["jobs"].as_array().expect("jobs") {
        let name = job["job"].as_str().expect("a name");
        assert_eq!(job["times"][0].as_u64().expect("a time") / 1_000_000, next(name), "{job}");
    }
    host.conductor(&["cron", "next"]).exits(0).says("*-*-* 09:00:00 Asia/Tokyo");
    // Timers use the host's zone, not the caller's.
    assert!(host.path("/usr/share/zoneinfo/America/New_York").exists());
    let shown = host.sh("TZ=America/New_York conductor cron next | grep hosts");
    assert!(shown.contains("09:00:00"), "{shown}");
    let elsewhere = host.sh("TZ=America/New_York conductor cron next --output json");
    let elsewhere: serde_json::Value = serde_json::from_str(&elsewhere).expect("JSON");
    assert_eq!(elsewhere["jobs"], json["jobs"]);

    define(host, "", &[("moon", &job("Moon/Tranquility"))]);
    let ran = host.conductor(&["apply"]).exits(2);
    ran.complains("cron.moon.timezone: Moon/Tranquility is not a time zone that this host knows");
    assert_eq!(jobs(host).len(), 3);
}

fn at_boot(host: &Host) {
    let job = format!("schedule: '@reboot', command: {}", shell("echo 1 >>/out/boots"));
    define(host, "", &[("first", &job)]);
    host.apply();
    host.is_converged();
    host.sh("sleep 1");
    assert_eq!(lines(host, "boots").len(), 0, "it ran without a boot");
    // What a boot does.
    host.sh("systemctl daemon-reload; systemctl start timers.target");
    host.eventually("it runs", |host| lines(host, "boots").len() == 1);
    define(host, "", &[("first", &job.replace("echo 1", "echo 2"))]);
    host.apply();
    assert_eq!(lines(host, "boots"), [1.0]);
    host.is_converged();
    // With a schedule instead, it runs at its time, and a boot no longer starts it.
    let yearly = job.replace("schedule: '@reboot'", "calendar: '*-01-01 00:00'");
    define(host, "", &[("first", &yearly)]);
    host.apply();
    host.is_converged();
    host.sh("systemctl daemon-reload; systemctl start timers.target");
    let first = &jobs(host)["first"];
    assert_eq!((&first["at_boot"], first["next"].is_u64()), (&false.into(), true), "{first}");
    assert_eq!(lines(host, "boots"), [1.0]);
}

fn a_deploy_moves_jobs_and_lets_them_end(host: &Host) {
    let script = "echo start-{revision} >>/out/log; while [ -e /out/hold ]; do sleep 0.1; done; \
                  echo end-{revision} >>/out/log";
    let job = format!("cron:\n  work: {{schedule: '@yearly', command: {}}}\n", shell(script));
    host.sh("mkdir -p -m 777 /srv/out; touch /srv/out/hold");
    host.define("a.yaml", &format!("id: a\n{SLEEP}env: {{V: \"{{revision}}\"}}\n{LOG}{job}"));
    host.conductor(&["deploy", "--id", "a", "--revision", "v1"]).exits(0);
    host.sh("systemctl start --no-block conductor-a-work.service");
    host.eventually("it runs", |host| host.path("/srv/out/log").exists());
    let pid = host.property("conductor-a-work.service", "MainPID");
    let dry = host.conductor(&["deploy", "--id", "a", "--revision", "v2", "--dry-run"]).exits(0);
    assert!(dry.stdout.contains("rewrite conductor-a-work.service"), "{dry}");
    host.conductor(&["deploy", "--id", "a", "--revision", "v2"]).exits(0);
    host.conductor(&["cron", "run-now", "--id", "a", "work"]).exits(1).complains("runs already");
    assert_eq!(host.property("conductor-a-work.service", "MainPID"), pid);
    host.sh("rm /srv/out/hold");
    host.eventually("it ends", |host| host.sh("cat /srv/out/log") == "start-v1\nend-v1");
    assert_eq!(jobs(host)["work"]["revision"], "v2");
    host.conductor(&["cron", "run-now", "--id", "a", "work"]).exits(0);
    assert_eq!(host.sh("tail -n 2 /srv/out/log"), "start-v2\nend-v2");
    // A failed deploy does not change the jobs.
    host.define(
        "a.yaml",
        &format!("id: a\ncommand: [/bin/false]\nenv: {{V: \"{{revision}}\"}}\n{LOG}{job}"),
    );
    host.conductor(&["deploy", "--id", "a", "--revision", "v3"]).exits(3);
    assert_eq!(jobs(host)["work"]["revision"], "v2");
    host.conductor(&["rollback", "--id", "a"]).exits(0);
    assert_eq!(jobs(host)["work"]["revision"], "v1");
    host.conductor(&["cron", "run-now", "--id", "a", "work"]).exits(0);
    assert_eq!(host.sh("tail -n 1 /srv/out/log"), "end-v1");
}

fn without_instances(host: &Host) {
    let job = format!("schedule: '@yearly', command: {}", shell("echo {revision} >>/out/log"));
    define(host, "revision: v1\n", &[("work", &job)]);
    host.apply();
    host.is_converged();
    define(host, "", &[("work", &job)]);
    // The deployed revision stays.
    host.is_converged();
    host.conductor(&["deploy", "--id", "a", "--revision", "v2"]).exits(0);
    host.is_converged();
    host.conductor(&["cron", "run-now", "--id", "a", "work"]).exits(0);
    assert_eq!(host.sh("cat /srv/out/log"), "v2");
    let json = host.conductor(&["status", "--output", "json"]).exits(0).json();
    assert_eq!(json["services"][0]["revision"], "v2");
    define(host, "", &[("work", &format!("{job}, enabled: false"))]);
    host.apply();
    let work = &jobs(host)["work"];
    assert_eq!((&work["enabled"], &work["waits"]), (&false.into(), &false.into()), "{work}");
    // systemd forgets the last run, and nothing else does.
    host.sh("systemctl daemon-reload");
    assert_eq!(host.property("conductor-a-work.service", "InactiveEnterTimestamp"), "");
    let work = &jobs(host)["work"];
    assert_eq!(work["result"], "success", "{work}");
    assert!(work["last"].is_u64() && work["ended"].is_u64(), "{work}");
    host.conductor(&["cron", "run-now", "--id", "a", "work"]).exits(0);
}

fn in_containers(host: &Host) {
    for engine in [Engine::Docker, Engine::Podman] {
        let runtime = engine.program();
        let script = "cat >/out/stdin; echo {revision} $A; echo $HOSTNAME >/out/host; exit 7";
        let job =
            format!("schedule: '@yearly', command: {}, env: {{A: b}}, stdin: 'one'", shell(script));
        host.sandbox.load_image(engine).expect("the engine takes the image");
        let service = format!("runtime: {runtime}\nimage: localhost/app\n");
        let holds = shell("while [ -e /out/hold ]; do sleep 0.1; done");
        let first = format!("schedule: '@yearly', command: {holds}");
        define(host, &service, &[("first", &first), ("work", &job)]);
        host.write("/etc/conductor/host.yaml", "max_parallel: 1\n");
        host.conductor(&["deploy", "--id", "a", "--revision", "v1"]).exits(0);
        // It waits until the container of the first one has ended.
        host.sh("touch /srv/out/hold; systemctl start --no-block conductor-a-first.service");
        are(host, 1, "the first runs", ("first", ""));
        let run_now = host.start(&["cron", "run-now", "--id", "a", "work"]);
        are(host, 1, "the second waits", ("first", "work"));
        assert!(!host.path("/srv/out/host").exists(), "{runtime}");
        host.sh("rm /srv/out/hold");
        let ran = run_now.finish().exits(1);
        assert_eq!(ran.stdout.trim(), "v1 b", "{runtime}: {ran}");
        // The last lines begin with the program's, and not with what the engine logs.
        let work = &jobs(host)["work"];
        assert_eq!(work["journal"][0], "v1 b", "{runtime}: {work:#}");
        ran.complains("exit status 7");
        assert_eq!(host.sh("cat /srv/out/stdin"), "one", "{runtime}");
        assert_eq!(host.sh(&format!("{runtime} ps --all --quiet")), "", "{runtime}");
        host.conductor(&["remove", "--id", "a"]).exits(0);
        host.sh("rm /srv/out/host");
    }
}

fn a_job_that_goes(host: &Host) {
    let job = format!(
        "schedule: '@yearly', command: {}",
        shell("touch /out/began; sleep 3; touch /out/ended")
    );
    define(host, "", &[("work", &job), ("other", &job)]);
    host.apply();
    host.sh("systemctl start --no-block conductor-a-work.service");
    host.eventually("it runs", |host| host.path("/srv/out/began").exists());
    define(host, "", &[("other", &job)]);
    host.apply();
    assert_eq!(host.sh("ls /etc/systemd/system | grep -c work || true"), "0");
    host.eventually("it came to its end", |host| host.path("/srv/out/ended").exists());
    host.is_converged();
    let json = host.conductor(&["cron", "next", "--id", "a", "--output", "json"]).exits(0).json();
    assert_eq!(json["jobs"].as_array().map(Vec::len), Some(1), "{json}");
    host.conductor(&["remove", "--id", "a"]).exits(0);
    assert_eq!(
        host.sh(
            "ls /etc/systemd/system/timers.target.wants | grep -c conductor-a-other.timer || true"
        ),
        "0"
    );
}
