//! Attacks that never worked, as regression tests.

mod inside;
mod terminal;
mod user;

use crate::Test;
use conductor_sandbox::Engine;

pub(crate) const TESTS: &[Test] = &[
    ("a_user_gets_at_nothing", user::gets_at_nothing),
    ("a_user_manages_nothing", user::manages_nothing),
    ("names_are_no_paths", user::names_are_no_paths),
    ("a_native_service_is_kept_in", inside::native),
    ("docker_is_kept_in", |host| inside::container(host, Engine::Docker)),
    ("podman_is_kept_in", |host| inside::container(host, Engine::Podman)),
    ("a_terminal_obeys_no_definition", terminal::obeys_no_definition),
    ("a_terminal_obeys_no_service", terminal::obeys_no_service),
];
