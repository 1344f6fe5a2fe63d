//! Releases that start anew, without a failed request: after an upgrade of conductor, and on request.

use super::load::Load;
use super::service::{Runtime, deploy, first, releases};
use crate::Test;
use crate::host::{Host, UNITS};

pub(crate) const TESTS: &[Test] = &[
    ("another_build_restarts_nothing_until_it_is_asked", another_build_restarts_nothing),
    ("a_restart_fails_no_request", a_restart_fails_no_request),
    ("a_rotated_secret_fails_no_request", a_rotated_secret_fails_no_request),
];

/// needrestart's override, which is installed as `/etc/needrestart/conf.d/conductor.conf`.
const NEEDRESTART: &str = include_str!("../../../integrations/needrestart/conductor.conf");

/// Makes the units of instances those of other builds with the same version: the first one has a fingerprint,
/// and the others are older and have none.
#[track_caller]
fn render_by_another_build(host: &Host) {
    host.sh(&format!(
        "cd {UNITS}; first=1
         for unit in conductor-web-*.*-[0-9]*.service; do
           sed -i '1i # another build' $unit
           print=$(sed '/^\\[X-Conductor\\]/,$d' $unit | sha256sum | cut -c-16)
           if [ $first ]; then sed -i s/^Rendered=.*/Rendered=$print/ $unit
           else sed -i /^Rendered=/d $unit; fi
           first=
         done
         systemctl daemon-reload"
    ));
}

/// Returns what `status` says about each instance: whether another build rendered it.
#[track_caller]
fn outdated(host: &Host) -> Vec<Option<bool>> {
    let status = host.conductor(&["status", "--output", "json"]).exits(0).json();
    let instances = status["services"][0]["instances"].as_array().expect("instances");
    instances.iter().map(|instance| instance["outdated"].as_bool()).collect()
}

fn another_build_restarts_nothing(host: &Host) {
    let definition = Runtime::Native.definition("instances: 2\n");
    first(host, Runtime::Native, &definition);
    let load = Load::start(host);
    let running = host.running("web");
    assert_eq!(outdated(host), [Some(false); 2]);
    render_by_another_build(host);

    host.is_converged();
    deploy(host, "v1").exits(0).says("nothing changed\n");
    assert_eq!(host.running("web"), running);
    assert_eq!(outdated(host), [Some(true); 2]);
    host.conductor(&["status"]).exits(0).says("apply --renew replaces");

    let renew = ["apply", "--renew"];
    let dry = host.conductor(&[&renew[..], &["--dry-run"]].concat()).exits(0);
    dry.says("no downtime: old instances stop when the new ones serve\n");
    host.conductor(&renew).exits(0).says("changed: web\n");
    let renewed = host.running("web");
    assert!(renewed.iter().all(|new| !running.contains(new)), "{renewed:?}");
    assert_eq!(outdated(host), [Some(false); 2]);
    host.is_converged();
    host.conductor(&renew).exits(0).says("nothing changed\n");
    deploy(host, "v1").exits(0).says("nothing changed\n");
    assert_eq!(host.running("web"), renewed);

    // What the other build rendered is a release to go back to, and the next apply renews nothing by itself.
    host.conductor(&["rollback", "--id", "web"]).exits(0);
    assert_eq!(outdated(host), [Some(true); 2]);
    host.is_converged();
    host.conductor(&renew).exits(0).says("changed: web\n");
    // What the first renewal started was the same, and is gone.
    assert_eq!(releases(host), ["v1"; 2]);
    load.stop(host);

    host.write("/srv/needrestart.conf", NEEDRESTART);
    host.sh("perl -e 'our %nrconf; do \"/srv/needrestart.conf\"; die $@ if $@;
         my $rc = $nrconf{override_rc};
         my @of = grep { $ARGV[0] =~ /$_/ } keys %$rc;
         die unless @of == 1 && $rc->{$of[0]} == 0' conductor-web-v1.0a1b2c-1.service");
}

fn a_restart_fails_no_request(host: &Host) {
    // One instance, which nothing replaces while it is down.
    first(host, Runtime::Native, &Runtime::Native.definition(""));
    let load = Load::start(host);
    let restart = ["restart", "--id", "web"];
    let mut running = host.running("web");
    let dry = host.conductor(&[&restart[..], &["--dry-run"]].concat()).exits(0);
    dry.says("no downtime: old instances stop when the new ones serve\n");
    assert_eq!(host.running("web"), running);
    for _ in 0..3 {
        let ran = host.conductor(&restart).exits(0).says("changed: web\n");
        // `deploy.before` prepares a revision, and has done that.
        assert!(!ran.stdout.contains("before.service"), "{ran}");
        let after = host.running("web");
        assert!(after.len() == 1 && after != running, "{after:?}");
        running = after;
        host.is_converged();
    }
    assert_eq!(releases(host), ["v1"]);
    deploy(host, "v2").exits(0);
    host.conductor(&restart).exits(0);
    host.conductor(&["rollback", "--id", "web"]).exits(0);
    assert_eq!(releases(host), ["v1", "v2"]);

    // An instance that does not become healthy is removed, and the old one serves.
    let running = host.running("web");
    host.sh("ln -sfn /nonexistent /srv/v1");
    host.conductor(&restart).exits(3);
    assert_eq!(host.running("web"), running);
    let definition = Runtime::Native.definition("limits: {memory: 64M}\n");
    host.define("web.yaml", &definition);
    let ran = host.conductor(&[&restart[..], &["--output", "json"]].concat()).exits(2);
    assert_eq!(ran.json()["error"]["kind"], "redefined_service", "{ran}");
    load.stop(host);

    // Instances that must not run at the same time.
    host.sh("ln -sfn /usr/local/bin /srv/v1");
    let stop_first = definition.replace("deploy: {", "deploy: {order: stop-first, ");
    host.define("web.yaml", &stop_first);
    host.apply();
    let dry = host.conductor(&[&restart[..], &["--dry-run"]].concat()).exits(0);
    dry.says("briefly down during the change: web\n");
    host.conductor(&restart).exits(0).says("changed: web\n");
}

fn a_rotated_secret_fails_no_request(host: &Host) {
    let files = "env_files: [/etc/web.env]\nsecrets: {token: /etc/web.token}\n";
    let definition = Runtime::Native.definition(files);
    host.write("/etc/web.env", "GREETING=one\n");
    host.write("/etc/web.token", "hunter1\n");
    first(host, Runtime::Native, &definition);
    host.is_converged();
    let key = "/var/lib/conductor/content-key";
    assert_eq!(host.sh(&format!("stat -c '%a %U %s' {key}")), "600 root 32");
    let hashes = "cat /etc/systemd/system/conductor-web-* | grep ^Content=";
    assert_eq!(host.sh(hashes).lines().count(), 2);

    // Another user cannot read the key, and so cannot see what changed.
    let other = "setpriv --reuid=65534 --regid=65534 --clear-groups conductor apply --dry-run";
    assert_eq!(host.sh(other), "nothing to change");

    let load = Load::start(host);
    let mut running = host.running("web");
    for (file, text) in [("/etc/web.token", "hunter2\n"), ("/etc/web.env", "GREETING=two\n")] {
        host.write(file, text);
        let because = format!("the contents of {file} changed");
        let dry = host.conductor(&["apply", "--dry-run"]).exits(0).says(&because);
        dry.says("no downtime: old instances stop when the new ones serve\n");
        host.conductor(&["check"])
            .exits(0)
            .complains(&format!("the contents of {file} changed since"));
        let diff = host.conductor(&["diff"]).exits(0);
        assert!(diff.stdout.lines().any(|line| line.starts_with("+Content=")), "{diff}");
        let ran = host.apply().says("changed: web\n").says(&because);
        assert!(!ran.stdout.contains("before.service"), "{ran}");
        let after = host.running("web");
        assert!(after.len() == 1 && after != running, "{after:?}");
        running = after;
        host.is_converged();
    }
    let pid = running[0].1;
    let greeting = format!("tr '\\0' '\\n' </proc/{pid}/environ | grep ^GREETING=");
    let probe = format!(
        "{greeting} || pgrep -P {pid} | while read pid; do tr '\\0' '\\n' </proc/$pid/environ; done | grep ^GREETING="
    );
    assert_eq!(host.sh(&probe), "GREETING=two");

    // An upgrade: what has no hashes gets them, and is not restarted.
    host.sh("cd /etc/systemd/system; sed -i /^Content=/d conductor-web-*.service");
    host.apply().says("changed: web\n");
    assert_eq!(host.running("web"), running);
    assert_eq!(host.sh(hashes).lines().count(), 2);
    // Another key says nothing about what changed.
    host.sh(&format!("rm {key}"));
    host.apply().says("changed: web\n");
    assert_eq!(host.running("web"), running);

    let ignores = definition.replace("deploy: {", "deploy: {changed_files: ignore, ");
    host.define("web.yaml", &ignores);
    host.apply();
    host.write("/etc/web.env", "GREETING=three\n");
    host.is_converged();
    assert_eq!(host.running("web"), running);
    load.stop(host);
    host.sh("rm /etc/web.env /etc/web.token");
}
