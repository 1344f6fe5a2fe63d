//! Acceptance tests: the real binary on miniature inputs, and against a real systemd in a sandbox.
//!
//! A word behind `--` chooses tests by name: `cargo test --test acceptance -- foreign`. So do several words in the
//! environment variable `CONDUCTOR_TEST_ONLY`. The tests of a
//! sandbox need root on Debian (see the crate `conductor-sandbox`), and fail where they cannot run;
//! the environment variable `CONDUCTOR_TEST_NO_SANDBOX=1` leaves them out, and says so on standard
//! error.

#![expect(clippy::print_stderr, reason = "progress and times are for whoever runs the tests")]

mod ansible;
mod apply;
mod attacks;
mod background;
mod bad_host;
mod bad_input;
mod beside_cron;
mod boot;
mod calendars;
mod calls;
mod cases;
mod chef;
mod chosen;
mod containers;
mod contract;
mod cron;
mod crontabs;
mod debian_package;
mod demo;
mod dependencies;
mod deploy;
mod docker;
mod exports;
mod external;
mod failing_start;
mod fixed_ports;
mod foreign;
mod health;
mod host;
mod hostile;
mod hostile_text;
mod images;
mod keys;
mod killed;
mod leftovers;
mod machine;
mod mail;
mod monitoring;
mod networks;
mod numbers;
mod older_files;
mod operator_mistakes;
mod pods;
mod pool;
mod ports;
mod programs;
mod proxy;
mod prune;
mod ran;
mod readme;
mod reporting;
mod resources;
mod run;
mod sandboxing;
mod scheduled_jobs;
mod scopes;
mod sockets;
mod starts;
mod state;
mod tutorial;
mod unhealthy;
mod verify;

use std::env;
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};

use host::Host;
use pool::{Company, Pool};

/// A test that works in a sandbox of its own for as long as it runs.
type Test = (&'static str, fn(&Host));

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Each thread has a sandbox. They wait more than they compute: four use two cores well, and five were no faster.
    arguments.test_threads.get_or_insert(4);
    let pool = Arc::new(Pool::default());
    let left_out = env::var_os("CONDUCTOR_TEST_NO_SANDBOX").is_some_and(|value| value == "1");
    let mut trials = trials(&pool, left_out);
    if let Err(error) = chosen::choose(&mut trials, left_out) {
        eprintln!("{error}");
        return ExitCode::from(2);
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    for name in pool.repeated() {
        eprintln!(
            "{name}: passed only when it was repeated by itself; see its first failure above"
        );
    }
    // Ends the sandboxes before the process.
    drop(pool);
    conclusion.exit_code()
}

/// Returns all tests, if asked without those in a sandbox.
fn trials(pool: &Arc<Pool>, left_out: bool) -> Vec<Trial> {
    let mut trials = cases::trials(pool);
    trials.extend(external::trials(pool));
    trials.extend(readme::trials(pool));
    if left_out {
        eprintln!("CONDUCTOR_TEST_NO_SANDBOX=1: the tests against a real systemd are left out");
    } else {
        trials.extend(machine::trials(pool));
        trials.push(external::on_a_host(pool));
        trials.extend(chef::trials(pool));
        trials.extend(programs::trials(pool));
        trials.extend(demo::trials(pool));
        trials.extend(exports::trials(pool));
        trials.extend(monitoring::trials(pool));
        trials.extend(crontabs::trials(pool));
        trials.extend(mail::trials(pool));
        trials.extend(debian_package::trials(pool));
        // The slowest come first, so that no core is idle at the end.
        for (theme, tests) in [
            ("deploy", deploy::under_load::TESTS),
            ("deploy", deploy::killed::TESTS),
            ("deploy", deploy::drain::TESTS),
            ("deploy", deploy::lock::TESTS),
            ("deploy", deploy::interrupted::TESTS),
            ("deploy", deploy::releases::TESTS),
            ("deploy", deploy::renewal::TESTS),
            ("deploy", deploy::together::TESTS),
            ("deploy", deploy::processes::TESTS),
            ("calendars", calendars::TESTS),
            ("hostile", hostile::TESTS),
            ("killed", killed::TESTS),
            ("leftovers", leftovers::TESTS),
            ("containers", containers::TESTS),
            ("keys", keys::TESTS),
            ("images", images::TESTS),
            ("networks", networks::TESTS),
            ("fixed_ports", fixed_ports::TESTS),
            ("dependencies", dependencies::TESTS),
            ("docker", docker::TESTS),
            ("attacks::one_offs", attacks::one_offs::TESTS),
            ("attacks::health", attacks::health::TESTS),
            ("attacks::sockets", attacks::sockets::TESTS),
            ("attacks::modes", attacks::modes::TESTS),
            ("attacks::files", attacks::files::TESTS),
            ("attacks::environment", attacks::environment::TESTS),
            ("attacks::definitions", attacks::definitions::TESTS),
            ("attacks::journal", attacks::journal::TESTS),
            ("attacks::hung_checks", attacks::hung_checks::TESTS),
            ("attacks::held", attacks::held::TESTS),
            ("scheduled_jobs", scheduled_jobs::TESTS),
            ("mail", mail::TESTS),
            ("run", run::TESTS),
            ("contract", contract::TESTS),
            ("sockets", sockets::TESTS),
            ("unhealthy", unhealthy::TESTS),
            ("health", health::TESTS),
            ("apply", apply::TESTS),
            ("operator_mistakes", operator_mistakes::TESTS),
            ("proxy", proxy::TESTS),
            ("prune", prune::TESTS),
            ("foreign", foreign::TESTS),
            ("older_files", older_files::TESTS),
            ("bad_host", bad_host::TESTS),
            ("bad_input", bad_input::TESTS),
            ("failing_start", failing_start::TESTS),
            ("starts", starts::TESTS),
            ("tutorial", tutorial::TESTS),
            ("ports", ports::TESTS),
            ("boot", boot::TESTS),
            ("scopes", scopes::TESTS),
            ("sandboxing", sandboxing::TESTS),
            ("state", state::TESTS),
            ("resources", resources::TESTS),
            ("cron", cron::TESTS),
            ("crontabs", crontabs::TESTS),
            ("monitoring::hooks", monitoring::hooks::TESTS),
            ("reporting", reporting::TESTS),
        ] {
            for &(name, test) in tests {
                trials.push(pool.trial(Company::Others, format!("{theme}::{name}"), move |pool| {
                    pool.run(test)
                }));
            }
        }
        let alone = |&(name, test): &Test| {
            pool.trial(Company::Nobody, format!("run::{name}"), move |pool| pool.run(test))
        };
        trials.extend(run::ALONE.iter().map(alone));
        trials.extend(run::LONG.iter().map(|test| alone(test).with_ignored_flag(true)));
        trials.extend(verify::trials(pool));
        trials.extend(ansible::trials(pool));
    }
    trials
}
