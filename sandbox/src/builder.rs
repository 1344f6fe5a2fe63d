//! Boots a sandbox: creates its cgroup, starts its supervisor, and waits until systemd is up.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{self, Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Error, describe};
use crate::sandbox::Sandbox;
use crate::tree::Tree;

/// How long a boot may take; it takes about a second, and more on a busy machine.
const BOOT_DEADLINE: Duration = Duration::from_mins(2);

/// How long a reboot may take: until all services have stopped, and have started again.
pub(crate) const REBOOT_DEADLINE: Duration = Duration::from_mins(4);

/// Where the container engines keep their data.
const ENGINES: [&str; 2] = ["containers", "docker"];

/// The options of systemd-nspawn on a usual host: container engines need these system calls.
const FILTERED: &[&str] = &["--system-call-filter=add_key keyctl bpf"];

/// The options on a host whose kernel hangs when a BPF program is loaded, so that nothing in the sandbox
/// loads one. A user namespace prevents that in systemd. logind, which uses a socket filter, is masked.
const UNFILTERED: &[&str] = &[
    "--private-users=identity",
    "--setenv=SYSTEMD_SECCOMP=0",
    "systemd.mask=systemd-logind.service",
];

/// How often to poll a condition.
pub(crate) const POLL: Duration = Duration::from_millis(10);

/// The options of a boot.
#[derive(Debug)]
pub struct Builder<'a> {
    tree: &'a Tree,
    binds: Vec<OsString>,
}

impl<'a> Builder<'a> {
    pub(crate) fn new(tree: &'a Tree) -> Self {
        let binds = Vec::new();
        Self { tree, binds }
    }

    /// Mounts a file or directory of the host in the sandbox, read-only.
    #[must_use]
    pub fn bind_read_only(mut self, host: impl AsRef<Path>, inside: impl AsRef<Path>) -> Self {
        let mut option = OsString::from("--bind-ro=");
        option.push(escape(host.as_ref()));
        option.push(":");
        option.push(escape(inside.as_ref()));
        self.binds.push(option);
        self
    }

    /// Boots the sandbox and returns once its systemd has started everything.
    ///
    /// # Errors
    ///
    /// The sandbox ends by itself, or is not up within 30 s. The error shows its console.
    pub fn boot(self) -> Result<Sandbox, Error> {
        let cgroup2 = &self.tree.host.cgroup2;
        let name = make_cgroup(cgroup2)?;
        let cgroup = cgroup2.join(&name);
        let result = console_file(&name).and_then(|console| {
            let supervisor = self.supervise(&name, &console)?;
            Ok((supervisor, console))
        });
        let (supervisor, console) = match result {
            Ok(started) => started,
            Err(error) => {
                let _ = fs::remove_dir(&cgroup);
                return Err(error);
            }
        };
        // From here on, dropping it on an error ends everything that was started.
        let seccomp = self.tree.host.seccomp;
        let mut sandbox = Sandbox { supervisor, cgroup, console, leader: 0, seccomp };
        wait_until_up(&mut sandbox, BOOT_DEADLINE)?;
        Ok(sandbox)
    }

    /// Returns the option for the data of a container engine. An overlay cannot be on an overlay, and the engines create
    /// overlays. With layers, the data stay over reboots.
    fn data(&self, name: &str, engine: &str) -> String {
        if self.tree.layers.is_empty() {
            format!("--tmpfs=/var/lib/{engine}:mode=0711")
        } else {
            format!("--bind=/run/{name}.root/{engine}:/var/lib/{engine}")
        }
    }

    fn supervise(&self, name: &str, console: &File) -> Result<Child, Error> {
        let host = &self.tree.host;
        let layered = !self.tree.layers.is_empty();
        // The mounts of a tree with layers are in a namespace of their own, and end with it.
        let mut command = Command::new(if layered { "unshare" } else { "sh" });
        command
            .args(if layered { &["--mount", "sh"][..] } else { &[] })
            .args(["-c", include_str!("supervise.sh"), name])
            .arg(&host.cgroup2)
            .args(&host.mirror)
            .args(["--", "systemd-nspawn", "--quiet", "--boot", "--settings=no"]);
        if layered {
            let lower = self.tree.layers.iter().chain([&self.tree.path]);
            let lower: Vec<_> = lower.map(|path| path.as_os_str()).collect();
            command.env("LOWER", lower.join(OsStr::new(":")));
            command
                .arg(option("--directory=", &Path::new("/run").join(format!("{name}.root/all"))));
        } else {
            command.arg(option("--directory=", &self.tree.path)).arg("--volatile=overlay");
        }
        command
            .arg(format!("--machine={name}"))
            .args(["--hostname=sandbox", "--register=no", "--keep-unit"])
            .args(["--private-network", "--capability=all"])
            .args(["--link-journal=no", "--resolv-conf=off", "--timezone=off"])
            // Somebody has to read it: systemd hangs in the middle of a boot when the terminal is full.
            .arg("--console=read-only")
            .args(ENGINES.map(|directory| self.data(name, directory)))
            .args(&self.binds)
            .args(if host.seccomp { FILTERED } else { UNFILTERED })
            .env("SYSTEMD_SECCOMP", if host.seccomp { "1" } else { "0" })
            .env("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1")
            // The tree is never written to. A sandbox that ends would hold an exclusive lock for a moment,
            // and another that boots would fail because the tree is busy.
            .env("SYSTEMD_NSPAWN_LOCK", "0")
            // A Ctrl-C at the owner's terminal must not end the supervisor before it has cleaned up.
            .process_group(0)
            .stdin(Stdio::piped());
        let run_error =
            |source| Error::Run { command: "sh (the sandbox's supervisor)".to_owned(), source };
        command
            .stdout(console.try_clone().map_err(run_error)?)
            .stderr(console.try_clone().map_err(run_error)?)
            .spawn()
            .map_err(run_error)
    }
}

/// Waits for the sandbox's process 1, then for its socket, then until it reports that the boot is complete.
pub(crate) fn wait_until_up(sandbox: &mut Sandbox, deadline: Duration) -> Result<(), Error> {
    let began = Instant::now();
    let init = sandbox.cgroup.join("payload/init.scope/cgroup.procs");
    loop {
        if sandbox.leader == 0 {
            sandbox.leader = find_leader(&init).unwrap_or(0);
        } else if sandbox.path("/run/systemd/private").exists()
            && says_it_is_up(sandbox, deadline, began)?
        {
            return Ok(());
        }
        let late = began.elapsed() > deadline;
        if late || !matches!(sandbox.supervisor.try_wait(), Ok(None)) {
            let mut text = Vec::new();
            let _ = sandbox.console.rewind();
            let _ = sandbox.console.read_to_end(&mut text);
            let console = String::from_utf8_lossy(&text).trim_end().to_owned();
            let seconds = deadline.as_secs();
            return Err(if late {
                Error::Deadline { seconds, console }
            } else {
                Error::Ended { console }
            });
        }
        thread::sleep(POLL);
    }
}

fn says_it_is_up(sandbox: &Sandbox, deadline: Duration, began: Instant) -> Result<bool, Error> {
    let left = deadline.saturating_sub(began.elapsed()).as_secs() + 1;
    let mut command = sandbox.command("timeout");
    command.arg(left.to_string());
    command.args(["systemctl", "is-system-running", "--wait"]);
    // Its exit status is not 0 if the system is degraded.
    let output =
        command.output().map_err(|source| Error::Run { command: describe(&command), source })?;
    Ok(matches!(output.stdout.trim_ascii(), b"running" | b"degraded"))
}

/// Creates a cgroup with an unused name, and returns the name. Sandboxes that share a cgroup kill each
/// other's units.
fn make_cgroup(cgroup2: &Path) -> Result<String, Error> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("conductor-sandbox-{}-{number}", process::id());
        let path = cgroup2.join(&name);
        match fs::create_dir(&path) {
            Ok(()) => return Ok(name),
            // The name may be used in another PID namespace, or by a sandbox whose supervisor was killed.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::at(&path)(error)),
        }
    }
}

/// Opens an unlinked file for the console, so that it need not be removed. A pipe would kill systemd-nspawn
/// during its cleanup if the owner has died.
fn console_file(name: &str) -> Result<File, Error> {
    let path = Path::new("/run").join(name).with_extension("console");
    let file = File::options()
        .read(true)
        .append(true)
        .create_new(true)
        .open(&path)
        .map_err(Error::at(&path))?;
    fs::remove_file(&path).map_err(Error::at(&path))?;
    Ok(file)
}

/// Returns the sandbox's process 1, after it has moved to systemd's own cgroup; its generators are there for
/// a moment, too.
fn find_leader(init: &Path) -> Option<u32> {
    let processes = fs::read_to_string(init).ok()?;
    processes.lines().find_map(|process| {
        let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let numbers = status.lines().find(|line| line.starts_with("NSpid:"))?;
        let is_first = numbers.split_whitespace().next_back() == Some("1");
        is_first.then(|| process.parse().ok())?
    })
}

fn option(name: &str, path: &Path) -> OsString {
    let mut option = OsString::from(name);
    option.push(path);
    option
}

/// Escapes the separator of paths in systemd-nspawn's `--bind-ro=`.
fn escape(path: &Path) -> OsString {
    let mut escaped = Vec::new();
    for &byte in path.as_os_str().as_bytes() {
        if matches!(byte, b':' | b'\\') {
            escaped.push(b'\\');
        }
        escaped.push(byte);
    }
    OsString::from_vec(escaped)
}
