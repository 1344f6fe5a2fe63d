//! What commands inherit from their service, and how they differ.

use conductor_sandbox::Engine;

use super::{define, nothing_is_left, shell};
use crate::host::Host;
use crate::ran::Ran;

pub(super) fn what_the_service_gets(host: &Host, engine: Option<Engine>) {
    host.write("/srv/data/file", "of the host\n");
    host.write("/srv/secret", "hidden");
    host.write("/srv/a.env", "FILE=f\nBOTH=file\n");
    let secret = match engine {
        None => "$CREDENTIALS_DIRECTORY/token",
        Some(_) => "/run/secrets/token",
    };
    // Some test machines have no pids controller, without which podman does not run containers with that
    // limit.
    let limits = if engine.is_none() { "limits: {pids: 32}\n" } else { "" };
    define(
        host,
        engine,
        &format!(
            "env: {{A: \"{{id}} {{revision}}\", BOTH: own, KEPT: k}}\nenv_files: [/srv/a.env]\n\
             volumes: [\"/srv/data:/data:ro\"]\nsecrets: {{token: /srv/secret}}\n{limits}"
        ),
    );
    let both = if engine.is_none() { "file" } else { "own" };
    let script = format!(
        "echo \"$A|$FILE|$BOTH|$KEPT|$B\"; cat /data/file {secret}; touch /data/x 2>/dev/null && echo written"
    );
    let ran = shell(host, &["--env", "B={revision} $HOME %n", "--env", "KEPT=mine"], &script);
    assert_eq!(
        ran.stdout,
        format!("a v1|f|{both}|mine|{{revision}} $HOME %n\nof the host\nhidden"),
        "{ran}"
    );
    // The command line is not a definition: no tokens in it are replaced.
    let odd = ["{id}", "{{port}}", "$A", "%i", "a b", "", "\"'\\", "--id", "-t"];
    let words = [&["run", "--id", "a", "printf", "[%s]"], &odd[..]].concat();
    let ran = host.conductor(&words).exits(0);
    assert_eq!(ran.stdout, odd.map(|word| format!("[{word}]")).concat());
    // systemd rejects a user id without a name; a container has its own users.
    let (user, id) = if engine.is_none() { ("daemon", "1") } else { ("1234", "1234") };
    let ran = shell(host, &["--user", user], "id -u").exits(0);
    assert_eq!(ran.stdout.trim(), id, "{ran}");
    // In the service's slice.
    let unit =
        host.sh("(conductor run --id a sleep 30 </dev/null >/dev/null 2>&1 & echo $! >/srv/pid); \
         until systemctl --plain --no-legend list-units 'conductor-a-v1.*-run-*' | grep running; \
         do sleep 0.1; done");
    let unit = unit.split_whitespace().next().expect("a unit");
    assert_eq!(host.property(unit, "Slice"), "conductor-a.slice");
    if engine.is_none() {
        // The limit is for the command; the process that passes signals is added.
        assert_eq!(host.property(unit, "TasksMax"), "33");
    }
    host.sh("kill $(cat /srv/pid)");
    // The sandbox may have no controllers, and then docker rejects limits. So the arguments for systemd or
    // the engine are checked.
    let limited = ["--memory", "64M", "--cpu", "0.5"];
    let words =
        |how: &'static str| [&["run", how, "--id", "a"], &limited[..], &["sleep", "30"]].concat();
    if engine.is_none() {
        let unit = host.conductor(&words("--detach")).exits(0).stdout.trim().to_owned();
        assert_eq!(host.property(&unit, "MemoryMax"), (64 << 20).to_string());
        assert_eq!(host.property(&unit, "CPUQuotaPerSecUSec"), "500ms");
        host.sh(&format!("systemctl stop {unit}"));
    } else {
        host.conductor(&words("--dry-run"))
            .exits(0)
            .says("\"--memory=67108864\" ")
            .says("\"--cpus=0.5\" ");
    }
    nothing_is_left(host, engine);
}

pub(super) fn a_root_of_its_own(host: &Host) {
    host.sandbox.sh("mkdir -p /srv/root/bin /srv/root/run /srv/root/proc /srv/root/etc; cp /bin/busybox /srv/root/bin/ 2>/dev/null || cp $(command -v busybox) /srv/root/bin/busybox; ln -sf busybox /srv/root/bin/sh; ln -sf busybox /srv/root/bin/cat; echo inside >/srv/root/etc/name").expect("a root");
    define(host, None, "image: /srv/root\n");
    let ran = shell(host, &[], "cat /etc/name; cat").exits(0);
    assert_eq!(ran.stdout, "inside\n");
    shell(host, &[], "exit 42").exits(42);
    host.conductor(&["run", "--id", "a", "/bin/none"]).exits(127);
    nothing_is_left(host, None);
}

pub(super) fn revisions(host: &Host) {
    let service = |more: &str| {
        format!("id: a\ncommand: [/usr/bin/sleep, infinity]\nenv: {{R: \"{{revision}}\"}}\n{more}")
    };
    host.define("a.yaml", &service(""));
    host.conductor(&["deploy", "--id", "a", "--revision", "v1"]).exits(0);
    shell(host, &[], "echo $R").exits(0).says("v1\n");
    shell(host, &["--revision", "v2"], "echo $R").exits(0).says("v2\n");
    // The definition's revision is not deployed yet.
    host.define("a.yaml", &service("revision: v3\n"));
    shell(host, &[], "echo $R").exits(0).says("v1\n");
    host.apply();
    shell(host, &[], "echo $R").exits(0).says("v3\n");
    host.is_converged();
}

pub(super) fn the_line_of_the_talk_from_a_timer(host: &Host) {
    let engine = Engine::Docker;
    host.sandbox.load_image(engine).expect("the engine takes the image");
    host.sh("mkdir -p /srv/build/scripts; cd /srv/build; \
         printf '#!/bin/sh\\necho cleaned $0 $APP; echo odd >&2\\n' >scripts/cleanup-api-tokens; \
         chmod +x scripts/cleanup-api-tokens; \
         printf 'FROM localhost/app:v1\\nWORKDIR /work\\nCOPY scripts scripts\\n' >Dockerfile; \
         docker build -q -t localhost/app:279d903588 . >/dev/null");
    host.define(
        "cron.yaml",
        "id: gocardless_cron_production\nruntime: docker\nimage: localhost/app\ninstances: 0\nenv: {APP: x}\n",
    );
    let line =
        "run --id gocardless_cron_production --revision 279d903588 scripts/cleanup-api-tokens";
    let words: Vec<_> = line.split(' ').collect();
    let ran = host.conductor(&words).exits(0);
    assert_eq!((&*ran.stdout, &*ran.stderr), ("cleaned scripts/cleanup-api-tokens x\n", "odd\n"));
    // As started by a timer: the unit's output goes to the journal with the service's id.
    let conductor = host.sh("command -v conductor");
    host.sh(&format!("systemd-run --quiet --on-active=0 --unit=cleanup {conductor} {line}"));
    host.eventually("the journal has it", |host| {
        let all = host.sh("journalctl --output cat CONDUCTOR_ID=gocardless_cron_production");
        all.contains("cleaned scripts/cleanup-api-tokens x") && all.contains("odd")
    });
    let logs = host.conductor(&["logs", "--id", "gocardless_cron_production"]).exits(0);
    logs.says("cleaned scripts/cleanup-api-tokens x");
    nothing_is_left(host, Some(engine));
}

pub(super) fn a_users_manager(host: &Host) {
    let operator = |script: &str| {
        let mut command = host.sandbox.command_as_operator("sh").expect("an operator");
        Ran::new(command.args(["-ec", script]))
    };
    operator(
        "mkdir -p ~/.config/conductor/services; \
         echo '{id: a, instances: 0, env: {A: b}}' >~/.config/conductor/services/a.yaml",
    )
    .exits(0);
    let ran =
        operator("echo in | conductor --user run --id a sh -c 'cat; echo $A; id -un; exit 3'");
    let ran = ran.exits(3);
    assert_eq!(ran.stdout, format!("in\nb\n{}\n", operator("id -un").stdout.trim()));
    operator("conductor --user run --id a --user root true").exits(125).complains("user");
    let left =
        "ls $XDG_RUNTIME_DIR/systemd/user/ $XDG_RUNTIME_DIR/conductor/runs | grep run- || true";
    assert_eq!(operator(left).stdout, "");
}
