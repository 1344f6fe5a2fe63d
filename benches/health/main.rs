//! What health checks cost: memory, processor time, and the time until systemd knows, next to each other.
//!
//! `cargo bench --bench health` runs everything in one sandbox, in about seven minutes. Compare only figures
//! of one run: other work on the machine makes them worse, and not equally. `cargo test` runs one of each prober
//! for a second. It leaves out the engines, whose images take longer to load than all the rest; the acceptance
//! tests run both engines.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark talks to a person")]

mod engines;
mod loops;
mod place;
mod processes;
mod ready;
mod table;
mod timer;

use std::env;

use conductor_sandbox::Engine;

use crate::engines::Container;
use crate::place::{Place, is_trial};
use crate::table::Report;

fn main() {
    if env::var_os("CONDUCTOR_TEST_NO_SANDBOX").is_some_and(|value| value == "1") {
        eprintln!("CONDUCTOR_TEST_NO_SANDBOX=1: the benchmark of health checks is left out");
        return;
    }
    let place = Place::boot();
    let mut report = Report::default();
    let step = |what: &str| eprintln!("{what} ...");

    step("a hundred of each loop, once a second");
    loops::once_a_second(&place, &mut report);
    step("one of each loop, a hundred times a second");
    loops::fast(&place, &mut report);
    step("from the answer to the active unit");
    ready::measure(&place, &mut report);
    step("a timer with curl");
    timer::measure(&place, &mut report);
    if is_trial() {
        eprintln!("podman and docker are left out: their images take longer to load than the rest");
        println!("{report}");
        return;
    }
    for engine in [Engine::Podman, Engine::Docker] {
        step(engine.program());
        place.sandbox.load_image(engine).expect("the image");
        let container = Container { engine, place: &place };
        container.measure_checks(&mut report);
        container.measure_clients(&mut report);
    }
    println!("{report}");
}
