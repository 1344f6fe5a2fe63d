//! A virtual machine ends with its owner. What else it is for, the acceptance tests use it for.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]
#![expect(clippy::print_stderr, reason = "progress and boot times are for whoever runs the tests")]

use std::env;
use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use conductor_sandbox::{Tree, Vm};

/// The variable with which the test binary, run again, starts a machine and waits to be killed.
const OWNER: &str = "CONDUCTOR_SANDBOX_TEST_VM_OWNER";

#[test]
fn killed_owner_leaves_nothing() {
    if env::var_os(OWNER).is_some() {
        let _vm = boot();
        thread::sleep(Duration::from_mins(5));
    }
    let mut owner = Command::new(env::current_exe().unwrap())
        .args(["--exact", "killed_owner_leaves_nothing"])
        .env(OWNER, "1")
        .spawn()
        .unwrap();
    // The name of the machine's directory, which is in the arguments of QEMU and its supervisor.
    let name = format!("vm-{}-", owner.id());
    let deadline = Instant::now() + Duration::from_mins(5);
    while running(&name) < 2 {
        assert!(Instant::now() < deadline, "no machine was started");
        thread::sleep(Duration::from_millis(20));
    }
    owner.kill().unwrap();
    owner.wait().unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    while running(&name) > 0 || directories(&name) > 0 {
        assert!(Instant::now() < deadline, "something is left of {name}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Counts processes whose arguments or working directory name a machine's directory.
fn running(name: &str) -> usize {
    let processes = fs::read_dir("/proc").unwrap();
    let names_it = |path: std::path::PathBuf| {
        let arguments = fs::read(path.join("cmdline")).unwrap_or_default();
        let directory = fs::read_link(path.join("cwd")).unwrap_or_default();
        String::from_utf8_lossy(&arguments).contains(name)
            || directory.to_string_lossy().contains(name)
    };
    processes.filter(|process| names_it(process.as_ref().unwrap().path())).count()
}

fn directories(name: &str) -> usize {
    let tree = Tree::ensure(&mut |line| eprintln!("{line}")).unwrap();
    let cache = fs::read_dir(tree.path().parent().unwrap()).unwrap();
    cache
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains(name))
        .count()
}

fn boot() -> Vm {
    let tree = Tree::ensure(&mut |line| eprintln!("{line}")).unwrap();
    Vm::boot(&tree, &mut |line| eprintln!("{line}")).unwrap()
}
