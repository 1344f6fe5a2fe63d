//! The sandbox, its units, and the processor time of all of it.

use std::env;
use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use conductor_sandbox::{Sandbox, Tree, build};

const PACKAGE: &str = "conductor-bench-programs";

/// Units whose instance is the port.
const UNITS: [(&str, &str); 4] = [
    ("app", "Type=exec\nExecStart=/usr/local/bin/app 127.0.0.1:%i"),
    ("bare", "Type=exec\nExecStart=/usr/local/bin/bare-loop 127.0.0.1:%i 1000"),
    ("bare-fast", "Type=exec\nExecStart=/usr/local/bin/bare-loop 127.0.0.1:%i 10"),
    ("client", "Type=exec\nExecStart=/bin/sh /run/client.sh %i"),
];

/// Returns whether everything runs only once, with the smallest input: without cargo's `--bench`.
pub(crate) fn is_trial() -> bool {
    !env::args().any(|argument| argument == "--bench")
}

/// Returns how long something is measured; if it runs only once, just long enough for one check.
pub(crate) fn window(usual: Duration) -> Duration {
    if is_trial() { usual / 15 } else { usual }
}

/// A sandbox with the programs to measure.
pub(crate) struct Place {
    pub(crate) sandbox: Sandbox,
}

impl Place {
    pub(crate) fn boot() -> Self {
        let release = !is_trial();
        let probe = build::probe(release).expect("conductor-probe builds");
        let program = |name| build::linked_statically(PACKAGE, name, release).expect("it builds");
        let (bare, app) = (program("bare-loop"), program("app"));
        let tree = Tree::ensure(&mut |line| eprintln!("{line}")).expect("a Debian tree");
        let sandbox = Sandbox::builder(&tree)
            .bind_read_only(probe, "/usr/local/bin/conductor-probe")
            .bind_read_only(bare, "/usr/local/bin/bare-loop")
            .bind_read_only(app, "/usr/local/bin/app")
            .boot()
            .expect("the sandbox boots");
        let place = Self { sandbox };
        for (name, lines) in UNITS {
            place.unit(name, lines);
        }
        place.probed("probed", "1s", "");
        place.probed("probed-fast", "10ms", "");
        place
    }

    /// Writes a template unit, without directives that need seccomp filters: the kernel may lock up when many
    /// of those are freed at once.
    fn unit(&self, name: &str, lines: &str) {
        let file = self.sandbox.path("/run/systemd/system").join(format!("{name}@.service"));
        fs::write(file, format!("[Service]\n{lines}\n")).expect("a unit file");
    }

    /// Writes a template unit whose program is checked by conductor-probe.
    pub(crate) fn probed(&self, name: &str, interval: &str, delay: &str) {
        let lines = format!(
            "Type=notify\nNotifyAccess=main\nKillMode=mixed\nWatchdogSec=1min\n\
             StandardOutput=truncate:/run/answers-%i\n\
             ExecStart=/usr/local/bin/conductor-probe exec --http http://127.0.0.1:%i/health \
             --interval {interval} -- /usr/local/bin/app 127.0.0.1:%i {delay}"
        );
        self.unit(name, &lines);
    }

    /// Starts or stops (`verb`) a unit for each of some ports.
    pub(crate) fn each(&self, verb: &str, unit: &str, ports: impl Iterator<Item = u16>) {
        let mut command = self.sandbox.command("systemctl");
        run(command.arg(verb).args(ports.map(|port| format!("{unit}@{port}.service"))));
    }

    /// Runs a script, and returns what it wrote.
    pub(crate) fn sh(&self, script: &str) -> String {
        let output = self.sandbox.sh(script).expect("the script succeeds");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// Returns how many checks the servers on some ports have answered.
    pub(crate) fn answered(&self, first: u16, last: u16) -> u32 {
        let counts = self.sh(&format!("curl -sS 'http://127.0.0.1:[{first}-{last}]/count'"));
        counts.lines().map(|line| line.parse::<u32>().expect("a count")).sum()
    }

    /// Returns the processor time of all processes that were ever in the sandbox, with its PID 1; without those
    /// that the benchmark itself runs there, and without the kernel's threads.
    pub(crate) fn spent(&self) -> Duration {
        let stat = fs::read_to_string(self.sandbox.cgroup().join("cpu.stat")).expect("cpu.stat");
        let usage = stat.lines().find_map(|line| line.strip_prefix("usage_usec "));
        Duration::from_micros(usage.and_then(|it| it.parse().ok()).expect("usage_usec"))
    }

    /// Returns the processor time that all of the sandbox takes in a second, measured for a while.
    pub(crate) fn rate(&self, during: Duration) -> f64 {
        let (before, start) = (self.spent(), Instant::now());
        thread::sleep(window(during));
        let spent = self.spent().saturating_sub(before);
        spent.as_secs_f64() / start.elapsed().as_secs_f64()
    }

    /// Returns the processor time of a check, in milliseconds: of all of the sandbox, beyond what it takes without
    /// checks. Also returns of how many checks it is the mean.
    pub(crate) fn per_check(
        &self,
        idle: f64,
        ports: (u16, u16),
        checks: impl FnOnce(),
    ) -> (f64, u32) {
        let count = self.answered(ports.0, ports.1);
        let (before, start) = (self.spent(), Instant::now());
        checks();
        let spent = self.spent().saturating_sub(before).as_secs_f64();
        let own = spent - idle * start.elapsed().as_secs_f64();
        let count = self.answered(ports.0, ports.1) - count;
        (own * 1000.0 / f64::from(count), count)
    }
}

pub(crate) fn run(command: &mut Command) {
    let output = command.output().expect("a program of the sandbox");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}: {said}", output.status);
}

/// Waits until something holds.
pub(crate) fn until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_mins(2), "not in time: {what}");
        thread::sleep(Duration::from_millis(100));
    }
}
