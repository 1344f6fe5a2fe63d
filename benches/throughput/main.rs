//! How fast conductor compiles and converges, next to bare file access and Quadlet's generator.
//!
//! `cargo bench` runs all parts; those that need the sandbox say so. `cargo test` runs each part once, with
//! the smallest input. Absolute times differ between machines: compare only figures of one run.

mod files;
mod fixture;
mod host;
mod pure;

use criterion::{Criterion, criterion_group};

criterion_group!(benches, pure::bench, files::bench, host::bench);

fn main() {
    // As the command line does. An error means that there is a pool already.
    let _ = rayon::ThreadPoolBuilder::new().use_current_thread().build_global();
    benches();
    Criterion::default().configure_from_args().final_summary();
}
