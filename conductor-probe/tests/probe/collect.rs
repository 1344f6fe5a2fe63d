//! `collect`: a command whose output is passed on and kept; and `mail` where there is nothing to mail.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::unit::{eventually, probe};

fn collect(output: &Path, script: &str) -> Command {
    let mut command = probe();
    let option = format!("--output={}", output.display());
    command.args(["collect", &option, "--", "/bin/sh", "-c", script]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn text(child: &mut Child) -> String {
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    text
}

#[test]
fn the_output_is_passed_on_and_kept_byte_for_byte() {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("output");
    let script = "echo out; echo; printf '\\377\\0 err' >&2; echo; echo '  end  '; exit 7";
    let ran = collect(&output, script).output().unwrap();
    assert_eq!(ran.status.code(), Some(7));
    assert_eq!(ran.stdout, b"out\n\n\xff\0 err\n  end  \n");
    assert_eq!(fs::read(&output).unwrap(), ran.stdout);
    // A signal ends this process, too, and a closed pipe ends the command.
    let ran = collect(&output, "echo x; kill -KILL $$").output().unwrap();
    assert_eq!(ran.status.signal(), Some(9));
    let ran = collect(&output, "while :; do echo y; done | head -n 1").output().unwrap();
    assert_eq!((ran.status.code(), &ran.stdout[..]), (Some(0), &b"y\n"[..]));
    // It closes its output and goes on.
    let ran = collect(&output, "echo a; exec >/dev/null 2>&1; exit 3").output().unwrap();
    assert_eq!((ran.status.code(), &ran.stdout[..]), (Some(3), &b"a\n"[..]));
    let missing = probe()
        .args(["collect", &format!("--output={}", output.display()), "--", "/no/program"])
        .output()
        .unwrap();
    assert_eq!(missing.status.code(), Some(127));
    assert!(fs::read_to_string(&output).unwrap().contains("cannot run /no/program"));
}

#[test]
fn what_is_kept_is_bounded_and_what_is_passed_on_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("output");
    let ran = collect(&output, "head -c 3000000 /dev/zero").output().unwrap();
    assert_eq!(ran.stdout.len(), 3_000_000);
    assert_eq!(fs::metadata(&output).unwrap().len(), (1 << 20) + 1);
    // A link is not followed, and the command runs anyway.
    fs::remove_file(&output).unwrap();
    let other = directory.path().join("other");
    symlink(&other, &output).unwrap();
    let ran = collect(&output, "echo a").output().unwrap();
    assert_eq!((ran.status.code(), &ran.stdout[..]), (Some(0), &b"a\n"[..]));
    assert!(String::from_utf8_lossy(&ran.stderr).contains("cannot keep the output"));
    assert!(!other.exists());
}

#[test]
fn a_stop_reaches_the_command_and_what_it_leaves_behind_is_not_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let (output, left) = (directory.path().join("output"), directory.path().join("left"));
    let script = "trap 'echo stopped; exit 5' TERM; echo ready; while :; do sleep 0.1; done";
    let mut child = collect(&output, script).spawn().unwrap();
    eventually("it runs", || fs::read(&output).is_ok_and(|kept| kept == b"ready\n"));
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(5));
    assert_eq!(text(&mut child), "ready\nstopped\n");
    let script = format!("sleep 1000 & echo $! >{}; echo done", left.display());
    let mut child = collect(&output, &script).spawn().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(fs::read(&output).unwrap(), b"done\n");
    let left: i32 = fs::read_to_string(left).unwrap().trim().parse().unwrap();
    kill_process(Pid::from_raw(left).unwrap(), Signal::KILL).unwrap();
}

#[test]
fn a_run_that_succeeds_in_silence_is_not_mailed() {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("output");
    let mail = || {
        let option = format!("--output={}", output.display());
        let mut command = probe();
        let words = ["--to=nobody", "--name=a of b", "--line=true", "--timeout=5s"];
        command.arg("mail").arg(option).args(words).env("SERVICE_RESULT", "success");
        command.output().unwrap()
    };
    // It never ran, or wrote nothing.
    for _ in 0..2 {
        let ran = mail();
        assert_eq!((ran.status.code(), ran.stderr.len()), (Some(0), 0));
        fs::write(&output, "").unwrap();
    }
    // What is not a file of its own is not read.
    fs::remove_file(&output).unwrap();
    symlink("/etc/passwd", &output).unwrap();
    assert_eq!(mail().status.code(), Some(1));
    fs::remove_file(&output).unwrap();
    fs::write(directory.path().join("other"), "x").unwrap();
    fs::hard_link(directory.path().join("other"), &output).unwrap();
    assert!(String::from_utf8_lossy(&mail().stderr).contains("not a regular file of its own"));
}
