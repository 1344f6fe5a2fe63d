//! A proxy's processes from before a reload, which serve the old connections.
//!
//! For systemd, a reload is done when it was requested. Whether the proxy uses the new configuration shows in
//! its processes: nginx starts new workers and shuts the old ones down. Old workers show that in their
//! titles, and end when their last connection is closed.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use conductor_core::error::{PathContext as _, PathError};

/// The first and the longest pause between two checks.
const PAUSE: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(20)];

/// The processes that served a proxy's connections before its reload.
#[derive(Debug, Clone, Default)]
pub struct OldWorkers(Vec<Worker>);

/// A process. Its PID may be reused later, but not with the same start time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Worker {
    pid: u32,
    start: u64,
}

impl OldWorkers {
    /// Returns the children of a proxy's main process.
    pub(super) fn of(main: u32) -> Result<Self, PathError> {
        let mut workers = Vec::new();
        for worker in children(main)?.into_iter().filter_map(Worker::new) {
            // During an upgrade of nginx's binary, the new master is a child of the old one. A worker, too,
            // has the title of a master at its start, but never has children.
            let titled = worker.title().starts_with("nginx: master");
            if !titled || children(worker.pid)?.is_empty() {
                workers.push(worker);
            }
        }
        Ok(Self(workers))
    }

    /// Waits until no worker of nginx uses the old configuration: each has ended or is shutting down. Returns
    /// whether that happened. Other proxies do not show it, so there is no wait for them.
    pub(super) fn are_leaving(&self, longest: Duration) -> bool {
        let staying = |worker: &Worker| {
            let title = worker.title();
            worker.is_there() && title.starts_with("nginx: ") && !title.contains("shutting down")
        };
        wait(longest, || !self.0.iter().any(staying))
    }

    /// Waits until all have ended. Returns how many still run.
    pub(super) fn drain(&self, longest: Duration, interrupted: &dyn Fn() -> bool) -> usize {
        wait(longest, || self.count() == 0 || interrupted());
        self.count()
    }

    /// Returns how many still run.
    pub(crate) fn count(&self) -> usize {
        self.0.iter().filter(|worker| worker.is_there()).count()
    }
}

impl Worker {
    fn new(pid: u32) -> Option<Self> {
        Some(Self { pid, start: start_of(pid)? })
    }

    fn is_there(&self) -> bool {
        start_of(self.pid) == Some(self.start)
    }

    fn title(&self) -> String {
        let line = fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        String::from_utf8_lossy(&line).into_owned()
    }
}

/// Returns the children of a process; none if it has ended.
fn children(pid: u32) -> Result<Vec<u32>, PathError> {
    let mut pids = Vec::new();
    let tasks = Path::new("/proc").join(pid.to_string()).join("task");
    let Some(threads) = unless_gone(tasks.read_dir()).at("read", &tasks)? else {
        return Ok(pids);
    };
    for thread in threads {
        let Some(thread) = unless_gone(thread).at("read", &tasks)? else { continue };
        let file = thread.path().join("children");
        match unless_gone(fs::read_to_string(&file)).at("read", &file)? {
            Some(list) => {
                pids.extend(list.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
            }
            None if !thread.path().exists() => {}
            // Without the list, the drain would not wait and connections would be cut.
            None => {
                let source = io::Error::other("the kernel was built without CONFIG_PROC_CHILDREN");
                return Err(PathError { action: "read", path: file, source });
            }
        }
    }
    Ok(pids)
}

/// Returns the arguments of a process, separated by zero bytes; `None` if it has ended.
pub(super) fn arguments(pid: u32) -> Result<Option<String>, PathError> {
    let path = format!("/proc/{pid}/cmdline");
    let line = unless_gone(fs::read(&path)).at("read", Path::new(&path))?;
    Ok(line.map(|line| String::from_utf8_lossy(&line).into_owned()))
}

/// Returns the start time of a process in clock ticks; `None` if it has ended.
fn start_of(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name of the program may contain anything. The third field, the state, follows it.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    let started = fields.nth(22 - 4)?.parse().ok()?;
    (!matches!(state, "Z" | "X")).then_some(started)
}

/// Returns `None` for the error of a process that has ended.
fn unless_gone<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    const ESRCH: i32 = 3;
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) if error.raw_os_error() == Some(ESRCH) => Ok(None),
        result => result.map(Some),
    }
}

/// Waits until a condition holds, up to `longest`. Returns whether it holds.
fn wait(longest: Duration, holds: impl Fn() -> bool) -> bool {
    let began = Instant::now();
    let mut pause = PAUSE[0];
    loop {
        if holds() {
            return true;
        }
        let Some(left) = longest.checked_sub(began.elapsed()) else { return false };
        sleep(pause.min(left));
        pause = (pause * 3 / 2).min(PAUSE[1]);
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, id};

    use super::*;

    #[test]
    fn children_are_waited_for_as_long_as_they_live() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let all = OldWorkers::of(id()).unwrap();
        let own = OldWorkers(all.0.into_iter().filter(|worker| worker.pid == child.id()).collect());
        assert_eq!(own.0.len(), 1);
        // It is not nginx, so its title is not checked.
        assert!(own.are_leaving(Duration::ZERO));
        assert_eq!(own.drain(Duration::from_millis(50), &|| false), 1);
        assert_eq!(own.drain(Duration::from_mins(1), &|| true), 1);
        child.kill().unwrap();
        // A zombie serves no connections.
        assert_eq!(own.drain(Duration::from_mins(1), &|| false), 0);
        child.wait().unwrap();
        assert_eq!(own.drain(Duration::ZERO, &|| false), 0);
    }

    #[test]
    fn another_process_of_the_same_number_is_not_waited_for() {
        let worker = Worker::new(id()).unwrap();
        let other = Worker { start: worker.start - 1, ..worker };
        assert!(worker.is_there());
        assert!(!other.is_there());
        assert_eq!(OldWorkers::of(u32::MAX).unwrap().0.len(), 0);
    }
}
