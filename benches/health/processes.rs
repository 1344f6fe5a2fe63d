//! Processes of the sandbox: their memory and their processor time.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use conductor_sandbox::Sandbox;

/// Processes with the same program and first argument.
pub(crate) struct Processes(Vec<PathBuf>);

impl Processes {
    /// Finds the processes whose command lines begin with these words.
    pub(crate) fn find(sandbox: &Sandbox, words: &[&str]) -> Self {
        let cgroup = sandbox.cgroup().file_name().expect("a name").to_string_lossy().into_owned();
        let all = fs::read_dir("/proc").expect("/proc").flatten().map(|entry| entry.path());
        let ours = |path: &PathBuf| {
            let groups = fs::read_to_string(path.join("cgroup")).unwrap_or_default();
            groups.contains(&cgroup) && begins(path, words)
        };
        Self(all.filter(ours).collect())
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Returns the mean of their proportional set size in KiB: pages that several processes share are divided
    /// among them.
    pub(crate) fn memory(&self) -> f64 {
        let sum: u32 = self.0.iter().map(|process| pss(process)).sum();
        f64::from(sum) / f64::from(u32::try_from(self.count()).expect("few processes"))
    }

    /// Returns the processor time of their threads, in user space and in the kernel.
    pub(crate) fn ran(&self) -> Duration {
        self.0.iter().flat_map(|process| threads(process)).map(|thread| ran(&thread)).sum()
    }
}

fn threads(process: &Path) -> impl Iterator<Item = PathBuf> {
    let threads = fs::read_dir(process.join("task")).expect("it still runs");
    threads.map(|thread| thread.expect("a thread").path())
}

fn ran(thread: &Path) -> Duration {
    let text = fs::read_to_string(thread.join("schedstat")).expect("it still runs");
    let nanos = text.split(' ').next().and_then(|word| word.parse().ok());
    Duration::from_nanos(nanos.expect("a number"))
}

fn begins(process: &Path, words: &[&str]) -> bool {
    let line = fs::read_to_string(process.join("cmdline")).unwrap_or_default();
    let mut line = line.split('\0');
    let program = line.next().unwrap_or_default().rsplit('/').next();
    program == words.first().copied() && words[1..].iter().all(|word| line.next() == Some(word))
}

fn pss(process: &Path) -> u32 {
    let rollup = fs::read_to_string(process.join("smaps_rollup")).unwrap_or_default();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    let number = line.and_then(|line| line.trim().strip_suffix("kB"));
    number.and_then(|number| number.trim().parse().ok()).expect("smaps_rollup has Pss")
}
