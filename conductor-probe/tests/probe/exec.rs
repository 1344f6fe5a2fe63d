//! `exec`: what the service gets, and what prevents its start.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::os::unix::process::ExitStatusExt as _;

use rustix::process::{Pid, Signal, kill_process};

use crate::server::{free, listen, request, serve};
use crate::unit::{PATIENCE, Unit, eventually, probe};

#[test]
fn arguments_arrive_byte_for_byte() {
    let (mut unit, port) = (Unit::new(), free());
    let every_byte = OsString::from_vec((1..=255).collect());
    let words = [OsStr::new(""), OsStr::new("--"), OsStr::new("--http"), &every_byte];
    let script = "printf '%s\\0' \"$@\" > \"$0\"";
    let file = unit.path("words");
    let begin = [&port.tcp(), "--", "/bin/sh", "-c", script].map(OsString::from);
    let all = begin.into_iter().chain([file.clone().into()]).chain(words.map(OsString::from));
    let all: Vec<_> = all.collect();
    assert!(unit.exec(&all).wait().unwrap().success());
    let expected: Vec<u8> =
        words.iter().flat_map(|word| [word.as_bytes(), b"\0"].concat()).collect();
    assert_eq!(fs::read(file).unwrap(), expected);
}

/// All users can read the command line of a long-running process.
#[test]
fn no_value_stands_on_the_command_line() {
    let mut unit = Unit::new();
    let port = free();
    let (address, file) = (port.address(), unit.path("words"));
    let script = "ls -l /proc/$$/fd >\"$0.open\"; printf '%s\\0' \"$@\" >\"$0\"; exec sleep 1000";
    let http = format!("--http=http://{address}/");
    let check =
        [&http, "--header=Authorization: hunter2", "--interval=100ms", "--", "/bin/sh", "-c"];
    let service = [script, file.to_str().unwrap(), "--env=TOKEN=hunter3", "a b"];
    let main = unit.exec(check.iter().chain(&service)).id();
    let arrived = || fs::read(&file).is_ok_and(|words| words == b"--env=TOKEN=hunter3\0a b\0");
    eventually("the service gets its arguments", arrived);
    let (sender, heard) = std::sync::mpsc::channel();
    serve(port.listen(), move |stream| {
        let _ = sender.send(request(stream));
    });
    let heard = heard.recv_timeout(PATIENCE).unwrap();
    assert!(heard.contains("hunter2"), "{heard}");
    let shown = fs::read(format!("/proc/{main}/cmdline")).unwrap();
    let shown = String::from_utf8_lossy(&shown).replace('\0', " ");
    assert!(shown.contains("--header=Authorization:*** "), "{shown}");
    assert!(shown.contains("--env=TOKEN=*** "), "{shown}");
    assert!(!shown.contains("hunter"), "{shown}");
    let open = fs::read_to_string(unit.path("words.open")).unwrap();
    assert!(open.contains("->") && !open.contains("memfd"), "{open}");
}

#[test]
fn the_environment_arrives_without_the_watchdog() {
    let (unit, port) = (Unit::new(), free());
    let odd = OsString::from_vec(b"a=\xff\n".to_vec());
    let (port, file) = (port.tcp(), format!("--pid-file={}", unit.path("none").display()));
    for (options, told) in [
        (&[port.as_str()][..], false),
        (&[&port, &file], false),
        // Then it is the service that notifies.
        (&[], true),
    ] {
        let mut command = unit.probe();
        command.env("ODD", &odd).env("RUNTIME_DIRECTORY", unit.path(""));
        command.arg("exec").args(options).args(["--", "/usr/bin/env", "-0"]);
        let output = unit.run(&mut command);
        let seen: Vec<&[u8]> = output.stdout.split(|byte| *byte == 0).collect();
        assert!(seen.contains(&b"ODD=a=\xff\n".as_slice()));
        let has = |name: &str| seen.iter().any(|it| it.starts_with(format!("{name}=").as_bytes()));
        assert_eq!(
            ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "RUNTIME_DIRECTORY", "PATH"]
                .map(has),
            [told, told, told, true, true]
        );
    }
}

/// Sockets that systemd passes (`sd_listen_fds(3)`) are for the process with the given PID.
#[test]
fn what_is_meant_for_the_main_process_is_for_the_service() {
    let (unit, port) = (Unit::new(), free());
    let file = unit.path("seen");
    let mut command = unit.probe();
    command.env("LISTEN_FDS", "1").env("LISTEN_PID", "1").env("SYSTEMD_EXEC_PID", "1");
    command.args(["exec", &port.tcp(), "--", "/bin/sh", "-c"]);
    command.arg("echo $$ $LISTEN_PID $SYSTEMD_EXEC_PID $LISTEN_FDS >\"$0\"").arg(&file);
    assert!(unit.run(&mut command).status.success());
    let seen = fs::read_to_string(file).unwrap();
    let seen: Vec<_> = seen.split_whitespace().collect();
    assert_eq!(seen[1..], [seen[0], seen[0], "1"]);
}

#[test]
fn the_service_is_a_child_in_a_session_of_its_own() {
    let (mut unit, port) = (Unit::new(), free());
    let pid = unit.exec([&port.tcp(), "--", "/bin/sleep", "1000"]).id();
    unit.message_with("starting: ");
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    let service = children.trim();
    let is_it = || fs::read_to_string(format!("/proc/{service}/comm")).unwrap() == "sleep\n";
    eventually("it is the service", is_it);
    let stat = fs::read_to_string(format!("/proc/{service}/stat")).unwrap();
    let fields: Vec<_> = stat.split_whitespace().collect();
    // Process group and session, proc_pid_stat(5).
    assert_eq!(fields[4..6], [service, service]);
}

#[test]
fn it_ends_as_the_service_ends() {
    for (script, code, signal) in [
        ("exit 0", Some(0), None),
        ("exit 42", Some(42), None),
        ("kill -KILL $$", None, Some(9)),
        ("kill -TERM $$", None, Some(15)),
        ("kill -SEGV $$", None, Some(11)),
        ("kill -PIPE $$", None, Some(13)),
    ] {
        let (mut unit, port) = (Unit::new(), free());
        let script = ["/usr/bin/env", "--default-signal=PIPE", "/bin/sh", "-c", script];
        let tcp = port.tcp();
        let status = unit.exec([&*tcp, "--"].into_iter().chain(script)).wait().unwrap();
        assert_eq!((status.code(), status.signal()), (code, signal), "{script:?}");
        assert!(!status.core_dumped());
    }
}

#[test]
fn signals_are_passed_on() {
    let (mut unit, port) = (Unit::new(), free());
    let script = "for s in HUP USR1 CONT TERM; do trap \"echo $s >>$0; test $s = TERM && exit 3\" $s; done; \
                  echo >$0; while :; do sleep 0.01; done";
    let file = unit.path("signals");
    let tcp = port.tcp();
    let words = [&*tcp, "--", "/bin/sh", "-c", script, file.to_str().unwrap()];
    let pid = Pid::from_child(unit.exec(words));
    let seen = || fs::read_to_string(&file).unwrap_or_default();
    eventually("it is up", || !seen().is_empty());
    let signals = [(Signal::HUP, "HUP"), (Signal::USR1, "USR1"), (Signal::CONT, "CONT")];
    for (signal, name) in signals {
        kill_process(pid, signal).unwrap();
        eventually(name, || seen().contains(name));
    }
    kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(unit.wait().code(), Some(3));
    unit.message_with("STATUS=stopping\nWATCHDOG_USEC=0\n");
}

#[test]
fn signals_are_as_systemd_sets_them() {
    let (unit, port) = (Unit::new(), free());
    let mut command = unit.probe();
    command.args([
        "exec",
        &port.tcp(),
        "--",
        "/bin/grep",
        "-E",
        "^Sig(Blk|Ign)",
        "/proc/self/status",
    ]);
    let output = unit.run(&mut command);
    let said = String::from_utf8(output.stdout).unwrap();
    let sets = said.lines().map(|line| line.split_whitespace().nth(1).unwrap());
    let sets: Vec<_> = sets.map(|set| u64::from_str_radix(set, 16).unwrap()).collect();
    let pipe = 1 << (Signal::PIPE.as_raw() - 1);
    assert_eq!([sets[0], sets[1] & pipe], [0, pipe], "{said}");
}

#[test]
fn a_program_that_cannot_be_run_is_named() {
    let (unit, port) = (Unit::new(), free());
    let mut command = unit.probe();
    let output = unit.run(command.args(["exec", &port.tcp(), "--", "/no/such/program"]));
    assert_eq!(output.status.code(), Some(203));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "conductor-probe: cannot run /no/such/program: No such file or directory\n"
    );
}

#[test]
fn a_service_whose_port_answers_already_is_not_started() {
    let unit = Unit::new();
    let listener = listen();
    let address = listener.local_addr().unwrap();
    let path = unit.path("socket");
    let _unix = UnixListener::bind(&path).unwrap();
    let http = format!("--http=http://localhost:{}/", address.port());
    let socket = format!("--unix={}", path.display());
    for (check, place) in [
        (vec![format!("--tcp={address}")], address.to_string()),
        (vec![http.clone()], address.to_string()),
        (vec![http, socket], path.display().to_string()),
    ] {
        let mut command = unit.probe();
        let output = unit.run(command.arg("exec").args(check).args(["--", "/bin/echo", "started"]));
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(output.stdout, b"");
        let said = String::from_utf8(output.stderr).unwrap();
        let begin = format!(
            "conductor-probe: {place} is in use before /bin/echo was started: process {} (",
            std::process::id()
        );
        assert!(said.starts_with(&begin) && said.ends_with(") listens on it\n"), "{said}");
    }
}

#[test]
fn a_check_without_type_notify_is_refused() {
    let port = free();
    let output =
        probe().args(["exec", &port.tcp(), "--", "/bin/echo", "started"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stdout, b"");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("NOTIFY_SOCKET is not set") && said.contains("Type=notify"), "{said}");
}

#[test]
fn without_a_check_it_becomes_the_service() {
    let unit = Unit::new();
    let mut command = unit.probe();
    let output = unit.run(command.args(["exec", "--", "/bin/echo", "-n", "a b"]));
    assert!(output.status.success());
    assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b"a b"[..], &b""[..]));
}

#[test]
fn a_socket_is_shared_before_the_service_is_ready() {
    let mut unit = Unit::new();
    let path = unit.path("socket");
    let words = ["unix", "share-socket"].map(|it| format!("--{it}={}", path.display()));
    unit.exec(words.iter().map(String::as_str).chain(["--", "/bin/sleep", "1000"]));
    unit.message_with("starting: ");
    let _listener = UnixListener::bind(&path).unwrap();
    unit.message_with("READY=1");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o666);
}
