//! `limit`: a command that is killed with all that it started.

use std::fs;
use std::process::Output;

use crate::unit::{eventually, probe};

fn limit(timeout: &str, words: &[&str]) -> (Option<i32>, String, String) {
    let mut command = probe();
    command.args(["limit", "--timeout", timeout, "--"]).args(words);
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn the_end_of_a_command_is_passed_on() {
    let shell = |script| limit("60s", &["/bin/sh", "-c", script]);
    assert_eq!(shell("echo a; echo b >&2"), (Some(0), "a\n".to_owned(), "b\n".to_owned()));
    assert_eq!(shell("exit 7").0, Some(7));
    assert_eq!(shell("kill -9 $$").0, Some(137));
    assert_eq!(limit("60s", &["true"]).0, Some(0));
    let (status, _, stderr) = limit("60s", &["/no/such/program"]);
    assert_eq!(status, Some(127));
    let complaint = "conductor-probe: cannot run /no/such/program: No such file or directory\n";
    assert_eq!(stderr, complaint);
    assert_eq!(limit("60s", &["/"]).0, Some(126));
}

#[test]
fn nothing_is_left_of_a_command() {
    let directory = tempfile::tempdir().unwrap();
    for (end, timeout, status) in [("exit 3", "60s", 3), ("wait", "3s", 124)] {
        let file = directory.path().join(timeout);
        // A child, one in its own session, and one that left its parent.
        let script = format!(
            "cd {}; sleep 1000 & echo $! >>{timeout}; setsid sleep 1000 & echo $! >>{timeout}; \
             setsid sh -c 'sleep 1000 & echo $! >>{timeout}'; {end}",
            directory.path().display()
        );
        // All processes with the output have ended, else this would not return.
        assert_eq!(limit(timeout, &["/bin/sh", "-c", &script]).0, Some(status));
        let file = fs::read_to_string(file).unwrap();
        assert_eq!(file.lines().count(), 3, "{file}");
        for pid in file.lines() {
            eventually("an end of what was started", || {
                let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
                stat.is_err() || stat.is_ok_and(|stat| stat.contains(") Z "))
            });
        }
    }
}
