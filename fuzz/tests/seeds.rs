//! Every seed, and every input that once went wrong, is well.

use std::panic;

use conductor_fuzz::{TARGETS, seeds};

#[test]
fn every_seed_is_well() {
    for (name, target) in TARGETS {
        let seeds = seeds::of(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        for (file, input) in seeds {
            let outcome = panic::catch_unwind(|| target(&input));
            assert!(outcome.is_ok(), "{} is not well; see above", file.display());
        }
    }
}
