//! The prober of `exec`: the messages to systemd, from the first check to the last.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::server::{OK, answer_on, free, request, serve};
use crate::unit::Unit;

const SLEEP: [&str; 3] = ["--", "/bin/sleep", "1000"];

/// Frequent checks, and a long start period.
fn fast(check: &str) -> Vec<&str> {
    let fast = ["--interval=50ms", "--timeout=10s", "--start-period=10min"];
    [check].into_iter().chain(fast).collect()
}

#[test]
fn readiness_comes_with_the_first_healthy_answer() {
    let mut unit = Unit::new();
    let port = free();
    let address = port.address();
    let http = format!("--http=http://{address}/");
    unit.exec(fast(&http).into_iter().chain(SLEEP));
    let starting = unit.message();
    assert_eq!(starting, format!("STATUS=starting: connection refused on {address}, 1 check\n"));
    answer_on(port.listen(), OK);
    let mut message = unit.message();
    while message.starts_with("STATUS=starting: ") {
        message = unit.message();
    }
    assert!(message.starts_with("READY=1\nSTATUS=healthy: 200 in "), "{message}");
    assert!(message.ends_with(" checks\nWATCHDOG=1\n"), "{message}");
    // With a new text, systemd would send every check to the bus.
    let repeated = message.strip_prefix("READY=1\n");
    assert_eq!(Some(unit.message().as_str()), repeated);
    assert_eq!(Some(unit.message().as_str()), repeated);
}

#[test]
fn failures_in_a_row_trigger_the_watchdog_and_are_then_left_to_it() {
    let mut unit = Unit::new();
    let port = free();
    let address = port.address();
    let http = format!("--http=http://{address}/");
    unit.exec(fast(&http).into_iter().chain(["--retries=3"]).chain(SLEEP));
    unit.message_with("starting: ");
    let broken = Arc::new(AtomicBool::new(false));
    let state = Arc::clone(&broken);
    serve(port.listen(), move |mut stream| {
        request(&stream);
        let status = if state.load(Ordering::SeqCst) { "500 Oh" } else { "200 OK" };
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        let _ = std::io::Write::write_all(&mut stream, answer.as_bytes());
    });
    unit.message_with("READY=1");
    broken.store(true, Ordering::SeqCst);
    let reason = format!("500 Internal Server Error from http://{address}/ (expected 200-399)\n");
    assert_eq!(
        unit.message_with("unhealthy"),
        format!("STATUS=unhealthy 1/3: {reason}WATCHDOG=1\n")
    );
    // A success resets the count.
    broken.store(false, Ordering::SeqCst);
    unit.message_with("STATUS=healthy");
    broken.store(true, Ordering::SeqCst);
    unit.message_with("unhealthy 1/3");
    assert_eq!(unit.message(), format!("STATUS=unhealthy 2/3: {reason}WATCHDOG=1\n"));
    assert_eq!(unit.message(), format!("STATUS=unhealthy 3/3: {reason}WATCHDOG=trigger\n"));
    assert!(unit.is_silent_for(Duration::from_millis(500)));
}

#[test]
fn a_service_that_never_gets_healthy_is_ended() {
    let mut unit = Unit::new();
    let port = free();
    let tcp = port.tcp();
    let words = [&tcp, "--interval=50ms", "--retries=2", "--start-period=100ms"];
    unit.exec(words.into_iter().chain(SLEEP));
    let message = unit.message_with("WATCHDOG=trigger");
    assert!(message.starts_with("STATUS=never healthy in "), "{message}");
    assert!(message.contains("s: connection refused on 127.0.0.1:"), "{message}");
}

#[test]
fn several_successes_can_be_asked_for() {
    let mut unit = Unit::new();
    let port = free();
    let tcp = port.tcp();
    unit.exec(fast(&tcp).into_iter().chain(["--success-threshold=3"]).chain(SLEEP));
    unit.message_with("starting: connection refused");
    let _listener = port.listen();
    let message = unit.message_with("READY=1");
    assert!(message.contains("STATUS=healthy: connected in "), "{message}");
}

#[test]
fn a_detached_service_is_checked_when_its_starter_has_ended() {
    let mut unit = Unit::new();
    let port = free();
    let (tcp, file) = (port.tcp(), unit.path("pid"));
    let pid_file = format!("--pid-file={}", file.display());
    let gate = unit.path("gate");
    // The service outlives the command that starts it, and ends with a status.
    let service =
        format!("until test -e {}/end; do sleep 0.01; done; exit 7", unit.path("").display());
    let script = format!(
        "until test -e {}; do sleep 0.01; done; setsid sh -c '{service}' & echo $! >{}",
        gate.display(),
        file.display()
    );
    let words = [&*tcp, &pid_file, "--interval=50ms", "--retries=1", "--start-period=10min"];
    unit.exec(words.into_iter().chain(["--", "/bin/sh", "-c", &script]));
    let message = unit.message();
    assert!(message.starts_with("STATUS=creating the container for 2"), "{message}");
    assert!(message.contains("\nEXTEND_TIMEOUT_USEC="), "{message}");
    fs::write(gate, "").unwrap();
    let _listener = port.listen();
    unit.message_with("READY=1");
    fs::write(unit.path("end"), "").unwrap();
    assert_eq!(unit.wait().code(), Some(7));
}

#[test]
fn a_command_can_be_the_check() {
    let mut unit = Unit::new();
    let file = unit.path("healthy");
    let test = format!(
        "--command=test -e {} || echo no {}; test -e {0}",
        file.display(),
        "$NOTIFY_SOCKET"
    );
    let words = ["--command=/bin/sh", "--command=-c", &test, "--interval=50ms"];
    unit.exec(words.into_iter().chain(SLEEP));
    unit.message_with("starting: exit status 1 of /bin/sh: no, ");
    fs::write(&file, "").unwrap();
    unit.message_with("READY=1\nSTATUS=healthy: exit status 0 in ");
    fs::remove_file(&file).unwrap();
    unit.message_with("unhealthy 2/3: exit status 1 of /bin/sh: no\n");
}

#[test]
fn a_connection_that_hangs_does_not_delay_readiness() {
    let mut unit = Unit::new();
    let port = free();
    let http = format!("--http=http://{}/", port.address());
    unit.exec([http.as_str(), "--timeout=10min"].into_iter().chain(SLEEP));
    unit.message_with("starting: connection refused");
    let first = Arc::new(AtomicBool::new(true));
    serve(port.listen(), move |mut stream| {
        request(&stream);
        if first.swap(false, Ordering::SeqCst) {
            // Until no process waits any more.
            let _ = std::io::Read::read(&mut stream, &mut [0]);
        } else {
            let _ = std::io::Write::write_all(&mut stream, OK.as_bytes());
        }
    });
    // Long before the timeout.
    unit.message_with("READY=1");
}

/// A stop by a command, as with `ExecStop=`.
#[test]
fn after_stop_a_failure_is_no_verdict() {
    let (mut unit, port) = (Unit::new(), free());
    let runtime = unit.path("");
    let tcp = port.tcp();
    let fast = ["--interval=20ms", "--retries=1"];
    let listener = port.listen();
    unit.exec_in(&runtime, [&*tcp].into_iter().chain(fast).chain(SLEEP));
    unit.message_with("READY=1");
    let mut command = unit.probe();
    let output = unit.run(command.env("RUNTIME_DIRECTORY", &runtime).arg("stop"));
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    drop(listener);
    unit.message_with("STATUS=stopping\nWATCHDOG_USEC=0\n");
    assert!(unit.is_silent_for(Duration::from_millis(500)));
    // The next start does not see it.
    let port = free();
    let tcp = port.tcp();
    unit.exec_in(&runtime, [&*tcp].into_iter().chain(fast).chain(SLEEP));
    unit.message_with("starting");
    assert!(!unit.path("stopping").exists());
}

#[test]
fn after_the_signal_to_stop_a_failure_is_no_verdict() {
    for (option, signal) in [(None, Signal::TERM), (Some("--stop-signal=SIGQUIT"), Signal::QUIT)] {
        let (mut unit, port) = (Unit::new(), free());
        let tcp = port.tcp();
        let listener = port.listen();
        let words = [&*tcp, "--interval=20ms", "--retries=1"].into_iter().chain(option);
        // It ends slowly.
        let script = ["--", "/bin/sh", "-c", "trap '' TERM QUIT; while :; do sleep 0.1; done"];
        let pid = Pid::from_child(unit.exec(words.chain(script)));
        unit.message_with("READY=1");
        kill_process(pid, signal).unwrap();
        unit.message_with("STATUS=stopping\nWATCHDOG_USEC=0\n");
        drop(listener);
        assert!(unit.is_silent_for(Duration::from_millis(300)));
    }
}
