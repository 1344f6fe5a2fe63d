//! How long a deploy takes beyond the start of the application, next to Compose and Quadlet.
//!
//! `cargo bench --bench deploy` runs all cases in one sandbox, in about ten minutes; a word after `--` selects
//! the cases with that word in their names. Compare only figures of one run: other work on the machine makes
//! them worse, and not equally. `cargo test` runs one deploy of a native service, with and without nginx.
//! It leaves out the engines, whose images take longer to load than all the rest, and Compose, which would have
//! to be downloaded.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark talks to a person")]

mod bare;
mod crowd;
mod deploys;
mod peers;
mod place;
mod table;

use std::env;

use conductor_sandbox::Engine;

use crate::deploys::{Case, measure};
use crate::peers::Peer;
use crate::place::{Place, is_trial};
use crate::table::Report;

fn main() {
    if env::var_os("CONDUCTOR_TEST_NO_SANDBOX").is_some_and(|value| value == "1") {
        eprintln!("CONDUCTOR_TEST_NO_SANDBOX=1: the benchmark of deploys is left out");
        return;
    }
    let place = Place::boot();
    if is_trial() {
        try_out(&place);
        return;
    }
    for engine in [Engine::Docker, Engine::Podman] {
        place.sandbox.load_image(engine).expect("the image");
    }
    let mut report = Report::new(place.nothing());
    let cases = [
        Case { name: "native", engine: None, nginx: false, sandbox: true },
        Case { name: "native, nginx", engine: None, nginx: true, sandbox: true },
        Case { name: "native, sandbox: false", engine: None, nginx: false, sandbox: false },
        Case { name: "native, nginx, sandbox: false", engine: None, nginx: true, sandbox: false },
        Case { name: "docker", engine: Some(Engine::Docker), nginx: false, sandbox: true },
        Case { name: "podman", engine: Some(Engine::Podman), nginx: false, sandbox: true },
    ];
    for case in &cases {
        measure(&place, case, "", &mut report);
    }
    for sandbox in [true, false] {
        bare::measure(&place, sandbox, &mut report);
    }
    for peer in Peer::ALL {
        peer.measure(&place, &mut report);
    }
    if report.wants(crowd::OTHERS) {
        crowd::others(&place);
        for case in &cases {
            measure(&place, case, crowd::OTHERS, &mut report);
        }
        crowd::go(&place);
    }
    if report.wants(crowd::OWN) {
        crowd::own(&place);
        for case in &cases[..2] {
            measure(&place, case, crowd::OWN, &mut report);
        }
    }
    println!("{report}");
}

/// Runs each part of the benchmark that needs neither an image nor the network once.
fn try_out(place: &Place) {
    eprintln!(
        "podman, docker and Compose are left out: their images take longer to load than the rest"
    );
    let mut report = Report::new(place.nothing());
    for (name, nginx) in [("native", false), ("native, nginx", true)] {
        measure(place, &Case { name, engine: None, nginx, sandbox: true }, "", &mut report);
    }
    bare::measure(place, false, &mut report);
    println!("{report}");
}
