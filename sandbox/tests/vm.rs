//! A virtual machine enforces limits, runs the engines and disk images, and survives a power cut.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]
#![expect(clippy::print_stderr, reason = "progress and boot times are for whoever runs the tests")]

use std::env;
use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use conductor_sandbox::{Tree, Vm};

/// Tells the re-executed test binary to start a machine and wait to be killed.
const OWNER: &str = "CONDUCTOR_SANDBOX_TEST_VM_OWNER";

/// Overwrites a block that is part of the image that all machines share, and flushes nothing: the disk is
/// told to answer once it has the block (FUA), as a file system's journal does with what makes it valid.
const WRITE_THROUGH: &str = "printf through | dd of=/usr/share/conductor-sandbox/app.tar \
                             bs=4096 conv=notrunc,sync oflag=direct,dsync";

/// One test, because one boot takes as long as all of the rest.
#[test]
fn does_what_a_sandbox_cannot() {
    let began = Instant::now();
    let mut vm = boot();
    let step = |what: &str| eprintln!("{:>5.1?} s: {what}", began.elapsed().as_secs_f32());
    step("up");

    runs_scripts(&mut vm);
    step("scripts");
    enforces_limits(&mut vm);
    step("limits");
    runs_engines(&mut vm);
    step("engines");
    runs_disk_images(&mut vm);
    step("disk images");

    vm.sh("echo kept >/srv/kept; sync").unwrap();
    vm.sh(WRITE_THROUGH).unwrap();
    let boot_id = text(&mut vm, "cat /proc/sys/kernel/random/boot_id");
    vm.power_cut().unwrap();
    step("up after a power cut");
    assert_eq!(text(&mut vm, "cat /srv/kept"), "kept");
    assert_eq!(text(&mut vm, "head --bytes 7 /usr/share/conductor-sandbox/app.tar"), "through");
    assert_ne!(text(&mut vm, "cat /proc/sys/kernel/random/boot_id"), boot_id);

    vm.sh("echo clean >/srv/kept").unwrap();
    vm.reboot().unwrap();
    step("up after a reboot");
    assert_eq!(text(&mut vm, "cat /srv/kept"), "clean");
}

fn runs_scripts(vm: &mut Vm) {
    let output = vm.run("pwd; echo why >&2; exit 7").unwrap();
    assert_eq!(output.status.code(), Some(7));
    assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b"/\n"[..], &b"why\n"[..]));
    let failed = vm.sh("echo why; false; true").unwrap_err();
    assert_eq!(failed.to_string(), "sh -e: echo why; false; true: exit status: 1\nwhy");
    assert_eq!(text(vm, "systemctl is-system-running"), "running");

    // A binary of some megabytes, a directory, and a name that a shell would take apart.
    let directory = env::temp_dir().join(format!("sandbox vm {}", std::process::id()));
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("file"), "copied").unwrap();
    let program = env::current_exe().unwrap();
    vm.copy(&program, "/opt/it's/program").unwrap();
    let listed = text(vm, "/opt/it\\'s/program --list");
    assert!(listed.contains("does_what_a_sandbox_cannot: test"), "{listed}");
    vm.copy(&directory, "/opt/directory").unwrap();
    assert_eq!(text(vm, "cat /opt/directory/file"), "copied");
    fs::remove_dir_all(directory).unwrap();
}

fn enforces_limits(vm: &mut Vm) {
    let controllers = text(vm, "cat /sys/fs/cgroup/cgroup.controllers");
    for controller in ["cpu", "io", "memory", "pids"] {
        assert!(controllers.split(' ').any(|each| each == controller), "{controllers}");
    }
    let eat = "systemd-run --quiet --wait --unit eater --property MemoryMax=50M \
               --property MemorySwapMax=0 tail /dev/zero";
    assert!(!vm.run(eat).unwrap().status.success());
    assert_eq!(text(vm, "systemctl show --property Result eater"), "Result=oom-kill");
    vm.sh("systemctl reset-failed").unwrap();
}

fn runs_engines(vm: &mut Vm) {
    vm.sh("systemctl start docker").unwrap();
    for (engine, port) in [("docker", 20001), ("podman", 20002)] {
        vm.sh(&format!("{engine} load --input /usr/share/conductor-sandbox/app.tar")).unwrap();
        let run = format!(
            "{engine} run --detach --init --name web --restart always --memory 50m --cpus 0.5 \
             --pids-limit 100 --publish 127.0.0.1:{port}:80 localhost/app:v1"
        );
        let id = text(vm, &run);
        let limits = format!(
            "cd \"$(find /sys/fs/cgroup -name '*{id}.scope')\"; cat memory.max cpu.max pids.max"
        );
        assert_eq!(text(vm, &limits), "52428800\n50000 100000\n100", "{engine}");
        let fetch = "curl -sSf --max-time 2 --retry 60 --retry-all-errors";
        assert_eq!(text(vm, &format!("{fetch} 127.0.0.1:{port}")), "v1", "{engine}");
    }
    vm.sh("podman rm --force --time 0 web").unwrap();
}

fn runs_disk_images(vm: &mut Vm) {
    let run = "systemd-run --quiet --wait --pipe \
               --property RootImage=/usr/share/conductor-sandbox/app.squashfs \
               cat /etc/os-release";
    assert!(text(vm, run).contains("ID=conductor-app"));
}

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

fn text(vm: &mut Vm, script: &str) -> String {
    let output = vm.sh(script).unwrap();
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}
