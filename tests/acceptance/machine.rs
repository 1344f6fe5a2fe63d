//! In a virtual machine with all cgroup controllers: limits bind, disk images run, and everything comes
//! back after a power cut, in the middle of deploys, too.

#![expect(clippy::print_stderr, reason = "how far it got is for whoever runs the tests")]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use conductor_sandbox::Vm;
use libtest_mimic::{Failed, Trial};

use crate::deploy::power;
use crate::pool::{Company, Pool};

/// Uses more processes than it may, then all of the processor, then all of the memory.
const GREEDY: &str = "(i=0; while [ $i -lt 60 ]; do sleep 9999 & i=$((i+1)); done); \
                      while [ ! -e /srv/eat ]; do :; done; exec tail /dev/zero";

const LIMITS: &str = "limits: {memory: 50M, cpu: 0.2, pids: 30, memory_swap: 8M, cpu_weight: 50, cpuset: 0, \
                      oom_score_adjust: 300";

/// What docker does not have, on the disk `DISK`. There is less memory than where it would become slow.
const MORE_LIMITS: &str = ", memory_high: 60M, io_weight: 70, io_read_bps: {DISK: 90M}, io_write_bps: {DISK: 80M}, \
                           io_read_iops: {DISK: 7000}, io_write_iops: {DISK: 6000}";

/// Overwrites a block that is part of the image that all machines share, and flushes nothing: the disk is
/// told to answer once it has the block (FUA), as a file system's journal does with what makes it valid.
const WRITE_THROUGH: &str = "printf through | dd of=/usr/share/conductor-sandbox/app.tar \
                             bs=4096 conv=notrunc,sync oflag=direct,dsync";

/// A service of each kind.
const ALL: &str = "image podman docker";

/// Returns all tests of the machine: one, because a boot takes as long as all the rest. It is ignored unless
/// `--ignored` asks for it, because an emulated machine keeps one of two processors busy for seven minutes.
pub(crate) fn trials(pool: &Arc<Pool>) -> Vec<Trial> {
    let trial =
        pool.trial(Company::Others, "machine::limits_images_and_a_power_cut".to_owned(), |pool| {
            let began = Instant::now();
            let done =
                |what: &str| eprintln!("machine: {:.0} s: {what}", began.elapsed().as_secs_f64());
            let mut vm = pool.machine()?;
            done("it is up");
            runs_scripts(&mut vm)?;
            install(&mut vm, pool)?;
            done("conductor is installed");
            for runtime in ["native", "podman", "docker"] {
                limits_bind(&mut vm, runtime)?;
                done("limits bind");
            }
            let ports = everything_runs(&mut vm)?;
            done("everything runs");
            power::deploys_are_cut(&mut vm, pool)?;
            vm.sh(WRITE_THROUGH)?;
            done("deploys are cut");
            vm.power_cut()?;
            done("it is up after a power cut");
            assert_eq!(
                text(&mut vm, "head --bytes 7 /usr/share/conductor-sandbox/app.tar")?,
                "through"
            );
            power::they_are_finished(&mut vm)?;
            done("deploys are finished");
            everything_is_back(&mut vm, &ports)?;
            done("everything is back");
            vm.reboot()?;
            done("it is up after a reboot");
            power::all_is_as_before(&mut vm)
        });
    vec![trial.with_ignored_flag(true)]
}

/// Asserts what `Vm` promises about scripts and copied directories.
fn runs_scripts(vm: &mut Vm) -> Result<(), Failed> {
    let output = vm.run("pwd; echo why >&2; exit 7")?;
    assert_eq!(output.status.code(), Some(7));
    assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b"/\n"[..], &b"why\n"[..]));
    let failed = vm.sh("echo why; false; true").expect_err("it fails");
    assert_eq!(failed.to_string(), "sh -e: echo why; false; true: exit status: 1\nwhy");
    assert_eq!(text(vm, "systemctl is-system-running")?, "running");
    // A name that needs quoting in a shell.
    let directory = tempfile::Builder::new().prefix("sandbox vm ").tempdir()?;
    fs::write(directory.path().join("file"), "copied")?;
    vm.copy(directory.path(), "/opt/it's/directory")?;
    assert_eq!(text(vm, "cat /opt/it\\'s/directory/file")?, "copied");
    Ok(())
}

fn install(vm: &mut Vm, pool: &Pool) -> Result<(), Failed> {
    copy_program(vm, pool.binary()?, "/usr/bin/conductor")?;
    copy_program(vm, pool.probe()?, "/usr/bin/conductor-probe")?;
    vm.sh("mkdir -p /etc/conductor/services; systemctl enable --now docker.service
           for engine in docker podman; do
               $engine load --quiet --input /usr/share/conductor-sandbox/app.tar
           done")?;
    Ok(())
}

/// Copies a program without its symbols: they are two thirds of it, and an emulated machine takes a minute
/// to receive them.
pub(crate) fn copy_program(vm: &mut Vm, program: &Path, inside: &str) -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let stripped = directory.path().join("program");
    let status = Command::new("strip").arg("-o").arg(&stripped).arg(program).status()?;
    assert!(status.success(), "strip {}: {status}", program.display());
    Ok(vm.copy(&stripped, inside)?)
}

/// Waits inside until a command succeeds.
pub(crate) fn eventually(vm: &mut Vm, what: &str, command: &str) -> Result<(), Failed> {
    let wait = format!("timeout 120 sh -c 'until {command}; do sleep 0.5; done'");
    let state =
        "systemctl status --no-pager conductor-greedy* || true; journalctl -b -n 40 --no-pager";
    let output = vm.run(&wait)?;
    if output.status.success() {
        return Ok(());
    }
    let state = vm.run(state)?;
    Err(format!("never came true: {what}\n{}", String::from_utf8_lossy(&state.stdout)).into())
}

pub(crate) fn text(vm: &mut Vm, script: &str) -> Result<String, Failed> {
    Ok(String::from_utf8_lossy(&vm.sh(script)?.stdout).trim_end().to_owned())
}

fn limits_bind(vm: &mut Vm, runtime: &str) -> Result<(), Failed> {
    let image = match runtime {
        "native" => String::new(),
        _ => format!("runtime: {runtime}\nimage: localhost/app:v1\nvolumes: ['/srv:/srv:ro']\n"),
    };
    let shell = if runtime == "native" { "/bin/sh" } else { "sh" };
    let disk =
        text(vm, "echo /dev/$(lsblk --noheadings --nodeps --output NAME | grep -m 1 '^[vsn]')")?;
    let more = if runtime == "docker" { String::new() } else { MORE_LIMITS.replace("DISK", &disk) };
    let limits = format!("{LIMITS}{more}}}\ndeploy: {{stop_timeout: 6s}}");
    vm.sh(&format!(
        "rm -f /srv/eat; cat >/etc/conductor/services/greedy.yaml <<'END'\n\
         id: greedy\n{image}command: [{shell}, -c, '{GREEDY}', greedy-program]\n{limits}\nEND\n\
         conductor apply"
    ))?;
    // The cgroup of the program itself, wherever its runtime put it.
    let group = "/sys/fs/cgroup$(sed s/^0::// /proc/$(pgrep -nf greedy-progra[m]$)/cgroup)";
    kernel_has_limits(vm, runtime, group)?;
    let counts = |file: &str, key: &str| {
        format!("test $(sed -n \"s/^{key} //p\" {group}/{file}) -gt 0").replace('\'', "\"")
    };
    eventually(vm, "it has too many processes", &counts("pids.events", "max"))?;
    eventually(vm, "it is throttled", &counts("cpu.stat", "nr_throttled"))?;
    let used = text(vm, "systemctl show --value -p CPUUsageNSec conductor-greedy.slice")?;
    assert!(used.parse::<u64>().is_ok_and(|used| used > 0), "{runtime}: the slice says {used}");

    vm.sh("dmesg --clear; touch /srv/eat")?;
    let killed = "dmesg | grep -q \"Memory cgroup out of memory\"";
    eventually(vm, "the kernel kills it", killed)?;
    let restarts = "systemctl show --value -p NRestarts \"conductor-greedy-*-1.service\"";
    eventually(vm, "it is restarted", &format!("test $({restarts}) -gt 0"))?;
    vm.sh("rm /srv/eat")?;
    let active = "systemctl is-active --quiet \"conductor-greedy-*-1.service\"";
    eventually(vm, "it runs again", active)?;
    vm.sh("rm /etc/conductor/services/greedy.yaml; conductor remove --id greedy")?;
    let left = text(vm, "docker ps -aq; podman ps -aq")?;
    assert_eq!(left, "", "{runtime} left a container");
    Ok(())
}

/// Asserts that the kernel has the limits of a program that are not reached, in its group or in one around it.
fn kernel_has_limits(vm: &mut Vm, runtime: &str, group: &str) -> Result<(), Failed> {
    let of_docker = [
        ("memory.swap.max", "8388608"),
        ("cpuset.cpus.effective", "0"),
        // Docker counts in shares.
        ("cpu.weight", if runtime == "docker" { "[1-9][0-9]\\?" } else { "50" }),
    ];
    let of_others = [
        ("memory.high", "62914560"),
        ("io.weight", "default 70"),
        ("io.max", "[0-9:]* rbps=94371840 wbps=83886080 riops=7000 wiops=6000"),
    ];
    let of_others = if runtime == "docker" { &[][..] } else { &of_others };
    for (file, value) in of_docker.iter().chain(of_others) {
        let all = text(
            vm,
            &format!(
                "group={group}; while [ $group != /sys/fs/cgroup ]; do cat $group/{file} || true; group=$(dirname $group); \
                 done 2>/dev/null"
            ),
        )?;
        let found = vm.run(&format!("grep -qx '{value}' <<END\n{all}\nEND"))?;
        assert!(found.status.success(), "{runtime}: {file} is not {value}: {all}");
    }
    let score = text(vm, "cat /proc/$(pgrep -nf 'greedy-progra[m]$')/oom_score_adj")?;
    assert_eq!(score, "300", "{runtime}");
    Ok(())
}

/// Returns the ports of the services.
fn ports(vm: &mut Vm) -> Result<String, Failed> {
    let status = "conductor status --id $id --output json";
    text(
        vm,
        &format!(
            "for id in {ALL}; do {status} | tr , '\\n' | grep '\"port\"' | grep -o '[0-9]*'; done"
        ),
    )
}

fn everything_runs(vm: &mut Vm) -> Result<String, Failed> {
    let health = "port: 8080\nhealth: {http: /health, interval: 1s, timeout: 10s}\n\
                  deploy: {stop_timeout: 1min}\n";
    let image = "/usr/share/conductor-sandbox/app.squashfs";
    for (id, definition) in [
        ("image", format!("image: {image}\ncommand: [/bin/server, '127.0.0.1:{{port}}']\n")),
        ("podman", "runtime: podman\nimage: localhost/app:v1\n".to_owned()),
        ("docker", "runtime: docker\nimage: localhost/app:v1\n".to_owned()),
    ] {
        vm.sh(&format!(
            "cat >/etc/conductor/services/{id}.yaml <<'END'\nid: {id}\n{definition}{health}END"
        ))?;
    }
    vm.sh("conductor apply; conductor status")?;
    let ports = ports(vm)?;
    assert_eq!(ports.lines().count(), 3, "{ports}");
    Ok(ports)
}

fn everything_is_back(vm: &mut Vm, before: &str) -> Result<(), Failed> {
    for port in before.lines() {
        let ask = format!("curl -sf --max-time 10 127.0.0.1:{port}/health >/dev/null");
        eventually(vm, "it answers again", &ask)?;
    }
    let well = format!("for id in {ALL}; do conductor status --id $id; done");
    let well = format!("test $({well} | grep -c \"healthy: 200\") = 3");
    eventually(vm, "all are well", &well)?;
    assert_eq!(ports(vm)?, before);
    assert_eq!(text(vm, "conductor apply")?, "nothing changed");
    for engine in ["docker", "podman"] {
        let names = text(vm, &format!("{engine} ps -a --format '{{{{.Names}}}}'"))?;
        assert_eq!(names.lines().count(), 1, "{engine}: {names}");
    }
    vm.sh(&format!(
        "for id in {ALL}; do rm /etc/conductor/services/$id.yaml; conductor remove --id $id; done"
    ))?;
    assert_eq!(text(vm, "docker ps -aq; podman ps -aq")?, "");
    Ok(())
}
