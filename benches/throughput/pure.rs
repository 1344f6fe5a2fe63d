//! Compiles definitions to units in memory.

use std::hint::black_box;
use std::path::Path;

use conductor_core::release::Release;
use conductor_core::runtime::Scope;
use conductor_core::service::Service;
use conductor_core::unit::Templates;
use criterion::{BenchmarkId, Criterion, Throughput};

use crate::fixture::{definition, sizes};

pub(crate) fn bench(criterion: &mut Criterion) {
    let templates = Templates::new(&[]).expect("the embedded templates load");
    let mut group = criterion.benchmark_group("text to units");
    group.sample_size(10);
    for &size in sizes() {
        let definitions: Vec<_> = (0..size).map(definition).collect();
        group.throughput(Throughput::Elements(size as u64));
        group.bench_with_input(BenchmarkId::from_parameter(size), &definitions, |bencher, all| {
            bencher.iter(|| {
                for (file, text) in all {
                    let service = Service::parse(Path::new(file), text).expect("a good definition");
                    let revision = service.default_revision().expect("a native service");
                    let release = Release::new(&service, revision, &templates);
                    let ports = std::collections::BTreeMap::new();
                    let units = release.compile(&ports, None, Scope::System, &templates);
                    black_box(units.expect("units"));
                }
            });
        });
    }
    group.finish();
}
