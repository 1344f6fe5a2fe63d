//! Attacks by a definition, or on its author.

use crate::Test;
use crate::host::{Host, SLEEP};
use crate::ran::Ran;

pub(crate) const TESTS: &[Test] = &[
    ("no_definition_ends_the_work_on_the_others", no_definition_ends_the_work_on_the_others),
    ("an_image_is_no_option", an_image_is_no_option),
    ("lines_of_others_get_no_secrets", lines_of_others_get_no_secrets),
    ("what_is_imported_can_be_read", what_is_imported_can_be_read),
    ("no_template_uses_up_the_stack", no_template_uses_up_the_stack),
    ("an_older_systemd_is_refused", an_older_systemd_is_refused),
];

/// Sums of such times overflowed, which ended the process during the change of all services.
fn no_definition_ends_the_work_on_the_others(host: &Host) {
    host.define("good.yaml", &format!("id: good\n{SLEEP}"));
    let health = "health: {tcp: true, retries: 4294967294, interval: 150y}";
    host.define("web.yaml", &format!("id: web\nport: 80\n{SLEEP}{health}\n"));
    for command in ["apply", "diff", "render", "check"] {
        let json = host.conductor(&[command, "--output", "json"]).exits(2).json();
        assert_eq!(json["error"]["kind"], "definition", "{json}");
        let paths = json["errors"].as_array().expect("a list").iter();
        let paths: Vec<_> = paths.map(|error| error["path"].as_str().expect("text")).collect();
        assert_eq!(paths, ["health.retries", "health.interval"], "{json}");
    }
    // The largest accepted values are valid for systemd.
    let health = "health: {tcp: true, retries: 1000, success_threshold: 1000, interval: 1d, timeout: 1d, \
                  start_period: 1d}\ndeploy: {stop_timeout: 1d}\nlimits: {cpu: 8192, memory: 7E, \
                  pids: 4194304}";
    host.define("web.yaml", &format!("id: web\nport: 80\n{SLEEP}{health}\n"));
    host.conductor(&["render", "--out", "/srv/units"]).exits(0);
    let said = host.sh("systemd-analyze verify /srv/units/conductor-web-*-1.service 2>&1 || true");
    let refused = ["out of range", "Failed to parse", "Invalid", "ignoring"];
    assert!(!refused.iter().any(|word| said.contains(word)), "{said}");
}

fn an_image_is_no_option(host: &Host) {
    for (runtime, image) in
        [("docker", "-v.x/app:1"), ("podman", "--privileged.x/app:1"), ("docker", "x.-y/app:1")]
    {
        host.define("a.yaml", &format!("id: a\nruntime: {runtime}\nimage: {image}\n"));
        let ran = host.conductor(&["render"]).exits(2);
        ran.complains(&format!(
            "image: \"{image}\" is not an image: its registry is not a host name"
        ));
    }
    host.define("a.yaml", "id: a\nruntime: docker\nimage: registry.example/app:1\n");
    let ran = host.conductor(&["render"]).exits(0);
    assert!(ran.stdout.contains("\"--\" \"registry.example/app:1\""), "{ran}");
}

/// Users write their own crontabs, but a job of the service has the service's user and secrets.
fn lines_of_others_get_no_secrets(host: &Host) {
    host.write("/srv/secret", "hidden");
    let secret = "secrets: {token: /srv/secret}\n";
    host.define("web.yaml", &format!("id: web\n{SLEEP}{secret}"));
    let line = "conductor run --id web -- /bin/cp /srv/secret /tmp/stolen";
    host.write("/srv/crontabs/operator", &format!("@daily {line}\n"));
    host.write("/srv/system", &format!("@daily operator {line}\n@daily root {line}\n"));
    let import = ["cron", "import", "--run-id", "/srv/crontabs/operator"];
    let ran = host.conductor(&import).exits(1);
    assert_eq!(ran.stdout, "", "{ran}");
    ran.complains("/srv/crontabs/operator:1:8: a line of operator cannot become a job of web");
    let import = ["cron", "import", "--run-id", "--system", "/srv/system", "--output", "json"];
    let json = host.conductor(&import).exits(1).json();
    assert_eq!((&json["entries"], &json["left_out"][0]["line"]), (&1.into(), &1.into()), "{json}");
}

/// A key of YAML has at most 1024 characters.
fn what_is_imported_can_be_read(host: &Host) {
    let long = "X".repeat(1100);
    host.write("/srv/system", &format!("{long}=1\n@daily root true\n"));
    let ran = host.conductor(&["cron", "import", "--system", "/srv/system"]).exits(1);
    host.define("system.yaml", &ran.stdout);
    ran.complains("/srv/system:1:1: ").complains("is longer than 255 characters");
    host.conductor(&["check"]).exits(0);
}

/// A template that was nested deeply ended the process by SIGSEGV.
fn no_template_uses_up_the_stack(host: &Host) {
    host.define("web.yaml", &format!("id: web\n{SLEEP}"));
    for (open, close) in [("{{#if a}}", "{{/if}}"), ("{{#*inline \"a\"}}", "{{/inline}}")] {
        let template = format!("[Unit]\n{}{}\n", open.repeat(20_000), close.repeat(20_000));
        host.write("/srv/templates/service.target.hbs", &template);
        let ran = host.conductor(&["--templates", "/srv/templates", "check"]).exits(2);
        ran.complains("/srv/templates/service.target.hbs:2:");
    }
}

/// An old systemd would ignore unknown directives, among them those of the sandbox.
fn an_older_systemd_is_refused(host: &Host) {
    host.define("web.yaml", &format!("id: web\n{SLEEP}"));
    host.write("/srv/older.py", include_str!("older.py"));
    let version = host
        .sh("busctl get-property org.freedesktop.systemd1 /org/freedesktop/systemd1 \
                           org.freedesktop.systemd1.Manager Version | cut -d '\"' -f 2");
    host.sh(&format!(
        "setsid python3 /srv/older.py /srv/bus {version} >/dev/null 2>&1 </dev/null & \
         until [ -S /srv/bus ]; do sleep 0.05; done"
    ));
    let as_older = "mount --bind /srv/bus /run/dbus/system_bus_socket; exec conductor";
    for command in ["apply", "run --id web true"] {
        let mut asked = host.sandbox.command("unshare");
        asked.args(["--mount", "sh", "-ec", &format!("{as_older} {command}")]);
        Ran::new(&mut asked).complains("systemd 251 is too old: conductor needs 252 or newer");
    }
    assert!(host.files().is_empty());
}
