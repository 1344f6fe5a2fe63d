//! Attacks on runs.

use conductor_sandbox::Engine;

use super::as_eve;
use crate::Test;
use crate::host::Host;
use crate::ran::Ran;

pub(crate) const TESTS: &[Test] = &[
    ("a_user_in_a_group_of_the_units_name_comes_first", a_user_in_a_group_of_the_units_name),
    ("root_in_a_group_of_the_units_name_is_turned_away", root_in_a_group_of_the_units_name),
    ("a_command_says_how_it_ended", a_command_says_how_it_ended),
    ("an_environment_says_how_a_command_ended", an_environment_says_how_a_command_ended),
    ("nobody_else_writes_where_a_one_off_is", nobody_else_writes_where_a_one_off_is),
    ("docker_has_no_file_of_the_callers", |host| has_no_file_of_the_callers(host, Engine::Docker)),
    ("podman_has_no_file_of_the_callers", |host| has_no_file_of_the_callers(host, Engine::Podman)),
];

/// Defines a service that is used only for runs.
fn define(host: &Host, rest: &str) {
    host.define("a.yaml", &format!("id: a\nrevision: v1\ninstances: 0\n{rest}"));
}

/// The command gets bytes: root in the container can neither write to the file that is its input, nor cut off the one
/// that its output goes to, nor change the modes of both.
fn has_no_file_of_the_callers(host: &Host, engine: Engine) {
    host.sandbox.load_image(engine).expect("the engine takes the image");
    define(host, &format!("runtime: {}\nimage: localhost/app\n", engine.program()));
    host.sh("umask 077; echo input >/srv/input; echo before >/srv/log");
    let script = "echo HACKED >/proc/self/fd/0; : >/proc/self/fd/1; \
                  chmod 777 /proc/self/fd/0 /proc/self/fd/1; cat; echo end";
    let run = format!(
        "timeout 60 conductor run --id a sh -c '{script}' </srv/input >>/srv/log 2>/dev/null || true"
    );
    host.sh(&run);
    assert_eq!(host.sh("cat /srv/input"), "input");
    let log = host.sh("cat /srv/log");
    assert!(log.starts_with("before\ninput\n") && log.ends_with("end"), "{log}");
    assert_eq!(host.sh("stat -c %a /srv/input /srv/log"), "600\n600");
}

/// Starts an attacker as a unit, and waits until it is ready.
#[track_caller]
fn lie_in_wait(host: &Host, start: impl Fn(&str) -> Ran, deed: &str, base: &str) {
    host.write("/srv/eve.py", include_str!("comes_first.py"));
    host.sh("chmod 755 /srv; rm -rf /srv/eve; mkdir -m 1777 /srv/eve");
    start(&format!(
        "systemctl $MANAGER reset-failed eve.service 2>/dev/null || true; \
         systemd-run $MANAGER --quiet --collect --unit=eve \
             python3 /srv/eve.py {deed} {base} /srv/eve/log"
    ))
    .exits(0);
    host.eventually("somebody lies in wait", |host| {
        host.sh("cat /srv/eve/log 2>/dev/null || true").contains("ready")
    });
}

/// Returns the attacker's log after all attempts.
#[track_caller]
fn attempts(host: &Host, number: usize) -> String {
    host.eventually("there were attempts", |host| {
        host.sh("wc -l </srv/eve/log").trim().parse::<usize>().is_ok_and(|lines| lines > number)
    });
    host.sh("cat /srv/eve/log")
}

fn a_user_in_a_group_of_the_units_name(host: &Host) {
    define(host, "");
    let user = |script: &str| {
        let mut command = host.sandbox.command_as_operator("sh").expect("an operator");
        Ran::new(command.env("MANAGER", "--user").args(["-ec", script]))
    };
    let base = "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice";
    for deed in ["take", "forge", "hold"] {
        lie_in_wait(host, user, deed, base);
        for _ in 0..3 {
            let script = "echo secret | timeout 100 conductor run --id a sh -c 'cat; exit 7'";
            let mut command = host.sandbox.command("sh");
            let ran = Ran::new(command.args(["-c", script])).exits(7);
            assert_eq!((&*ran.stdout, &*ran.stderr), ("secret\n", ""), "{deed}");
        }
        user("systemctl --user stop eve.service").exits(0);
        let log = attempts(host, 3);
        assert!(!log.contains("took") && log.contains("Permission denied"), "{deed}: {log}");
    }
}

fn root_in_a_group_of_the_units_name(host: &Host) {
    define(host, "");
    let root = |script: &str| {
        let mut command = host.sandbox.command("sh");
        Ran::new(command.env("MANAGER", "--system").args(["-ec", script]))
    };
    for deed in ["take", "forge", "hold"] {
        lie_in_wait(host, root, deed, "/sys/fs/cgroup/system.slice/eve.slice");
        let script = "echo secret | timeout 100 conductor run --id a sh -c 'cat; sleep 1; exit 7'";
        let mut command = host.sandbox.command("sh");
        let ran = Ran::new(command.args(["-c", script])).exits(7);
        assert_eq!(ran.stdout, "secret\n", "{deed}");
        let warning = "eve.slice/conductor-a-v1.";
        ran.complains("warning: process ").complains(warning).complains("was rejected");
        root("systemctl stop eve.service").exits(0);
        let log = attempts(host, 2);
        assert!(!log.contains("took"), "{deed}: {log}");
    }
}

fn a_command_says_how_it_ended(host: &Host) {
    // The command can derive the socket's name from the name of its unit.
    let script = "import glob, socket, sys\n\
        paths = ['/run/conductor/run-*', '/run/conductor/runs/run-*', '/run/conductor/one-off']\n\
        for path in sum(map(glob.glob, paths), []):\n\
        \x20   for line in [b'run\\n', b'ended\\n']:\n\
        \x20       try:\n\
        \x20           stream = socket.socket(socket.AF_UNIX)\n\
        \x20           stream.connect(path)\n\
        \x20           stream.sendall(line)\n\
        \x20           print(socket.recv_fds(stream, 1, 3)[:2])\n\
        \x20       except OSError as error:\n\
        \x20           pass\n\
        sys.exit(7)\n";
    for rest in ["", "user: daemon\nsandbox: false\n", "sandbox: false\n"] {
        define(host, rest);
        let ran = host.conductor(&["run", "--id", "a", "python3", "-c", script]).exits(7);
        assert_eq!(ran.stdout, "(b'', [])\n(b'', [])\n", "{ran}");
        ran.complains("asked a second time for the input and output").complains("reported the end");
    }
}

fn an_environment_says_how_a_command_ended(host: &Host) {
    host.write("/srv/a.env", "EXIT_STATUS=0\nEXIT_CODE=exited\nSERVICE_RESULT=success\n");
    let image = format!("runtime: {}\nimage: localhost/app\n", Engine::Docker.program());
    host.sandbox.load_image(Engine::Docker).expect("the engine takes the image");
    for runtime in ["", &image] {
        define(host, &format!("{runtime}env_files: [/srv/a.env]\n"));
        let run = |script: &str| host.conductor(&["run", "--id", "a", "sh", "-c", script]);
        run("exit 1").exits(1);
        run("kill -KILL $$").exits(137);
        let timeout = ["run", "--id", "a", "--timeout", "1s", "sleep", "60"];
        host.conductor(&timeout).exits(124);
    }
}

fn nobody_else_writes_where_a_one_off_is(host: &Host) {
    define(host, "");
    for umask in ["000", "077"] {
        // The state after a boot.
        host.sh("rm -rf /run/conductor/runs /run/conductor/one-off");
        let unit = host.sh(&format!(
            "umask {umask}; rm -f /srv/out; mkfifo -m 600 /srv/go; \
             (conductor run --id a sh -c 'echo ran; read x' </srv/go >/srv/out 2>&1 & \
              echo $! >/srv/pid); exec 3>/srv/go; \
             until grep -qs ran /srv/out; do sleep 0.05; done; \
             ls /run/systemd/system/conductor-a-*-run-*; \
             stat -c '%a %n' /run/conductor /run/conductor/runs /run/systemd/system/conductor-a-* >/srv/modes; \
             setpriv --reuid 1000 --regid 100 --clear-groups sh -c \
                 'find /run/conductor /run/systemd -not -type l -writable; ls /run/conductor/runs' \
                 >/srv/found 2>/srv/refused || true; \
             rm /srv/go"
        ));
        let modes = host.sh("cat /srv/modes");
        assert_eq!(modes, format!("755 /run/conductor\n700 /run/conductor/runs\n644 {unit}"));
        // systemd's own open files are sockets to which everybody can write.
        let found = host.sh("grep conductor /srv/found || true");
        assert_eq!(found, "", "umask {umask}");
        assert!(host.sh("cat /srv/refused").contains("/run/conductor/runs"), "umask {umask}");
        host.eventually("it ends", |host| {
            host.sh("ls /run/systemd/system/conductor-a-* 2>/dev/null || true").is_empty()
        });
    }
    // She cannot predict a name.
    as_eve(host, "! ln -s /etc/passwd /run/conductor/run-a && ! mkdir /run/conductor/runs/run-a")
        .exits(0);
}
