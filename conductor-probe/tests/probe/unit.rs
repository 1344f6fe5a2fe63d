//! A stand-in for systemd: an environment, a socket for messages, and an end of all processes.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Longer than a busy machine takes.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct Unit {
    directory: TempDir,
    socket: UnixDatagram,
    children: Vec<Child>,
}

/// Returns the probe, without variables of systemd in its environment.
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

    /// Returns the probe, in the environment of a unit.
    pub(crate) fn probe(&self) -> Command {
        let mut command = probe();
        command.env("NOTIFY_SOCKET", self.path("notify"));
        command.env("WATCHDOG_USEC", "10000000").env("WATCHDOG_PID", "1");
        command
    }

    /// Starts the unit's main process.
    pub(crate) fn exec(&mut self, words: impl IntoIterator<Item: AsRef<OsStr>>) -> &mut Child {
        let mut command = self.probe();
        self.spawn(command.arg("exec").args(words))
    }

    /// Starts the unit's main process, which has a runtime directory.
    pub(crate) fn exec_in(
        &mut self,
        runtime: &Path,
        words: impl IntoIterator<Item: AsRef<OsStr>>,
    ) -> &mut Child {
        let mut command = self.probe();
        self.spawn(command.env("RUNTIME_DIRECTORY", runtime).arg("exec").args(words))
    }

    fn spawn(&mut self, command: &mut Command) -> &mut Child {
        self.children.push(command.spawn().unwrap());
        self.children.last_mut().unwrap()
    }

    /// Waits until the process that was started last has ended.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.children.last_mut().unwrap().wait().unwrap()
    }

    /// Runs the probe to its end; processes that it leaves do not keep its output open.
    pub(crate) fn run(&self, command: &mut Command) -> Output {
        let (out, err) = (self.path("stdout"), self.path("stderr"));
        command.stdout(fs::File::create(&out).unwrap()).stderr(fs::File::create(&err).unwrap());
        let status = command.status().unwrap();
        Output { status, stdout: fs::read(out).unwrap(), stderr: fs::read(err).unwrap() }
    }

    /// Returns the next message to systemd.
    pub(crate) fn message(&self) -> String {
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).expect("a message");
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    /// Returns the next message that contains a text.
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

    /// Returns whether no message arrives for a while.
    pub(crate) fn is_silent_for(&self, time: Duration) -> bool {
        self.socket.set_read_timeout(Some(time)).unwrap();
        let silent = self.socket.recv(&mut [0; 4096]).is_err();
        self.socket.set_read_timeout(Some(PATIENCE)).unwrap();
        silent
    }

    /// Returns the processes of the unit.
    fn processes(&self) -> Vec<Pid> {
        let ours: Vec<_> = self.children.iter().map(|child| child.id().to_string()).collect();
        let child_of = |process: &Path| {
            let stat = fs::read_to_string(process.join("stat")).unwrap_or_default();
            let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1));
            parent.is_some_and(|parent| ours.iter().any(|id| id == parent))
        };
        let processes = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
        let numbers = processes.filter(|path| child_of(path));
        numbers
            .filter_map(|path| Pid::from_raw(path.file_name()?.to_str()?.parse().ok()?))
            .collect()
    }
}

/// Kills all processes of the unit, as systemd does.
impl Drop for Unit {
    fn drop(&mut self) {
        let processes = self.processes();
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        for process in processes {
            let _ = kill_process(process, Signal::KILL);
        }
    }
}

/// Waits until a condition holds.
pub(crate) fn eventually(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "not in time: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
