//! A sandbox for a test: its definitions, conductor, and systemd's state.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use conductor_sandbox::{Error, Sandbox};

use crate::background::Background;
use crate::ran::Ran;

/// The unit directory.
pub(crate) const UNITS: &str = "/etc/systemd/system";
/// The directory of definitions.
pub(crate) const SERVICES: &str = "/etc/conductor/services";
/// The time limit of a command in a sandbox, in seconds, so that a hang fails one test and not the whole CI
/// run.
const PATIENCE: &str = "300";
/// A service that only sleeps; the first argument is its id.
pub(crate) const SLEEP: &str = "command: [/usr/bin/sleep, infinity]\n";

/// Disables the directives that use seccomp, for tests that end many instances at a time.
///
/// A default unit has dozens of filters, and the kernel frees each with a work item. Linux 6.18 was seen to
/// lock up permanently when a thousand of them are in one queue (`bpf_prog_pack_free` and
/// `__purge_vmap_area_lazy` wait for each other). After that, no sandbox boots.
pub(crate) const FEW_FILTERS: &str = "{\"Service\": {\
    \"SystemCallFilter\": \"\", \"SystemCallArchitectures\": \"\", \
    \"RestrictAddressFamilies\": \"\", \"LockPersonality\": false, \"PrivateDevices\": false, \
    \"ProtectClock\": false, \"ProtectHostname\": false, \"ProtectKernelLogs\": false, \
    \"ProtectKernelModules\": false, \"ProtectKernelTunables\": false, \
    \"RestrictNamespaces\": false, \"RestrictRealtime\": false, \"RestrictSUIDSGID\": false}}";

/// A host with conductor.
pub(crate) struct Host {
    pub(crate) sandbox: Sandbox,
    spoiled: Cell<bool>,
}

/// The state of a unit in systemd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unit {
    pub(crate) pid: u32,
    pub(crate) state: String,
}

impl Host {
    pub(crate) fn new(sandbox: Sandbox) -> Self {
        let spoiled = Cell::new(false);
        Self { sandbox, spoiled }
    }

    /// Marks the sandbox as not reusable: the test changes something that a reset does not undo.
    pub(crate) fn spoil(&self) {
        self.spoiled.set(true);
    }

    /// Resets the host to its state after boot, or ends it if it was marked as not reusable.
    pub(crate) fn tidy(self) -> Result<Option<Self>, Error> {
        if self.spoiled.get() {
            self.sandbox.kill()?;
            return Ok(None);
        }
        self.sandbox.reset()?;
        self.sandbox.sh("rm -rf /srv/*")?;
        Ok(Some(self))
    }

    /// Writes a definition, or replaces it.
    pub(crate) fn define(&self, file: &str, text: &str) {
        self.write(&format!("{SERVICES}/{file}"), text);
    }

    /// Removes a definition.
    #[track_caller]
    pub(crate) fn undefine(&self, file: &str) {
        fs::remove_file(self.path(SERVICES).join(file)).expect("the definition is there");
    }

    /// Writes a file inside.
    #[track_caller]
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        let directory = path.parent().expect("a file is in a directory");
        fs::create_dir_all(directory).expect("the directory can be made");
        fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// Returns the host's path for a path in the sandbox.
    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.sandbox.path(inside)
    }

    /// Runs conductor inside, as root.
    #[track_caller]
    pub(crate) fn conductor(&self, arguments: &[&str]) -> Ran {
        Ran::new(self.sandbox.command("timeout").args([PATIENCE, "conductor"]).args(arguments))
    }

    /// Starts conductor inside, as root, and returns while it runs.
    #[track_caller]
    pub(crate) fn start(&self, arguments: &[&str]) -> Background {
        let mut command = self.sandbox.command("timeout");
        Background::start(command.args(["--foreground", PATIENCE, "conductor"]).args(arguments))
    }

    /// Runs `conductor apply`, which must succeed.
    #[track_caller]
    pub(crate) fn apply(&self) -> Ran {
        self.conductor(&["apply"]).exits(0)
    }

    /// Asserts that there is nothing left to do.
    #[track_caller]
    pub(crate) fn is_converged(&self) {
        let ran = self.apply();
        assert_eq!(ran.stdout, "nothing changed\n", "{ran}");
    }

    /// Runs a shell script that must succeed, and returns its output without the last line end.
    #[track_caller]
    pub(crate) fn sh(&self, script: &str) -> String {
        let mut command = self.sandbox.command("timeout");
        let ran = Ran::new(command.args([PATIENCE, "sh", "-ec", script])).exits(0);
        ran.stdout.trim_end().to_owned()
    }

    /// Reads a property of a unit.
    #[track_caller]
    pub(crate) fn property(&self, unit: &str, property: &str) -> String {
        let mut command = self.sandbox.command("systemctl");
        command.args(["show", "--value", "--property", property, unit]);
        Ran::new(&mut command).exits(0).stdout.trim_end().to_owned()
    }

    /// Returns all instances that are loaded, by unit, independent of conductor.
    #[track_caller]
    pub(crate) fn instances(&self) -> BTreeMap<String, Unit> {
        let mut command = self.sandbox.command("systemctl");
        command.args(["show", "--property=Id,MainPID,ActiveState", "conductor-*.service"]);
        let text = Ran::new(&mut command).exits(0).stdout;
        let blocks = text.split("\n\n").filter(|block| !block.trim().is_empty());
        let units = blocks.map(|block| {
            let value = |key: &str| {
                let mut lines = block.lines().filter_map(|line| line.split_once('='));
                let line = lines.find(|(found, _)| *found == key);
                line.map_or_else(|| panic!("no {key} in {block}"), |(_, value)| value.to_owned())
            };
            let pid = value("MainPID").parse().expect("a PID is a number");
            let state = value("ActiveState");
            (value("Id"), Unit { pid, state })
        });
        units.filter(|(id, _)| !id.contains('@')).collect()
    }

    /// Returns the running instances of a service, from the first, with their PIDs.
    #[track_caller]
    pub(crate) fn running(&self, service: &str) -> Vec<(String, u32)> {
        let prefix = format!("conductor-{service}-");
        let instances = self.instances().into_iter();
        instances
            .filter(|(id, unit)| id.starts_with(&prefix) && unit.state == "active")
            .map(|(id, unit)| (id, unit.pid))
            .collect()
    }

    fn last_lines(&self) -> String {
        self.sh("uptime; journalctl --lines=40 --output=short-precise --no-hostname --no-pager")
    }

    /// Returns all files of conductor in the unit directory: the target of a link, or the content and
    /// metadata that a rewrite of the same content would change.
    pub(crate) fn files(&self) -> BTreeMap<String, (u64, i64, Vec<u8>)> {
        let mut files = BTreeMap::new();
        collect(&self.path(UNITS), "", &mut files);
        files
    }

    /// Waits until a condition holds, at most two minutes: a busy machine is slow. If it does not, the
    /// failure says what the host did last.
    #[track_caller]
    pub(crate) fn eventually(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_mins(2);
        while !holds(self) {
            assert!(Instant::now() < deadline, "never came true: {what}\n{}", self.last_lines());
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Returns the content of a file without the time of the deploy.
pub(crate) fn undated(content: &[u8]) -> String {
    let text = String::from_utf8_lossy(content);
    let lines = text.split_inclusive('\n').filter(|line| !line.starts_with("Deployed="));
    lines.collect()
}

fn collect(directory: &Path, prefix: &str, files: &mut BTreeMap<String, (u64, i64, Vec<u8>)>) {
    let entries = directory.read_dir().expect("the unit directory can be read");
    for entry in entries {
        let path = entry.expect("the unit directory can be read").path();
        let metadata = path.symlink_metadata().expect("it is still there");
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let name = format!("{prefix}{file}");
        if metadata.is_dir() {
            collect(&path, &format!("{name}/"), files);
        } else if name.contains("conductor") {
            let content = match metadata.is_symlink() {
                true => fs::read_link(&path).map(|to| to.into_os_string().into_encoded_bytes()),
                false => fs::read(&path),
            };
            let stamp = metadata.mtime() * 1_000_000_000 + metadata.mtime_nsec();
            files.insert(name, (metadata.ino(), stamp, content.unwrap_or_default()));
        }
    }
}
