//! Compiles definition files to unit files on tmpfs; for comparison, only reads and writes the same files.

use std::fs;
use std::hint::black_box;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use conductor_host::Conductor;
use conductor_host::system::{Paths, UnitDirectory};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};

use crate::fixture::{definition, fill, sizes};

/// A directory on tmpfs that every Linux has.
const TMPFS: &str = "/dev/shm";

pub(crate) fn bench(criterion: &mut Criterion) {
    let scratch = tempfile::tempdir_in(TMPFS).expect("a directory on tmpfs");
    let mut group = criterion.benchmark_group("definition files to unit files");
    group.sample_size(10);
    for &size in sizes() {
        let root = scratch.path().join(size.to_string());
        let definitions = root.join("etc/conductor/services");
        fill(&definitions, size, definition);
        let conductor = Conductor::new(Paths::system(&root), None).expect("no templates").offline();
        let files = units(&conductor);
        let fresh = || fresh_directory(scratch.path());

        group.throughput(Throughput::Elements(size as u64));
        group.bench_function(BenchmarkId::new("bare", size), |bencher| {
            bencher.iter_batched(
                fresh,
                |out| bare(&definitions, &files, &out),
                BatchSize::PerIteration,
            );
        });
        group.bench_function(BenchmarkId::new("conductor", size), |bencher| {
            bencher.iter_batched(fresh, |out| compiled(&conductor, &out), BatchSize::PerIteration);
        });
    }
    group.finish();
}

/// The files, with their texts, and the links that are written.
struct Files {
    units: Vec<(String, String)>,
    links: Vec<(String, String)>,
}

fn units(conductor: &Conductor) -> Files {
    let services = conductor.read(&[]).expect("good definitions");
    let set = conductor.render(&services).expect("units");
    let links = set.links.iter().map(|link| (link.directory(), link.unit.to_string())).collect();
    let units = set.units.into_iter().map(|(name, unit)| (name.to_string(), unit.text)).collect();
    Files { units, links }
}

/// Returns the path of a directory that does not exist.
fn fresh_directory(scratch: &Path) -> PathBuf {
    let out = scratch.join("out");
    if out.exists() {
        fs::remove_dir_all(&out).expect("what the run before wrote");
    }
    out
}

/// Reads every definition and writes every file, which is the least that any compiler does.
fn bare(definitions: &Path, files: &Files, out: &Path) {
    fs::create_dir(out).expect("a directory on tmpfs");
    for entry in definitions.read_dir().expect("definitions") {
        black_box(fs::read(entry.expect("a definition").path()).expect("a definition"));
    }
    for (name, text) in &files.units {
        fs::write(out.join(name), text).expect("room on tmpfs");
    }
    for (directory, name) in &files.links {
        let directory = out.join(directory);
        fs::create_dir_all(&directory).expect("room on tmpfs");
        symlink(format!("../{name}"), directory.join(name)).expect("room on tmpfs");
    }
}

fn compiled(conductor: &Conductor, out: &Path) {
    let services = conductor.read(&[]).expect("good definitions");
    let set = conductor.render(&services).expect("units");
    UnitDirectory::new(out).write_all(&set).expect("room on tmpfs");
}
