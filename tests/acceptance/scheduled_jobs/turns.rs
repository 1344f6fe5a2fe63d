//! Which jobs run at the same time.

use super::{LOG, define, is_old, jobs, lines, shell};
use crate::host::Host;

pub(super) fn overlapping_runs_are_skipped_or_queued(host: &Host) {
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

pub(super) fn jobs_wait_for_their_turn(host: &Host) {
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
pub(super) fn are(host: &Host, most: usize, what: &str, (running, queued): (&str, &str)) {
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
pub(super) fn jobs_of_all_services_wait_for_the_host(host: &Host) {
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
