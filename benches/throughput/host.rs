//! Measurements on a real systemd: `render` and Quadlet's generator, and an `apply` that changes nothing.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark talks to a person")]

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use conductor_sandbox::{Sandbox, Tree, build};
use criterion::{BatchSize, Criterion, Throughput};

use crate::fixture::{container, definition, fill, is_trial, unfiltered};

pub(crate) fn bench(criterion: &mut Criterion) {
    if env::var_os("CONDUCTOR_TEST_NO_SANDBOX").is_some_and(|value| value == "1") {
        eprintln!("CONDUCTOR_TEST_NO_SANDBOX=1: Quadlet and a running systemd are left out");
        return;
    }
    let services = if is_trial() { 2 } else { 1000 };
    let binary = build::conductor(!is_trial()).expect("conductor builds");
    let tree = Tree::ensure(&mut |line| eprintln!("{line}")).expect("a Debian tree");
    let sandbox = Sandbox::builder(&tree)
        .bind_read_only(binary, "/usr/local/bin/conductor")
        .boot()
        .expect("the sandbox boots");
    // /run is a tmpfs.
    fill(&sandbox.path("/run/services"), services, definition);
    fill(&sandbox.path("/run/containers"), services, container);
    fill(&sandbox.path("/run/running"), services, unfiltered);

    let render = || {
        let mut command = sandbox.command("/usr/local/bin/conductor");
        run(command.args(["render", "/run/services", "--out", "/run/units"]));
    };
    let quadlet = || {
        let mut command = sandbox.command("/usr/libexec/podman/quadlet");
        run(command.env("QUADLET_UNIT_DIRS", "/run/containers").arg("/run/quadlet"));
    };
    render();
    quadlet();
    compare(&sandbox.path("/run/units"), &sandbox.path("/run/quadlet"), services);
    let mut group = criterion.benchmark_group("1,000 services, whole process, tmpfs");
    group.sample_size(10).throughput(Throughput::Elements(services as u64));
    // systemd gives a generator an empty directory at each reload.
    let [units, of_quadlet] = ["/run/units", "/run/quadlet"].map(|path| sandbox.path(path));
    group.bench_function("conductor render", |bencher| {
        bencher.iter_batched(|| remove(&units), |()| render(), BatchSize::PerIteration);
    });
    group.bench_function("quadlet", |bencher| {
        bencher.iter_batched(|| remove(&of_quadlet), |()| quadlet(), BatchSize::PerIteration);
    });
    // The time to start any process in the sandbox, which is part of both figures.
    group.bench_function("nothing", |bencher| {
        bencher.iter(|| run(&mut sandbox.command("/bin/true")));
    });
    group.finish();

    run(&mut conductor_apply(&sandbox));
    let mut group = criterion.benchmark_group("apply with 1,000 running services");
    group.sample_size(10);
    group.bench_function("nothing to change", |bencher| {
        bencher.iter(|| run(&mut conductor_apply(&sandbox)));
    });
    group.finish();
    let mut group = criterion.benchmark_group("looks at 1,000 running services");
    group.sample_size(10);
    for command in ["status", "metrics"] {
        let conductor = || {
            let mut conductor = sandbox.command("/usr/local/bin/conductor");
            conductor.arg(command);
            conductor
        };
        group.bench_function(command, |bencher| bencher.iter(|| run(&mut conductor())));
    }
    group.finish();
}

fn conductor_apply(sandbox: &Sandbox) -> Command {
    let mut command = sandbox.command("/usr/local/bin/conductor");
    command.args(["apply", "--definitions", "/run/running", "--output", "json"]);
    command
}

fn run(command: &mut Command) {
    let status = command.stdout(Stdio::null()).status().expect("a program of the sandbox");
    assert!(status.success(), "{command:?}: {status}");
}

/// Removes what the run before wrote.
fn remove(directory: &Path) {
    if directory.exists() {
        fs::remove_dir_all(directory).expect("what the run before wrote");
    }
}

/// Prints how many files each wrote, because the times depend on it.
fn compare(conductor: &Path, quadlet: &Path, services: usize) {
    let units = |directory: &Path| {
        let entries = directory.read_dir().expect("the output of a run");
        entries.filter_map(Result::ok).filter(|entry| entry.path().is_file()).count()
    };
    let (ours, theirs) = (units(conductor), units(quadlet));
    assert_eq!(theirs, services, "Quadlet takes every file of the fixture");
    println!("conductor wrote {ours} units, quadlet {theirs}");
}
