//! `conductor run`: a command's environment, its end, and its cleanup.

mod ends;
mod gets;
mod leaves;
mod terminal;

use std::thread;
use std::time::{Duration, Instant};

use conductor_sandbox::Engine;

use crate::Test;
use crate::host::Host;
use crate::ran::Ran;

pub(crate) const TESTS: &[Test] = &[
    ("native_exit_statuses_and_input_and_output", |host| ends::statuses_and_streams(host, None)),
    ("docker_exit_statuses_and_input_and_output", |host| {
        ends::statuses_and_streams(host, Some(Engine::Docker));
    }),
    ("podman_exit_statuses_and_input_and_output", |host| {
        ends::statuses_and_streams(host, Some(Engine::Podman));
    }),
    ("native_signals_and_the_death_of_conductor", |host| leaves::signals(host, None)),
    ("docker_signals_and_the_death_of_conductor", |host| {
        leaves::signals(host, Some(Engine::Docker));
    }),
    ("podman_signals_and_the_death_of_conductor", |host| {
        leaves::signals(host, Some(Engine::Podman));
    }),
    ("native_a_signal_at_any_moment", |host| leaves::a_signal_at_any_moment(host, None)),
    ("docker_a_signal_at_any_moment", |host| {
        leaves::a_signal_at_any_moment(host, Some(Engine::Docker));
    }),
    ("podman_a_signal_at_any_moment", |host| {
        leaves::a_signal_at_any_moment(host, Some(Engine::Podman));
    }),
    ("native_terminals", |host| terminal::works(host, None)),
    ("docker_terminals", |host| terminal::works(host, Some(Engine::Docker))),
    ("podman_terminals", |host| terminal::works(host, Some(Engine::Podman))),
    ("no_terminal_was_asked_for", terminal::none_was_asked_for),
    ("native_gets_what_the_service_gets", |host| gets::what_the_service_gets(host, None)),
    ("docker_gets_what_the_service_gets", |host| {
        gets::what_the_service_gets(host, Some(Engine::Docker));
    }),
    ("podman_gets_what_the_service_gets", |host| {
        gets::what_the_service_gets(host, Some(Engine::Podman));
    }),
    ("a_root_of_its_own", gets::a_root_of_its_own),
    ("revisions", gets::revisions),
    ("the_line_of_the_talk_from_a_timer", gets::the_line_of_the_talk_from_a_timer),
    ("detached", leaves::detached),
    ("what_was_killed_before_it_began", leaves::what_was_killed_before_it_began),
    ("a_users_manager", gets::a_users_manager),
    ("mistakes", ends::mistakes),
];

/// Tests that load the machine.
pub(crate) const ALONE: &[Test] =
    &[("native_two_hundred_at_once", |host| leaves::two_hundred_at_once(host, None))];

/// Those that take longer, and are left to `.ci/long`.
pub(crate) const LONG: &[Test] = &[
    ("docker_two_hundred_at_once", |host| {
        leaves::two_hundred_at_once(host, Some(Engine::Docker));
    }),
    ("podman_two_hundred_at_once", |host| {
        leaves::two_hundred_at_once(host, Some(Engine::Podman));
    }),
];

/// Defines a service without instances, at revision v1, in the test's image or on the host.
fn define(host: &Host, engine: Option<Engine>, rest: &str) {
    let image = engine.map_or_else(String::new, |engine| {
        host.sandbox.load_image(engine).expect("the engine takes the image");
        format!("runtime: {}\nimage: localhost/app\n", engine.program())
    });
    host.define("a.yaml", &format!("id: a\nrevision: v1\ninstances: 0\n{image}{rest}"));
}

/// Runs a shell script as a run of the service.
#[track_caller]
fn shell(host: &Host, options: &[&str], script: &str) -> Ran {
    let words = [&["run", "--id", "a"], options, &["/bin/sh", "-c", script]].concat();
    host.conductor(&words)
}

/// Asserts that soon no unit, file, socket or container of any run is left.
#[track_caller]
fn nothing_is_left(host: &Host, engine: Option<Engine>) {
    let containers =
        engine.map_or_else(String::new, |engine| format!("{} ps --all --quiet", engine.program()));
    let script = format!(
        "systemctl list-units --all --plain --no-legend 'conductor-*-run-*'; {containers}
         ls -d /run/systemd/system/conductor-*-run-* /run/conductor/*run-* /run/conductor/runs/run-* 2>/dev/null || true"
    );
    let deadline = Instant::now() + Duration::from_mins(2);
    loop {
        let left = host.sh(&script);
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "this is left: {left}");
        thread::sleep(Duration::from_millis(50));
    }
}
