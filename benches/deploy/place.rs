//! The sandbox, and the application that is deployed in it.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use conductor_sandbox::{Sandbox, Tree, build};
use rustix::time::{ClockId, clock_gettime};

const PACKAGE: &str = "conductor-bench-programs";
/// The directory of Docker's plugins.
const PLUGINS: &str = "/usr/libexec/docker/cli-plugins";

/// Returns whether everything runs only once, with the smallest input: without cargo's `--bench`.
pub(crate) fn is_trial() -> bool {
    !env::args().any(|argument| argument == "--bench")
}

/// Returns how long the application takes before it listens, in milliseconds.
pub(crate) fn delay() -> u32 {
    if is_trial() { 50 } else { 1500 }
}

/// A time of the monotonic clock, which all processes share.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(crate) struct Moment(f64);

impl Moment {
    pub(crate) fn now() -> Self {
        let now = clock_gettime(ClockId::Monotonic);
        let since = Duration::try_from(now).expect("the clock counts from the boot");
        Self(since.as_secs_f64() * 1000.0)
    }

    /// Returns the milliseconds since another time.
    pub(crate) fn since(self, other: Self) -> f64 {
        self.0 - other.0
    }
}

/// A sandbox with conductor, nginx, the engines, and Compose.
pub(crate) struct Place {
    pub(crate) sandbox: Sandbox,
}

impl Place {
    pub(crate) fn boot() -> Self {
        let release = !is_trial();
        let conductor = build::conductor(release).expect("conductor builds");
        let probe = build::probe(release).expect("conductor-probe builds");
        let app =
            build::linked_statically(PACKAGE, "app", release).expect("the application builds");
        let tree = Tree::ensure(&mut |line| eprintln!("{line}")).expect("a Debian tree");
        let mut builder = Sandbox::builder(&tree)
            .bind_read_only(conductor, "/usr/bin/conductor")
            .bind_read_only(probe, "/usr/bin/conductor-probe")
            .bind_read_only(app, "/usr/local/bin/app");
        if !is_trial() {
            let plugins = env::temp_dir().join("conductor-bench-compose");
            run(Command::new("sh").args(["-euc", include_str!("compose.sh")]).arg(&plugins));
            builder = builder.bind_read_only(plugins, PLUGINS);
        }
        Self { sandbox: builder.boot().expect("the sandbox boots") }
    }

    /// Runs a script, and returns what it wrote.
    pub(crate) fn sh(&self, script: &str) -> String {
        let output = self.sandbox.sh(script).expect("the script succeeds");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.sandbox.path(path);
        let directory = path.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(directory).expect("the directory can be made");
        fs::write(path, text).expect("the file can be written");
    }

    /// Returns when the application behind a port started, and when it could answer.
    pub(crate) fn moments(&self, port: u16) -> [Moment; 2] {
        let text = self.sh(&format!("curl -sS 127.0.0.1:{port}/moments"));
        let moment = |word: &str| Moment(word.parse::<f64>().expect("microseconds") / 1000.0);
        let (began, listened) = text.split_once(' ').expect("two moments");
        [moment(began), moment(listened)]
    }

    /// Returns how long a program that does nothing takes in the sandbox: every figure contains this time.
    pub(crate) fn nothing(&self) -> f64 {
        let mut times: Vec<f64> = (0..20)
            .map(|_| {
                let began = Moment::now();
                run(&mut self.sandbox.command("/bin/true"));
                Moment::now().since(began)
            })
            .collect();
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    }
}

pub(crate) fn run(command: &mut Command) {
    let output = command.output().expect("a program that can be run");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}: {said}", output.status);
}
