//! A booted sandbox: runs programs in it, gives access to its files, resets it and ends it.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::thread;
use std::time::Instant;

use crate::builder::{Builder, POLL, REBOOT_DEADLINE, wait_until_up};
use crate::error::{Error, run};
use crate::tree::Tree;

/// A running Debian with its own systemd. Dropping it ends it and removes everything of it.
#[derive(Debug)]
pub struct Sandbox {
    /// Ends the sandbox when its standard input, which `Child` holds, is closed.
    pub(crate) supervisor: Child,
    pub(crate) cgroup: PathBuf,
    pub(crate) console: File,
    /// The sandbox's process 1; 0 before it exists.
    pub(crate) leader: u32,
    pub(crate) seccomp: bool,
}

impl Sandbox {
    /// Returns a builder for a sandbox on this tree.
    pub fn builder(tree: &Tree) -> Builder<'_> {
        Builder::new(tree)
    }

    /// Returns the PID of the sandbox's process 1 on the host.
    pub fn leader(&self) -> u32 {
        self.leader
    }

    /// Returns whether its services can have seccomp filters, which not every kernel can load.
    pub fn has_seccomp(&self) -> bool {
        self.seccomp
    }

    /// Returns the cgroup, in the host's v2 hierarchy, that holds all of the sandbox.
    pub fn cgroup(&self) -> &Path {
        &self.cgroup
    }

    /// Returns a command that runs a program inside, as root in `/` with a clean environment.
    ///
    /// The program is in the sandbox's namespaces, but in the caller's cgroup, which does not work with
    /// logind and polkit; use `systemd-run --wait --pipe` inside for them. Killing the child kills the
    /// program.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = self.enter(&[]);
        command.env("HOME", "/root").arg(program);
        command
    }

    /// Returns a command that runs a program inside as the unprivileged user `operator`, whose
    /// `systemctl --user` works.
    ///
    /// The first call starts the user's service manager and enables lingering; a start at boot would make
    /// every boot slower.
    ///
    /// # Errors
    ///
    /// The user's service manager does not start.
    pub fn command_as_operator(&self, program: impl AsRef<OsStr>) -> Result<Command, Error> {
        if !self.operator_is_up() {
            self.sh(include_str!("operator.sh"))?;
        }
        let mut command = self.enter(&["--reuid=1000", "--regid=users", "--init-groups"]);
        command
            .env("HOME", "/home/operator")
            .env("USER", "operator")
            .env("XDG_RUNTIME_DIR", "/run/user/1000")
            .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/run/user/1000/bus")
            .arg(program);
        Ok(command)
    }

    /// Runs a shell script inside, as root and with `sh -e`, and returns its output.
    ///
    /// # Errors
    ///
    /// The script fails. Use [`Sandbox::command`] if that is expected.
    pub fn sh(&self, script: &str) -> Result<Output, Error> {
        run(self.command("sh").args(["-ec", script]))
    }

    /// Returns the host's path for a path in the sandbox, to read and write it directly.
    ///
    /// Absolute symbolic links in the path, such as `/var/run`, point to the host's files: use their targets.
    pub fn path(&self, inside: &str) -> PathBuf {
        Path::new("/proc")
            .join(self.leader.to_string())
            .join("root")
            .join(inside.trim_start_matches('/'))
    }

    /// Removes everything that conductor has created in the sandbox, so that the next test finds it as after
    /// boot.
    ///
    /// Those are the `conductor-*` units of both service managers, their files and links, the stamps
    /// of their timers, the containers `conductor-*` of Docker and of root's Podman, `/etc/conductor`,
    /// `/run/conductor`, `/var/lib/conductor` and the operator's counterparts. nginx is stopped, and
    /// its `conf.d` empty again. Docker goes on running, and images stay.
    ///
    /// # Errors
    ///
    /// A service manager or an engine returns an error.
    pub fn reset(&self) -> Result<(), Error> {
        let script = ["-ec", include_str!("reset.sh")];
        run(self.command("sh").args(script).args([
            "--system",
            "/etc/systemd/system",
            "/var/lib/systemd/timers",
            "/etc/conductor",
            "/run/conductor",
            "/var/lib/conductor",
        ]))?;
        if self.operator_is_up() || self.path("/home/operator/.config").exists() {
            run(self.command_as_operator("sh")?.args(script).args([
                "--user",
                "/home/operator/.config/systemd/user",
                "/home/operator/.local/share/systemd/timers",
                "/home/operator/.config/conductor",
                "/run/user/1000/conductor",
            ]))?;
        }
        Ok(())
    }

    /// Reboots the sandbox, and returns once its systemd has started everything again.
    ///
    /// Only a sandbox on a tree with layers keeps its files, and can do that.
    ///
    /// # Errors
    ///
    /// It does not come up within four minutes. The error shows its console.
    pub fn reboot(&mut self) -> Result<(), Error> {
        // The program is killed with everything else, so its status says nothing.
        let _ = self.command("systemctl").arg("reboot").output();
        let old = Path::new("/proc").join(self.leader.to_string());
        let began = Instant::now();
        while old.exists() && began.elapsed() < REBOOT_DEADLINE {
            thread::sleep(POLL);
        }
        self.leader = 0;
        wait_until_up(self, REBOOT_DEADLINE)
    }

    /// Ends the sandbox at once, like a power cut, and removes everything of it.
    ///
    /// # Errors
    ///
    /// Something of it could not be removed.
    pub fn kill(mut self) -> Result<(), Error> {
        self.end()
    }

    fn end(&mut self) -> Result<(), Error> {
        // Waiting closes the supervisor's standard input first, which tells it to end.
        self.supervisor.wait().map_err(|source| Error::Run {
            command: "sh (the sandbox's supervisor)".to_owned(),
            source,
        })?;
        if self.cgroup.exists() {
            return Err(Error::Leftover { path: self.cgroup.clone() });
        }
        Ok(())
    }

    fn enter(&self, credentials: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command
            .env_clear()
            .env("LANG", "C.UTF-8")
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin")
            .env("TERM", "dumb")
            .current_dir("/")
            .arg("--target")
            .arg(self.leader.to_string())
            .args(["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"])
            // nsenter forks, so a kill would end only nsenter; this passes it on.
            .args(["--", "setpriv", "--pdeathsig=KILL"])
            .args(credentials)
            .arg("--");
        command
    }

    fn operator_is_up(&self) -> bool {
        self.path("/run/user/1000/systemd/private").exists()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.end();
    }
}
