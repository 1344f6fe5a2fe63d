//! `run` and `ended`: a command with input and output over a socket, and the report of its end.

use std::fs::{self, File};
use std::io::{IoSlice, Read as _, Write as _, pipe};
use std::mem::MaybeUninit;
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::process::Signal;
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use tempfile::TempDir;

use crate::server::request;
use crate::unit::{eventually, probe};

/// The timeout of an expected event.
const PATIENCE: Timespec = Timespec { tv_sec: 60, tv_nsec: 0 };

/// The announcement of all three streams.
const STREAMS: u8 = 0b111;
/// The announcement of a terminal.
const TERMINAL: u8 = 0b1000;

/// A process that waits for a command.
pub(crate) struct Waiting {
    directory: TempDir,
    listener: UnixListener,
}

impl Waiting {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("socket")).unwrap();
        Self { directory, listener }
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    /// Waits for a connection.
    pub(crate) fn accept(&self) -> UnixStream {
        let mut watched = [PollFd::new(&self.listener, PollFlags::IN)];
        assert_eq!(poll(&mut watched, Some(&PATIENCE)), Ok(1), "nobody comes");
        self.listener.accept().unwrap().0
    }

    /// Starts the probe, with a file for each stream of the command.
    pub(crate) fn start(&self, words: &[&str], streams: [&File; 3]) -> (Child, UnixStream) {
        self.start_with(&[], words, streams)
    }

    /// Starts the probe with more options.
    pub(crate) fn start_with(
        &self,
        options: &[&str],
        words: &[&str],
        streams: [&File; 3],
    ) -> (Child, UnixStream) {
        self.start_between(options, words, STREAMS, &streams)
    }

    /// Starts the probe, and sends it descriptors with their announcement.
    pub(crate) fn start_between(
        &self,
        options: &[&str],
        words: &[&str],
        kind: u8,
        files: &[&File],
    ) -> (Child, UnixStream) {
        let socket = format!("--socket={}", self.path("socket"));
        let mut command = probe();
        command.args(["run", &socket, "--stop-timeout=60s"]).args(options).arg("--").args(words);
        let child = command.spawn().unwrap();
        let mut stream = self.accept();
        let mut word = [0; 4];
        stream.read_exact(&mut word).unwrap();
        assert_eq!(&word, b"run\n");
        let files: Vec<_> = files.iter().map(|file| file.as_fd()).collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        assert!(ancillary.push(SendAncillaryMessage::ScmRights(&files)));
        sendmsg(&stream, &[IoSlice::new(&[kind])], &mut ancillary, SendFlags::empty()).unwrap();
        (child, stream)
    }

    /// Runs a shell script to its end, and returns its output.
    pub(crate) fn run(&self, script: &str) -> (ExitStatus, String) {
        let out = File::create(self.path("out")).unwrap();
        let (mut child, _stream) =
            self.start(&["/bin/sh", "-c", script], [&File::open("/dev/null").unwrap(), &out, &out]);
        (child.wait().unwrap(), fs::read_to_string(self.path("out")).unwrap())
    }
}

#[test]
fn the_command_has_the_files_and_its_status_is_passed_on() {
    let waiting = Waiting::new();
    let (status, wrote) = waiting.run("cat; echo out; echo err >&2; exit 7");
    assert_eq!((status.code(), &*wrote), (Some(7), "out\nerr\n"));
    for (script, code) in [("true", 0), ("kill -KILL $$", 137), ("kill -TERM $$", 143)] {
        assert_eq!(waiting.run(script).0.code(), Some(code), "{script}");
    }
    // The defaults: no signal is blocked, and only those are ignored that this process ignores. The standard
    // library adds SIGPIPE to those.
    let (_, wrote) = waiting.run("cat /proc/self/status");
    let here = fs::read_to_string("/proc/self/status").unwrap();
    assert_eq!(mask(&wrote, "SigBlk"), 0);
    let pipe = 1 << (Signal::PIPE.as_raw() - 1);
    assert_eq!(mask(&wrote, "SigIgn"), mask(&here, "SigIgn") & !pipe);
}

/// Reads a mask of the signals that have names (`proc_pid_status(5)`).
fn mask(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"));
    u64::from_str_radix(line.unwrap(), 16).unwrap() & 0x7fff_ffff
}

#[test]
fn what_is_not_there_is_127() {
    let waiting = Waiting::new();
    let null = File::options().read(true).write(true).open("/dev/null").unwrap();
    for (program, code) in [("/no/such", 127), ("no-such", 127), ("/etc/passwd", 126)] {
        let out = File::create(waiting.path("out")).unwrap();
        let (mut child, _stream) = waiting.start(&[program], [&null, &null, &out]);
        assert_eq!(child.wait().unwrap().code(), Some(code), "{program}");
        let wrote = fs::read_to_string(waiting.path("out")).unwrap();
        assert!(wrote.starts_with(&format!("conductor-probe: cannot run {program}: ")), "{wrote}");
    }
}

#[test]
fn signals_come_over_the_socket_and_its_end_is_the_commands() {
    let waiting = Waiting::new();
    let null = File::options().read(true).write(true).open("/dev/null").unwrap();
    let out = waiting.path("out");
    let wrote = |text: &str| {
        eventually(text, || fs::read_to_string(&out).is_ok_and(|wrote| wrote.contains(text)));
    };
    let script = "trap 'echo usr1' USR1; trap 'echo term; exit 3' TERM; echo ready; \
                  while :; do sleep 0.05; done";
    let file = File::create(&out).unwrap();
    let (mut child, mut stream) = waiting.start(&["/bin/sh", "-c", script], [&null, &file, &null]);
    wrote("ready");
    stream.write_all(&[u8::try_from(Signal::USR1.as_raw()).unwrap()]).unwrap();
    wrote("usr1");
    assert!(child.try_wait().unwrap().is_none());
    drop(stream);
    wrote("term");
    assert_eq!(child.wait().unwrap().code(), Some(3));
}

#[test]
fn nothing_of_ours_keeps_a_pipe_open() {
    let waiting = Waiting::new();
    let null = File::options().read(true).write(true).open("/dev/null").unwrap();
    let (mut reader, writer) = pipe().unwrap();
    let writer = File::from(std::os::fd::OwnedFd::from(writer));
    let script = "exec >&- 2>&-; read x </dev/null; sleep 60";
    let (mut child, stream) = waiting.start(&["/bin/sh", "-c", script], [&null, &writer, &null]);
    drop(writer);
    // The command has closed it, and no other process has it open.
    assert_eq!(reader.read_to_end(&mut Vec::new()).unwrap(), 0);
    drop(stream);
    child.wait().unwrap();
}

#[test]
fn containers_are_started_in_turns() {
    let waiting = Waiting::new();
    let null = File::options().read(true).write(true).open("/dev/null").unwrap();
    let turns = 4 * thread::available_parallelism().unwrap().get();
    let turn = |number: usize| {
        let turn = File::create(waiting.path(&format!("start-{number}"))).unwrap();
        turn.lock().unwrap();
        turn
    };
    let begun = waiting.path("begun");
    let start = || {
        let engine = waiting.path("engine");
        let options = ["--container=a", "--engine-socket", &engine];
        waiting.start_with(&options, &["/bin/touch", &begun], [&null, &null, &null])
    };
    assert!(start().0.wait().unwrap().success());
    fs::remove_file(&begun).unwrap();
    let mode = fs::metadata(waiting.path("start-0")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "anybody could take all turns");
    let mut others: Vec<_> = (0..turns).map(turn).collect();
    // A signal ends the wait, except one for a new size of the terminal.
    let (mut child, mut stream) = start();
    for signal in [Signal::WINCH, Signal::INT] {
        thread::sleep(Duration::from_millis(300));
        assert!(child.try_wait().unwrap().is_none());
        stream.write_all(&[u8::try_from(signal.as_raw()).unwrap()]).unwrap();
    }
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let (mut child, stream) = start();
    drop(stream);
    assert_eq!(child.wait().unwrap().code(), Some(143));
    let (mut child, _stream) = start();
    thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none() && !Path::new(&begun).exists());
    others.pop();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(Path::new(&begun).exists());
    // Without containers, nothing has to wait.
    assert!(waiting.run("true").0.success());
}

/// An engine whose container does not run at the first request; returns the sizes that it gets.
fn engine(path: &str) -> Receiver<String> {
    let listener = UnixListener::bind(path).unwrap();
    let (told, sizes) = channel();
    thread::spawn(move || {
        let mut early = 2;
        for mut stream in listener.incoming().flatten() {
            let request = request(&stream);
            let line = request.lines().next().unwrap_or_default();
            let size = line.strip_prefix("POST /containers/a/resize?");
            let status = match size {
                Some(_) if early > 0 => {
                    early -= 1;
                    "409 Conflict"
                }
                Some(size) => {
                    // At the end of the test, nothing listens any more.
                    let _ = told.send(size.trim_end_matches(" HTTP/1.1").to_owned());
                    "200 OK"
                }
                None => "404 Not Found",
            };
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    sizes
}

#[test]
fn a_containers_terminal_gets_the_size_until_it_has_it_and_whenever_it_changes() {
    let waiting = Waiting::new();
    let sizes = engine(&waiting.path("engine"));
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    unlockpt(&ours).unwrap();
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let theirs = File::from(ioctl_tiocgptpeer(&ours, flags).unwrap());
    let resize = |rows, columns| {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&ours, size).unwrap();
    };
    let told = || sizes.recv_timeout(Duration::from_mins(1)).unwrap();
    resize(24, 80);
    let engine = waiting.path("engine");
    let options = ["--container=a", "--engine-socket", &engine];
    let (mut child, mut stream) =
        waiting.start_between(&options, &["/bin/sleep", "60"], TERMINAL, &[&theirs]);
    // Twice, in case the client sets an older one in between.
    assert_eq!([told(), told()], ["h=24&w=80", "h=24&w=80"]);
    // The terminal has the size; the message only reports a change.
    resize(50, 132);
    stream.write_all(&[u8::try_from(Signal::WINCH.as_raw()).unwrap()]).unwrap();
    assert_eq!([told(), told()], ["h=50&w=132", "h=50&w=132"]);
    drop(stream);
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert_eq!(sizes.try_iter().next(), None);
}

#[test]
fn the_end_is_reported_and_the_file_removed() {
    let waiting = Waiting::new();
    let unit = waiting.path("unit");
    let ended = |socket: &str| {
        fs::write(&unit, "").unwrap();
        let mut command = probe();
        command.args(["ended", "--unit-file", &unit, "--socket", socket]);
        command.spawn().unwrap()
    };
    let mut child = ended(&waiting.path("socket"));
    let mut stream = waiting.accept();
    let mut line = [0; 6];
    stream.read_exact(&mut line).unwrap();
    assert_eq!(&line, b"ended\n");
    // It still runs, so that systemd keeps the result.
    assert!(child.try_wait().unwrap().is_none() && !Path::new(&unit).exists());
    drop(stream);
    assert!(child.wait().unwrap().success());
    // The process that waited has died, and left the socket.
    let left = waiting.path("left");
    drop(UnixListener::bind(&left).unwrap());
    for _ in 0..2 {
        assert!(ended(&left).wait().unwrap().success());
        assert!(!Path::new(&left).exists() && !Path::new(&unit).exists());
    }
}
