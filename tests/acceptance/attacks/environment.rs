//! Attacks by way of environment variables.

use crate::Test;
use crate::host::{Host, SLEEP};

pub(crate) const TESTS: &[Test] =
    &[("what_systemd_says_is_not_said_by_others", what_systemd_says_is_not_said_by_others)];

/// `EXIT_STATUS=0` would have a command that fails end well, `RUNTIME_DIRECTORY=` would have root make
/// somebody's directory the service's: `Environment=` wins over what systemd itself sets.
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
