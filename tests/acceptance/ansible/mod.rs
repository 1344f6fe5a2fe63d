//! The Ansible collection in `integrations/ansible`: the real Ansible, over SSH, on real hosts.

pub(crate) mod control;
mod failing;
pub(crate) mod fleet;
mod guide;
mod jobs;
mod quality;
mod role;
mod roll;
mod run;
mod service;
mod states;

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};

use crate::pool::{Company, Pool};

/// A test, with the number of hosts that it needs.
type FleetTest = (&'static str, fn(&Pool) -> Result<(), Failed>);

pub(crate) fn trials(pool: &Arc<Pool>) -> Vec<Trial> {
    let tests = [
        guide::TESTS,
        quality::TESTS,
        roll::TESTS,
        service::TESTS,
        states::TESTS,
        jobs::TESTS,
        failing::TESTS,
        role::TESTS,
        run::TESTS,
    ];
    let trial =
        |&(name, test): &FleetTest| pool.trial(Company::Others, format!("ansible::{name}"), test);
    tests.into_iter().flatten().map(trial).collect()
}
