//! Each target for some seconds, as a step of CI.

use std::process::Command;

#[test]
fn every_target_is_well_for_some_seconds() {
    let smoke = Command::new(env!("CARGO_BIN_EXE_conductor-fuzz")).args(["smoke", "4"]).output();
    let smoke = smoke.expect("it can be started");
    let said = String::from_utf8_lossy(&smoke.stdout);
    let failed = String::from_utf8_lossy(&smoke.stderr);
    assert!(smoke.status.success(), "{said}{failed}");
    assert_eq!(said.lines().count(), conductor_fuzz::TARGETS.len(), "{said}");
}
