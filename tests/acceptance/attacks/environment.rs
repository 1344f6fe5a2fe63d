//! Attacks through environment variables.

use conductor_sandbox::Engine;

use super::as_eve;
use crate::Test;
use crate::containers::start;
use crate::host::{Host, SLEEP};

pub(crate) const TESTS: &[Test] = &[
    ("what_systemd_says_is_not_said_by_others", what_systemd_says_is_not_said_by_others),
    ("docker_command_lines_hold_no_values", |host| hold_no_values(host, Engine::Docker)),
    ("podman_command_lines_hold_no_values", |host| hold_no_values(host, Engine::Podman)),
];

/// `EXIT_STATUS=0` would hide the failure of a command, and `RUNTIME_DIRECTORY=` would make root give another
/// directory to the service: `Environment=` overrides the variables that systemd sets.
fn what_systemd_says_is_not_said_by_others(host: &Host) {
    host.define("a.yaml", "id: a\nrevision: v1\ninstances: 0\n");
    host.apply();
    let run = |variable: &str| {
        let words = ["run", "--id", "a", "--env", variable, "--", "/bin/sh", "-c", "exit $STATUS"];
        host.conductor(&words)
    };
    for variable in ["EXIT_STATUS=0", "EXIT_CODE=exited", "SERVICE_RESULT=success"] {
        let name = variable.split_once('=').expect("it is set").0;
        run(variable).exits(2).complains(&format!("{name} is set by systemd"));
    }
    run("STATUS=3").exits(3);

    host.sh("install -d -o operator -m 755 /home/operator/own");
    let env = "env: {RUNTIME_DIRECTORY: /home/operator/own, NOTIFY_SOCKET: /home/operator/own/s}\n";
    let job = "cron: {tidy: {schedule: \"@daily\", command: [true], env: {EXIT_STATUS: 0}}}\n";
    host.define("b.yaml", &format!("id: b\n{SLEEP}{env}{job}"));
    let ran = host.conductor(&["apply"]).exits(2);
    ran.complains("b.yaml:3:7: env.RUNTIME_DIRECTORY: RUNTIME_DIRECTORY is set by systemd")
        .complains("env.NOTIFY_SOCKET: NOTIFY_SOCKET is set by systemd")
        .complains("cron.tidy.env.EXIT_STATUS: EXIT_STATUS is set by systemd");
    assert_eq!(host.sh("stat -c %U /home/operator/own; rmdir /home/operator/own"), "operator");
}

/// Everybody can read the command lines of processes. Those of long-running processes contain no value of
/// `env`, and no header of the health check.
fn hold_no_values(host: &Host, engine: Engine) {
    let odd = "a=b 'c' \\\" # %n $HOME\\nhunter3 ";
    let names = start(
        host,
        engine,
        &format!(
            "port: 8080\nhealth: {{http: /health, headers: {{Authorization: hunter2}}, interval: 200ms}}\n\
             env: {{TOKEN: \"{odd}\"}}\n"
        ),
    );
    let [name] = names.as_slice() else { panic!("{names:?}") };
    let (engine, main) = (engine.program(), host.property(&format!("{name}.service"), "MainPID"));
    let shown = as_eve(host, &format!("tr '\\0' ' ' </proc/{main}/cmdline")).exits(0).stdout;
    assert!(shown.contains("--env=TOKEN=*** ") && shown.contains("Authorization:*** "), "{shown}");
    // No other process of the host has them, either.
    let all = as_eve(host, "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n'").stdout;
    let found: Vec<_> = all.lines().filter(|line| line.contains("hunter")).collect();
    assert_eq!(found, Vec::<&str>::new());
    let token = host.sh(&format!("{engine} exec {name} sh -c 'printf \"[%s]\" \"$TOKEN\"'"));
    assert_eq!(token, "[a=b 'c' \" # %n $HOME\nhunter3 ]");
}
