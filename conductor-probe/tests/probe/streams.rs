//! `run` with podman's client: the command has pipes, and what it writes arrives.

use std::fs::{self, File};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};

use crate::once::Waiting;
use crate::unit::eventually;

/// Runs a shell script as if it were podman's client, with a container that listens to signals.
fn podman(waiting: &Waiting, script: &str, streams: [&File; 3]) -> (Child, UnixStream) {
    let file = waiting.path("container.pid");
    fs::write(&file, i32::MAX.to_string()).unwrap();
    waiting.start_with(&["--pid-file", &file], &["/bin/sh", "-c", script], streams)
}

#[test]
fn what_is_written_arrives_whole_and_in_order() {
    let waiting = Waiting::new();
    fs::write(waiting.path("in"), "input").unwrap();
    let input = File::open(waiting.path("in")).unwrap();
    let out = File::create(waiting.path("out")).unwrap();
    let script = "readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2; echo err >&2
        head -c 10000000 /dev/zero; echo end >&2; cat; exit 3";
    let (mut child, _stream) = podman(&waiting, script, [&input, &out, &out]);
    assert_eq!(child.wait().unwrap().code(), Some(3));
    let wrote = fs::read(waiting.path("out")).unwrap();
    let first = wrote.iter().position(|byte| *byte == 0).unwrap();
    let head = String::from_utf8_lossy(&wrote[..first]);
    let lines: Vec<_> = head.lines().collect();
    assert!(lines.len() == 4 && lines[..3].iter().all(|it| it.starts_with("pipe:[")), "{head}");
    assert_eq!(lines[3], "err");
    assert_eq!(wrote.len(), first + 10_000_000 + "end\ninput".len());
    assert!(wrote.ends_with(b"\0end\ninput"));
}

#[test]
fn nobody_waits_for_others_that_hold_the_pipes() {
    let waiting = Waiting::new();
    let null = File::open("/dev/null").unwrap();
    let out = File::create(waiting.path("out")).unwrap();
    let script = "sleep 1000 & echo $!; exit 4";
    let (mut child, _stream) = podman(&waiting, script, [&null, &out, &out]);
    assert_eq!(child.wait().unwrap().code(), Some(4));
    let id = fs::read_to_string(waiting.path("out")).unwrap().trim().parse().unwrap();
    kill_process(Pid::from_raw(id).unwrap(), Signal::KILL).unwrap();
}

#[test]
fn output_that_cannot_be_written_is_no_success() {
    let waiting = Waiting::new();
    let null = File::open("/dev/null").unwrap();
    let full = File::options().write(true).open("/dev/full").unwrap();
    for (script, code) in [("echo lost", 1), ("echo lost; exit 5", 5)] {
        let error = File::create(waiting.path("error")).unwrap();
        let (mut child, _stream) = podman(&waiting, script, [&null, &full, &error]);
        assert_eq!(child.wait().unwrap().code(), Some(code));
        let said = fs::read_to_string(waiting.path("error")).unwrap();
        assert_eq!(said, "conductor-probe: cannot write the output: No space left on device\n");
    }
}

#[test]
fn a_terminal_on_which_nothing_moves_holds_nobody() {
    let waiting = Waiting::new();
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    unlockpt(&ours).unwrap();
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let theirs = File::from(ioctl_tiocgptpeer(&ours, flags).unwrap());
    let done = waiting.path("done");
    // More than a terminal buffers, and less than a pipe: the command ends. More than both: it does not.
    let ends = format!("trap '' TERM; head -c 60000 /dev/zero; touch {done}");
    let writes = format!("touch {done}; exec head -c 10000000 /dev/zero");
    for (script, code) in [(ends, 1), (writes, 143)] {
        let (mut child, stream) = podman(&waiting, &script, [&theirs, &theirs, &theirs]);
        eventually("it has come so far", || Path::new(&done).exists());
        fs::remove_file(&done).unwrap();
        assert!(child.try_wait().unwrap().is_none());
        drop(stream);
        assert_eq!(child.wait().unwrap().code(), Some(code), "{script}");
    }
}
