//! `docker`: the requests to the engine, their order, and the results.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::sync::Mutex;

use rustix::process::{Pid, Signal, kill_process};

use crate::engine::{End, Engine};
use crate::server::{OK, answer_on, free};
use crate::unit::{Unit, eventually};

const BEGIN: [&str; 3] = ["GET /json", "POST /wait?condition=removed", "POST /start"];

#[test]
fn the_stand_in_is_ready_when_the_container_runs_and_ends_with_its_status() {
    let unit = Unit::new();
    let engine = Engine::new(&unit, Ok(()), || {});
    let odd = OsString::from_vec(b"a\xff\n".to_vec());
    let words = [OsStr::new("--rm"), OsStr::new("image"), OsStr::new("--"), &odd, OsStr::new("")];
    let mut child = engine.docker(&unit).arg("--").args(words).spawn().unwrap();
    assert_eq!(unit.message(), "READY=1\nSTATUS=running\n");
    assert_eq!(engine.requests(), BEGIN);
    let begin = ["create", "--name", "web"].map(OsStr::new);
    let expected = begin.iter().chain(&words).flat_map(|word| [word.as_bytes(), b"\0"].concat());
    assert_eq!(engine.words(), expected.collect::<Vec<_>>());
    assert!(child.try_wait().unwrap().is_none());
    engine.end.send(End::Exit(7)).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(7));
}

#[test]
fn a_container_is_checked_and_signals_reach_it() {
    let unit = Unit::new();
    let port = free();
    let tcp = port.tcp();
    let port = Mutex::new(Some(port));
    let engine = Engine::new(&unit, Ok(()), move || {
        let port = port.lock().unwrap().take();
        answer_on(port.unwrap().listen(), OK);
    });
    let mut child = engine.docker(&unit).args([&tcp, "--", "image"]).spawn().unwrap();
    let pid = Pid::from_child(&child);
    unit.message_with("READY=1\nSTATUS=healthy: connected in ");
    for (signal, name) in [(Signal::HUP, "SIGHUP"), (Signal::TERM, "SIGTERM")] {
        kill_process(pid, signal).unwrap();
        let passed_on = format!("POST /kill?signal={name}");
        eventually(&passed_on, || engine.requests().contains(&passed_on));
    }
    assert_eq!(child.wait().unwrap().code(), Some(143));
    // Once the container was told to stop, results of checks did not count.
    unit.message_with("STATUS=stopping\nWATCHDOG_USEC=0\n");
}

#[test]
fn a_container_that_cannot_be_started_is_removed() {
    let unit = Unit::new();
    let engine = Engine::new(&unit, Err("no such program"), || {});
    let port = free();
    let output = unit.run(engine.docker(&unit).args([&port.tcp(), "--", "image"]));
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "conductor-probe: the container was not started: no such program\n"
    );
    assert_eq!(engine.requests(), [&BEGIN[..], &["DELETE ?force=true&v=true"]].concat());
}

#[test]
fn a_container_that_cannot_be_made_is_not_started() {
    let unit = Unit::new();
    let engine = Engine::new(&unit, Ok(()), || {});
    for (script, said) in [
        (
            "echo in use >&2; exit 1",
            "in use\nconductor-probe: DOCKER create failed: exit status: 1\n",
        ),
        ("echo x y", "conductor-probe: DOCKER create did not print a container's ID: \"x y\\n\"\n"),
    ] {
        engine.client(script);
        let output = unit.run(engine.docker(&unit).args(["--", "image"]));
        assert_eq!(output.status.code(), Some(1));
        let path = unit.path("docker");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(stderr.replace(path.to_str().unwrap(), "DOCKER"), said);
    }
    assert!(engine.requests().is_empty());
}

#[test]
fn an_engine_that_was_away_is_asked_again() {
    let unit = Unit::new();
    let engine = Engine::new(&unit, Ok(()), || {});
    let mut child = engine.docker(&unit).args(["--", "image"]).spawn().unwrap();
    unit.message_with("READY=1");
    engine.end.send(End::Lost).unwrap();
    let again = "POST /wait?condition=not-running".to_owned();
    eventually("another wait", || engine.requests().contains(&again));
    engine.end.send(End::Exit(5)).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(5));
}

#[test]
fn an_engine_that_stays_away_ends_the_stand_in() {
    let unit = Unit::new();
    let engine = Engine::new(&unit, Ok(()), || {});
    let mut command = engine.docker(&unit);
    let stderr = fs::File::create(unit.path("errors")).unwrap();
    let mut child = command.args(["--", "image"]).stderr(stderr).spawn().unwrap();
    unit.message_with("READY=1");
    fs::remove_file(unit.path("engine")).unwrap();
    engine.end.send(End::Lost).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let said = fs::read_to_string(unit.path("errors")).unwrap();
    let begin =
        "conductor-probe: the exit status of the container is unknown: cannot reach the engine on ";
    assert!(said.starts_with(begin), "{said}");
}

#[test]
fn systemd_is_asked_for_time_while_an_image_comes() {
    let unit = Unit::new();
    let engine = Engine::new(&unit, Ok(()), || {});
    engine.client("until test -e gate; do sleep 0.05; done; echo 0123456789abcdef");
    let mut child = engine.docker(&unit).args(["--", "image"]).spawn().unwrap();
    let message = unit.message();
    assert!(message.starts_with("STATUS=creating the container for 2"), "{message}");
    assert!(message.contains("\nEXTEND_TIMEOUT_USEC="), "{message}");
    fs::write(unit.path("gate"), "").unwrap();
    unit.message_with("READY=1");
    engine.end.send(End::Exit(0)).unwrap();
    assert!(child.wait().unwrap().success());
}
