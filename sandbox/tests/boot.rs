//! Sandboxes boot, work, reset and leave nothing behind; needs root, like everything here.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]
#![expect(clippy::print_stderr, reason = "progress and boot times are for whoever runs the tests")]

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use conductor_sandbox::{Sandbox, Tree};

/// The variable with which the test binary, run again, boots a sandbox and waits to be killed.
const OWNER: &str = "CONDUCTOR_SANDBOX_TEST_OWNER";

#[test]
fn runs_programs_and_shares_files() {
    let sandbox = boot();

    let status = sandbox.command("sh").args(["-c", "exit 7"]).status();
    assert_eq!(status.unwrap().code(), Some(7));
    assert_eq!(text(&sandbox, "systemctl is-system-running"), "running");
    assert_eq!(text(&sandbox, "pwd; echo $HOME; hostname"), "/\n/root\nsandbox");
    let failed = sandbox.sh("echo why; false; true").unwrap_err();
    assert_eq!(failed.to_string(), "sh -ec echo why; false; true: exit status: 1\nwhy");

    fs::write(sandbox.path("/etc/from-host"), "hello").unwrap();
    assert_eq!(text(&sandbox, "cat /etc/from-host"), "hello");
    sandbox.sh("echo answer >/run/from-inside").unwrap();
    let read = fs::read_to_string(sandbox.path("/run/from-inside"));
    assert_eq!(read.unwrap(), "answer\n");

    let operator = sandbox
        .command_as_operator("sh")
        .unwrap()
        .args(["-ec", "id -un; systemctl --user is-system-running --wait"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&operator.stdout), "operator\nrunning\n");
}

#[test]
fn shows_bound_files_read_only() {
    let directory = env::temp_dir().join(format!("sandbox: bind {}", process::id()));
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("file"), "bound").unwrap();
    let tree = tree();
    let sandbox = Sandbox::builder(&tree).bind_read_only(&directory, "/mnt/a:b").boot().unwrap();
    assert_eq!(text(&sandbox, "cat /mnt/a:b/file"), "bound");
    assert!(sandbox.sh("touch /mnt/a:b/file").is_err());

    let missing = Sandbox::builder(&tree).bind_read_only("/no/such", "/x");
    let error = missing.boot().unwrap_err().to_string();
    assert!(error.contains("ended while it booted") && error.contains("/no/such"), "{error}");
    fs::remove_dir_all(directory).unwrap();
}

#[test]
fn killing_the_child_kills_the_program() {
    let sandbox = boot();
    let as_operator = sandbox.command_as_operator("sleep").unwrap();
    for mut command in [sandbox.command("sleep"), as_operator] {
        let mut child = command.arg("1234").spawn().unwrap();
        eventually("sleep runs", || sandbox.sh("pgrep -x sleep").is_ok());
        child.kill().unwrap();
        child.wait().unwrap();
        eventually("sleep is gone", || sandbox.sh("pgrep -x sleep").is_err());
    }
}

#[test]
fn reset_removes_running_units() {
    let sandbox = boot();
    let unit = "[Service]\nExecStart=/bin/sleep inf\nExecStop=/bin/sleep inf\nRestart=always\n\
                [Install]\nWantedBy=default.target\n";
    let user_units = "/home/operator/.config/systemd/user";
    let start = "systemctl --quiet enable --now conductor-x.service conductor-y@1.service";
    sandbox.sh("mkdir -p /etc/conductor /run/conductor/nested").unwrap();
    let operator = |script: &str| {
        let mut command = sandbox.command_as_operator("sh").unwrap();
        command.args(["-ec", script]).output().unwrap()
    };
    assert!(operator(&format!("mkdir -p {user_units}")).status.success());
    for directory in ["/etc/systemd/system", user_units] {
        for name in ["conductor-x.service", "conductor-y@.service"] {
            fs::write(sandbox.path(directory).join(name), unit).unwrap();
        }
    }
    sandbox.sh(start).unwrap();
    let started = operator(&start.replace("systemctl", "systemctl --user"));
    assert!(started.status.success(), "{started:?}");
    let failing = sandbox.sh("systemd-run --unit=conductor-z --wait false");
    assert!(failing.is_err());

    let began = Instant::now();
    sandbox.reset().unwrap();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());

    let list = "list-units --all --plain --no-legend 'conductor-*'";
    assert_eq!(text(&sandbox, &format!("systemctl {list}")), "");
    let listed = operator(&format!("systemctl --user {list}"));
    assert_eq!(String::from_utf8_lossy(&listed.stdout), "");
    let left = text(
        &sandbox,
        "find /etc /run/conductor /run/systemd/system /run/systemd/transient /home/operator \
         -name '*conductor*' 2>/dev/null || true; pgrep -x sleep || true",
    );
    assert_eq!(left, "");

    // With nothing to remove there is nothing to reload.
    let reloads = "journalctl -q --grep '^Reload' -o cat | wc -l";
    let before = text(&sandbox, reloads);
    assert_ne!(before, "0");
    sandbox.reset().unwrap();
    assert_eq!(text(&sandbox, reloads), before);
}

#[test]
fn sandboxes_do_not_share_ports() {
    let (tree, listen) = (tree(), "systemd-run --quiet --unit=web python3 -m http.server 8000");
    let both = [(); 2].map(|()| Sandbox::builder(&tree).boot().unwrap());
    for (sandbox, answer) in both.iter().zip(["first", "second"]) {
        fs::write(sandbox.path("/who"), answer).unwrap();
        sandbox.sh(listen).unwrap();
    }
    for (sandbox, answer) in both.iter().zip(["first", "second"]) {
        let fetch = "curl -sS --retry 50 --retry-connrefused --retry-delay 1 localhost:8000/who";
        assert_eq!(text(sandbox, fetch), answer);
    }
}

#[test]
fn drop_leaves_nothing() {
    let sandbox = boot();
    sandbox
        .sh("systemd-run --quiet --slice=a-b.slice sleep inf; mount -t tmpfs none /srv")
        .unwrap();
    let mut entered = sandbox.command("sleep").arg("inf").spawn().unwrap();
    let traces = Traces::of(sandbox.cgroup());
    assert!(traces.left().len() >= 3, "{:?}", traces.left());
    sandbox.kill().unwrap();
    assert_eq!(traces.left(), Vec::<String>::new());
    assert!(!entered.wait().unwrap().success());
}

#[test]
fn killed_owner_leaves_nothing() {
    if env::var_os(OWNER).is_some() {
        let sandbox = boot();
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "\ncgroup={}", sandbox.cgroup().display()).unwrap();
        thread::sleep(Duration::from_mins(1));
    }
    let mut owner = Command::new(env::current_exe().unwrap())
        .args(["--exact", "killed_owner_leaves_nothing", "--nocapture"])
        .env(OWNER, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let cgroup = BufReader::new(owner.stdout.take().unwrap())
        .lines()
        .find_map(|line| Some(PathBuf::from(line.unwrap().strip_prefix("cgroup=")?)))
        .unwrap();
    let traces = Traces::of(&cgroup);
    assert!(traces.left().len() >= 3, "{:?}", traces.left());
    owner.kill().unwrap();
    owner.wait().unwrap();
    eventually("nothing is left", || traces.left().is_empty());
}

/// What the host could still have of a sandbox.
struct Traces {
    cgroup: PathBuf,
    name: String,
    processes: Vec<String>,
}

impl Traces {
    fn of(cgroup: &Path) -> Self {
        let mut traces = Self {
            cgroup: cgroup.to_owned(),
            name: cgroup.file_name().unwrap().to_str().unwrap().to_owned(),
            processes: Vec::new(),
        };
        traces.processes = traces.running();
        traces
    }

    /// Returns the processes that are in the sandbox's cgroup or name it in their arguments.
    fn running(&self) -> Vec<String> {
        let mut running = Vec::new();
        for process in fs::read_dir("/proc").unwrap() {
            let path = process.unwrap().path();
            let read = |file: &str| fs::read(path.join(file)).unwrap_or_default();
            let seen = [read("cgroup"), read("cmdline")].concat();
            if String::from_utf8_lossy(&seen).contains(&self.name) {
                running.push(path.display().to_string());
            }
        }
        running
    }

    fn left(&self) -> Vec<String> {
        let mut left = self.running();
        left.extend(self.processes.iter().filter(|&p| Path::new(p).exists()).cloned());
        let mirror = Path::new("/sys/fs/cgroup/systemd").join(&self.name);
        let directories = [self.cgroup.clone(), mirror];
        left.extend(directories.iter().filter(|d| d.exists()).map(|d| d.display().to_string()));
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        left.extend(mounts.lines().filter(|line| line.contains("nspawn")).map(str::to_owned));
        for directory in ["/run", "/run/systemd/nspawn/propagate"] {
            let entries = fs::read_dir(directory).into_iter().flatten();
            let paths = entries.map(|entry| entry.unwrap().path().display().to_string());
            left.extend(paths.filter(|path| path.contains(&self.name)));
        }
        left
    }
}

fn tree() -> Tree {
    Tree::ensure(&mut |line| eprintln!("{line}")).unwrap()
}

fn boot() -> Sandbox {
    let tree = tree();
    let began = Instant::now();
    let sandbox = Sandbox::builder(&tree).boot().unwrap();
    eprintln!("booted in {:?}", began.elapsed());
    sandbox
}

fn text(sandbox: &Sandbox, script: &str) -> String {
    let output = sandbox.sh(script).unwrap();
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < deadline, "never came true: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}
