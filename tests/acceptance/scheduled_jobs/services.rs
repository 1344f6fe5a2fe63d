//! Jobs across deploys and removals, without instances, and in containers.

use conductor_sandbox::Engine;

use super::turns::are;
use super::{LOG, define, jobs, shell};
use crate::host::{Host, SLEEP};

pub(super) fn a_deploy_moves_jobs_and_lets_them_end(host: &Host) {
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

pub(super) fn without_instances(host: &Host) {
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

pub(super) fn in_containers(host: &Host) {
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

pub(super) fn a_job_that_goes(host: &Host) {
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
