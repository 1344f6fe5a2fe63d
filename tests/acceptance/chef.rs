//! The cookbook for Chef (`integrations/chef`) in a sandbox that has Ruby: its specs, which run the real
//! conductor, and what `rubocop` finds.

use std::sync::Arc;

use libtest_mimic::Trial;

use crate::Test;
use crate::host::Host;
use crate::pool::{Company, Pool, REPOSITORY};
use crate::ran::Ran;

/// The time limit of a command, in seconds.
const PATIENCE: &str = "500";

/// Ruby's syntax check of each file, with warnings.
const SYNTAX: &str = "for file in $(find . -name '*.rb'); do ruby -wc \"$file\" 2>&1; done";

// One test, because booting a second sandbox takes as long as rubocop.
const TESTS: &[Test] = &[("the_specs_pass_and_nothing_is_wrong", the_specs_pass)];

pub(crate) fn trials(pool: &Arc<Pool>) -> Vec<Trial> {
    let trial = |&(name, test): &Test| {
        pool.trial(Company::Others, format!("chef::{name}"), move |pool| pool.run_with_ruby(test))
    };
    TESTS.iter().map(trial).collect()
}

/// Runs a command in the cookbook that must succeed.
#[track_caller]
fn run(host: &Host, command: &str) -> Ran {
    let mut inside = host.sandbox.command("timeout");
    let script = format!("cd {REPOSITORY}/integrations/chef; {command}");
    Ran::new(inside.args([PATIENCE, "sh", "-ec", &script])).exits(0)
}

fn the_specs_pass(host: &Host) {
    run(host, "rspec").says("the guide").says(" examples, 0 failures");
    run(host, "rubocop --cache false").says("no offenses detected");
    let ran = run(host, SYNTAX);
    assert!(ran.stdout.lines().count() > 10, "{ran}");
    assert!(ran.stdout.lines().all(|line| line == "Syntax OK"), "{ran}");
}
