//! When jobs run: their schedules, time zones, and runs that were missed.

use std::collections::BTreeMap;

use super::{define, jobs, lines, shell};
use crate::host::Host;
use serde_json::Value;

pub(super) fn every_second_and_paused(host: &Host) {
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

pub(super) fn an_interval_begins_when_a_run_has_ended(host: &Host) {
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

pub(super) fn a_run_that_was_missed_is_caught_up_on(host: &Host) {
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
pub(super) fn times_that_have_passed_start_nothing(host: &Host) {
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

pub(super) fn time_zones(host: &Host) {
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

pub(super) fn at_boot(host: &Host) {
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
