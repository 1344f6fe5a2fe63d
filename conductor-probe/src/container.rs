//! The container of a monitor: podman's conmon does not pass signals on.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// The first process of a container. Its descriptor never means another process, as its PID could.
#[derive(Debug)]
pub(crate) struct Container(OwnedFd);

impl Container {
    /// Returns the container of a monitor; `None` if it has ended.
    pub(crate) fn of(monitor: Pid) -> Option<Self> {
        let pid = monitor.as_raw_nonzero();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
        children.split_whitespace().find_map(|child| {
            let process = pidfd_open(Pid::from_raw(child.parse().ok()?)?, PidfdFlags::empty());
            // A monitor whose container has ended starts podman to clean up.
            let is_container = pid_namespace(child)? != pid_namespace("self")?;
            process.ok().filter(|_| is_container).map(Self)
        })
    }

    /// Sends a signal to the container, unless it has ended.
    pub(crate) fn deliver(&self, signal: Signal) {
        let _ = pidfd_send_signal(&self.0, signal);
    }
}

fn pid_namespace(process: &str) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{process}/ns/pid")).ok()
}
