//! Which tests run: those of `CONDUCTOR_TEST_ONLY`, without those that a release of Debian cannot pass.

use std::env;

use conductor_sandbox::Release;
use libtest_mimic::Trial;

/// The environment variable with beginnings of names, with white space between them; only tests with one of them run.
/// The harness itself takes one word.
const ONLY: &str = "CONDUCTOR_TEST_ONLY";

/// Tests that cannot pass on a release of Debian, and why. They are run if an argument is `--include-ignored`.
const IMPOSSIBLE: [(Release, &str, &str); 4] = [
    (Release::Bookworm, "networks::docker_services_find_each_other", OLD_DOCKER),
    (Release::Bookworm, "networks::docker_has_a_network_as_long_as_it_is_used", OLD_DOCKER),
    (
        Release::Bookworm,
        "keys::podman_has_every_key",
        "Debian 12: podman 4.3 does not know host-gateway, and its runc raises a limit that a sandbox cannot raise",
    ),
    (Release::Bookworm, "exports::run_elsewhere", "Debian 12: podman 4.3 has no Quadlet"),
];
const OLD_DOCKER: &str = "Debian 12: docker 20.10 puts a new container into one network only";

/// Returns why a test cannot pass on the release of Debian that the sandboxes have; `None` if it can.
pub(crate) fn impossible(name: &str) -> Option<&'static str> {
    if env::args().any(|argument| argument == "--include-ignored") {
        return None;
    }
    // A wrong name of a release is an error of each test that makes a sandbox.
    let release = Release::chosen().ok()?;
    let mut all = IMPOSSIBLE.into_iter();
    all.find(|&(on, test, _)| on == release && test == name).map(|(_, _, reason)| reason)
}

/// Removes the tests that were not asked for. `left_out` says that those in a sandbox are not among them.
///
/// # Errors
///
/// A word of [`ONLY`], or a test that is [`IMPOSSIBLE`], is none of these tests.
pub(crate) fn choose(trials: &mut Vec<Trial>, left_out: bool) -> Result<(), String> {
    let mut impossible = IMPOSSIBLE.into_iter().map(|(_, test, _)| test);
    let unknown = impossible.find(|test| !trials.iter().any(|trial| trial.name() == *test));
    if let Some(test) = unknown.filter(|_| !left_out) {
        return Err(format!("tests/acceptance/chosen.rs: there is no test {test}"));
    }
    let Ok(words) = env::var(ONLY) else { return Ok(()) };
    let words: Vec<&str> = words.split_whitespace().collect();
    let begins = |trial: &Trial, word: &&str| trial.name().starts_with(*word);
    if let Some(word) = words.iter().find(|&word| !trials.iter().any(|trial| begins(trial, word))) {
        return Err(format!("{ONLY}: no test begins with {word}"));
    }
    trials.retain(|trial| words.iter().any(|word| begins(trial, word)));
    if trials.is_empty() {
        return Err(format!("{ONLY} is empty: name tests, or do not set it"));
    }
    Ok(())
}
