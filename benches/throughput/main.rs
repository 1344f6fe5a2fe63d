//! How fast conductor compiles and converges, next to bare file access and Quadlet's generator.
//!
//! `cargo bench` runs all of it; the parts that need the sandbox say so. Absolute times mean little
//! from one machine to the next: compare figures of one run.

mod files;
mod fixture;
mod host;
mod pure;

use criterion::{criterion_group, criterion_main};

criterion_group!(benches, pure::bench, files::bench, host::bench);
criterion_main!(benches);
