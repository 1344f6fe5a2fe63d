//! Ends the processes that are left of a service that is removed.
//!
//! Those are what commands of jobs with `children: keep` left behind. systemd does not stop them with the unit
//! (`KillMode=process`), and they stay in its control group when the slice has stopped.

use std::fs;
use std::path::Path;
use std::time::Duration;

use conductor_core::name::UnitName;

use super::clock::{monotonic, sleep};
use super::deadlines::{SIGKILL, SIGTERM};
use super::systemd::Systemd;

/// How long they have after SIGTERM: the default of `deploy.stop_timeout`.
const GRACE: Duration = Duration::from_secs(10);
/// How long the kernel may take after SIGKILL.
const KILLED: Duration = Duration::from_secs(2);
const INTERVAL: Duration = Duration::from_millis(10);

/// Ends all processes of a slice that has stopped, whose control group this is, and waits for their end.
pub(super) async fn end(systemd: &Systemd, slice: &UnitName, group: &Path) {
    for (signal, longest) in [(SIGTERM, GRACE), (SIGKILL, KILLED)] {
        if !has_processes(group) {
            return;
        }
        systemd.signal(slice, signal).await;
        let began = monotonic();
        while has_processes(group) && monotonic().saturating_sub(began) < longest {
            sleep(INTERVAL).await;
        }
    }
}

/// Returns whether there are processes in a control group or its descendants. One that is gone has none.
fn has_processes(group: &Path) -> bool {
    let events = fs::read_to_string(group.join("cgroup.events")).unwrap_or_default();
    events.lines().any(|line| line == "populated 1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_whether_there_are_processes() {
        let group = tempfile::tempdir().unwrap();
        assert!(!has_processes(group.path()));
        for (text, there) in [("populated 1\nfrozen 0\n", true), ("populated 0\nfrozen 1\n", false)]
        {
            fs::write(group.path().join("cgroup.events"), text).unwrap();
            assert_eq!(has_processes(group.path()), there, "{text}");
        }
    }
}
