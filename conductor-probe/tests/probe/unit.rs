//! What systemd is to the probe: an environment, a socket for messages, and an end to all processes.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Longer than any busy machine takes.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct Unit {
    directory: TempDir,
    socket: UnixDatagram,
    children: Vec<Child>,
}

/// The probe, with no word from systemd in its environment.
pub(crate) fn probe() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_conductor-probe"));
    for name in ["NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "RUNTIME_DIRECTORY"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

impl Unit {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(directory.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { directory, socket, children: Vec::new() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The probe, in the environment of a unit.
    pub(crate) fn probe(&self) -> Command {
        let mut command = probe();
        command.env("NOTIFY_SOCKET", self.path("notify"));
        command.env("WATCHDOG_USEC", "10000000").env("WATCHDOG_PID", "1");
        command
    }

    /// Starts the unit's main process.
    pub(crate) fn exec(&mut self, words: impl IntoIterator<Item: AsRef<OsStr>>) -> &mut Child {
        let child = self.probe().arg("exec").args(words).spawn().unwrap();
        self.children.push(child);
        self.children.last_mut().unwrap()
    }

    /// Runs the probe to its end; what it leaves behind does not hold its output.
    pub(crate) fn run(&self, command: &mut Command) -> Output {
        let (out, err) = (self.path("stdout"), self.path("stderr"));
        command.stdout(fs::File::create(&out).unwrap()).stderr(fs::File::create(&err).unwrap());
        let status = command.status().unwrap();
        Output { status, stdout: fs::read(out).unwrap(), stderr: fs::read(err).unwrap() }
    }

    /// The next message to systemd.
    pub(crate) fn message(&self) -> String {
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).expect("a message");
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    /// The next message that contains a text.
    pub(crate) fn message_with(&self, text: &str) -> String {
        let start = Instant::now();
        let mut others = Vec::new();
        while start.elapsed() < PATIENCE {
            match self.message() {
                message if message.contains(text) => return message,
                other => others.push(other),
            }
        }
        panic!("no {text:?} in {others:#?}");
    }

    /// Tells whether no message comes for a while.
    pub(crate) fn is_silent_for(&self, time: Duration) -> bool {
        self.socket.set_read_timeout(Some(time)).unwrap();
        let silent = self.socket.recv(&mut [0; 4096]).is_err();
        self.socket.set_read_timeout(Some(PATIENCE)).unwrap();
        silent
    }

    /// The probers that are alive.
    pub(crate) fn probers(&self) -> Vec<Pid> {
        let variable = format!("NOTIFY_SOCKET={}", self.path("notify").display());
        let belongs = |process: &Path| {
            let read = |file| fs::read(process.join(file)).unwrap_or_default();
            let environment = read("environ");
            let words = read("cmdline");
            environment.split(|byte| *byte == 0).any(|it| it == variable.as_bytes())
                && words.split(|byte| *byte == 0).nth(1) == Some(b"watch")
        };
        let processes = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
        let numbers = processes.filter(|path| belongs(path));
        numbers
            .filter_map(|path| Pid::from_raw(path.file_name()?.to_str()?.parse().ok()?))
            .collect()
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        for prober in self.probers() {
            let _ = kill_process(prober, Signal::KILL);
        }
    }
}

/// Waits until something holds.
pub(crate) fn eventually(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "not in time: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
