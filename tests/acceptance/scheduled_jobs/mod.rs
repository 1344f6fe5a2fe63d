//! Scheduled jobs on a real systemd: timers, results of runs, and the operator's commands.

mod runs;
mod services;
mod times;
mod turns;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::Test;
use crate::host::Host;

pub(crate) const TESTS: &[Test] = &[
    ("overlapping_runs_are_skipped_or_queued", turns::overlapping_runs_are_skipped_or_queued),
    ("a_deploy_moves_jobs_and_lets_them_end", services::a_deploy_moves_jobs_and_lets_them_end),
    ("every_second_and_paused", times::every_second_and_paused),
    ("times_that_have_passed_start_nothing", times::times_that_have_passed_start_nothing),
    ("jobs_wait_for_their_turn", turns::jobs_wait_for_their_turn),
    ("an_interval_begins_when_a_run_has_ended", times::an_interval_begins_when_a_run_has_ended),
    ("a_run_that_was_missed_is_caught_up_on", times::a_run_that_was_missed_is_caught_up_on),
    ("failures_start_a_unit_and_are_shown", runs::failures_start_a_unit_and_are_shown),
    ("the_last_lines_are_those_of_the_last_run", runs::the_last_lines_are_those_of_the_last_run),
    ("what_a_job_gets", runs::what_a_job_gets),
    (
        "what_a_command_leaves_behind_ends_with_its_service",
        runs::what_a_command_leaves_behind_ends_with_its_service,
    ),
    ("past_runs", runs::past_runs),
    ("time_zones", times::time_zones),
    ("at_boot", times::at_boot),
    ("without_instances", services::without_instances),
    ("in_containers", services::in_containers),
    ("a_job_that_goes", services::a_job_that_goes),
];

const LOG: &str = "volumes: [/srv/out:/out]\n";

fn shell(script: &str) -> String {
    serde_json::json!(["/bin/sh", "-c", script]).to_string()
}

/// Defines a service without instances and with jobs, given as names and keys.
fn define(host: &Host, more: &str, jobs: &[(&str, &str)]) {
    host.sh("mkdir -p -m 777 /srv/out");
    let jobs = jobs.iter().map(|(name, keys)| format!("  {name}: {{{keys}}}\n"));
    let jobs = jobs.collect::<Vec<_>>().concat();
    host.define("a.yaml", &format!("id: a\ninstances: 0\n{LOG}{more}cron:\n{jobs}"));
}

fn jobs(host: &Host) -> BTreeMap<String, Value> {
    let status = host.conductor(&["status", "--output", "json"]).exits(0).json();
    let services = status["services"].as_array().expect("services").iter();
    let jobs = services.flat_map(|service| service["jobs"].as_array().expect("jobs").clone());
    jobs.map(|job| (job["name"].as_str().expect("a name").to_owned(), job)).collect()
}

fn lines(host: &Host, file: &str) -> Vec<f64> {
    let text = host.sh(&format!("cat /srv/out/{file} 2>/dev/null || true"));
    text.split_whitespace().map(|line| line.parse().expect("a time")).collect()
}

/// Returns whether the host has systemd 252, of Debian 12.
fn is_old(host: &Host) -> bool {
    host.sh("systemctl --version").starts_with("systemd 252")
}
